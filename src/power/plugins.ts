// A site's own drivers: programs in a folder, each named by its scheme. Each question is a separate process, so a broken driver
// harms nothing else.
import { constants } from 'node:fs';
import { access, lstat, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { MusterError, reasonOf, systemCode } from '../errors.ts';
import { POWER_SCHEMES, type PowerUri } from '../model/power-uri.ts';
import type { PowerDriver, PowerReading } from './driver.ts';
import { lastLine, type Tools } from './tools.ts';
import { WordTarget } from './word-target.ts';

/** A file of the folder: a driver, or why it is not one. */
export interface Plugin {
  file: string;
  scheme: string;
  problem?: string;
}

/** Returns the current contents of the folder. A missing folder has none. */
export async function listPlugins(folder: string): Promise<Plugin[]> {
  const names = await readdir(folder).catch(error => {
    if (systemCode(error) === 'ENOENT') return [];
    throw new MusterError('bad-config', `power.drivers ${folder} cannot be read: ${reasonOf(error)}`);
  });
  const shown = names.filter(name => !name.startsWith('.') && name !== 'README').sort();
  return Promise.all(
    shown.map(async (name): Promise<Plugin> => {
      const file = join(folder, name);
      const scheme = name.replace(/\.(sh|py|pl|rb|js|mjs)$/, '');
      const problem = await pluginProblem(file, scheme);
      return { file, scheme, ...(problem && { problem }) };
    }),
  );
}

/** Returns why a file is not a driver: only root may change it, it must be executable, and its name must be free. */
async function pluginProblem(file: string, scheme: string): Promise<string | undefined> {
  if (!/^[a-z][a-z0-9+.-]*$/.test(scheme)) return 'its name is no scheme: lower-case letters, digits, + . -';
  if (Object.hasOwn(POWER_SCHEMES, scheme)) return `the scheme '${scheme}' is built in`;
  const found = await stat(file).catch(() => undefined);
  const self = await lstat(file).catch(() => undefined);
  if (!found?.isFile() || !self) return 'it is no file';
  const owner = process.getuid?.() ?? 0;
  if (found.uid !== 0 && found.uid !== owner) return "it belongs neither to root nor to musterd's user";
  if ((found.mode & 0o022) !== 0) return 'others than its owner may write it (chmod go-w)';
  const runs = await access(file, constants.X_OK).then(
    () => true,
    () => false,
  );
  return runs ? undefined : 'it is not executable (chmod +x)';
}

export function pluginDriver({ scheme, file }: Plugin): PowerDriver {
  return { scheme, open: (uri, tools) => new PluginTarget(file, uri, tools) };
}

class PluginTarget extends WordTarget {
  readonly name: string;
  private readonly file: string;
  private readonly uri: PowerUri;
  private readonly tools: Tools;

  constructor(file: string, uri: PowerUri, tools: Tools) {
    super();
    this.file = file;
    this.uri = uri;
    this.tools = tools;
    this.name = `${uri.scheme} ${uri.host ?? uri.name ?? ''}`.trim();
  }

  async status(): Promise<PowerReading> {
    const said = lastLine(await this.ask('status')).toLowerCase();
    if (said === 'on' || said === 'off' || said === 'changing') return said;
    throw new MusterError(
      'power-failed',
      `${this.name}: ${this.file} status printed '${said.slice(0, 100)}' instead of on, off or changing`,
    );
  }

  /** Status 0 is done, 75 (EX_TEMPFAIL) busy, 77 (EX_NOPERM) a wrong login, 69 (EX_UNAVAILABLE) silence: sysexits(3). */
  protected async ask(...words: string[]): Promise<string> {
    const { scheme, user = '', password = '', host = '', port, name = '', options } = this.uri;
    const env: Record<string, string> = {
      POWER_SCHEME: scheme,
      POWER_USER: user,
      POWER_HOST: host,
      POWER_PORT: port === undefined ? '' : String(port),
      POWER_NAME: name,
      POWER_TIMEOUT: String(Math.ceil(this.tools.timeoutMs / 1000)),
    };
    for (const [key, value] of Object.entries(options)) env[`POWER_OPTION_${key.replace(/\W/g, '_')}`] = value;
    const secrets = [{ name: 'POWER_PASSWORD', value: password }];
    const result = await this.tools.run(this.file, words, { env, secrets }).catch((error: unknown) => {
      if (error instanceof MusterError && error.code === 'tool-missing')
        throw new MusterError(
          'power-failed',
          `${this.name}: ${this.file} cannot be started (is its first line right?)`,
        );
      throw new MusterError('power-failed', `${this.name}: ${this.file} cannot be started: ${reasonOf(error)}`);
    });
    if (!result) throw new MusterError('bmc-silent', `${this.name} did not answer in ${this.tools.timeoutMs / 1000} s`);
    if (result.status === 0) return result.stdout;
    const code = ({ 75: 'bmc-busy', 77: 'bmc-refused', 69: 'bmc-silent' } as const)[result.status as 75 | 77 | 69];
    const said = lastLine(result.stderr) || `ended with status ${result.status}`;
    throw new MusterError(code ?? 'power-failed', `${this.name}: ${said}`);
  }
}
