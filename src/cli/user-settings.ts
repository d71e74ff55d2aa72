// `~/.scyldcw/settings.ini`: an administrator's personal settings.
import { readFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { MusterError, reasonOf, systemCode } from '../errors.ts';
import { readIni } from './ini.ts';

export interface UserSettings {
  /** The folder of local images. */
  workspace: string;
  /** How to reach a node for `--capture`; through the head if unset. */
  ssh: { command: string[]; user: string; key: string | undefined } | undefined;
}

const FOLDER = '.scyldcw';

/** `MUSTER_WORKSPACE` wins over `modimg.workspace`, which wins over `~/.scyldcw/workspace`. */
export function userSettings(env: NodeJS.ProcessEnv = process.env): UserSettings {
  // Without HOME (cron, systemd units), uses the home folder from the user database.
  const home = join(env['HOME'] || userInfo().homedir, FOLDER);
  const file = join(home, 'settings.ini');
  const setting = reader(file);
  const places: [string, string | undefined][] = [
    ['MUSTER_WORKSPACE', env['MUSTER_WORKSPACE']],
    [`${file}: modimg.workspace`, setting('modimg', 'workspace')],
    ['HOME', join(home, 'workspace')],
  ];
  const [name, workspace = ''] = places.find(([, value]) => value) ?? [''];
  if (!isAbsolute(workspace))
    throw new MusterError('bad-workspace', `${name} must be an absolute path: '${workspace}' cannot be a workspace.`);
  return {
    workspace,
    ssh: ['command', 'user', 'key'].some(name => setting('ssh', name))
      ? {
          command: (setting('ssh', 'command') || 'ssh').split(/\s+/),
          user: setting('ssh', 'user') || 'root',
          key: setting('ssh', 'key') || undefined,
        }
      : undefined,
  };
}

/** Reads both forms: `[modimg]` with `workspace = …` below it, and `modimg.workspace = …` anywhere. */
function reader(file: string): (section: string, name: string) => string | undefined {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return () => undefined;
    throw new MusterError('bad-value', `${file}: cannot be read: ${reasonOf(error)}`);
  }
  const sections = readIni(text, file, '');
  return (section, name) =>
    sections.find(found => found.name === section)?.values[name] ??
    sections.map(({ values }) => values[`${section}.${name}`]).find(value => value !== undefined);
}
