// Steps that unpack and change images need root: sudo reruns an administrator's command in their own workspace.
import { existsSync, realpathSync } from 'node:fs';
import { userInfo } from 'node:os';
import { MusterError } from '../errors.ts';
import { PROXY_NAMES } from '../process/proxies.ts';
import { run } from '../process/run.ts';
import { hideWords } from './hide-words.ts';
import type { Context } from './table.ts';
import { userSettings } from './user-settings.ts';

export const isRoot = (): boolean => process.getuid?.() === 0;

/**
 * Passes the site's proxies through sudo, which keeps little of the environment: as words for `env`, which every sudo rule for
 * the command allows. A proxy with a password goes through the environment (sudo(8), --preserve-env), because words appear in the process list.
 */
export function proxiesThrough(env: NodeJS.ProcessEnv): { words: string[]; options: string[] } {
  const given = PROXY_NAMES.filter(name => env[name]);
  const secret = given.filter(name => env[name]?.includes('@'));
  return {
    words: given.filter(name => !secret.includes(name)).map(name => `${name}=${env[name]}`),
    options: secret.length > 0 ? [`--preserve-env=${secret.join(',')}`] : [],
  };
}

/** Runs the command line again as root and returns its exit status. `what` names the command in errors. */
export async function againAsRoot({ socket, typed }: Context, what: string): Promise<number> {
  if (!['/usr/bin/sudo', '/bin/sudo', '/usr/local/bin/sudo'].some(path => existsSync(path)))
    throw new MusterError(
      'not-allowed',
      `${what} unpacks an image and runs programs inside it: become root, or install sudo.`,
    );
  const { workspace } = userSettings();
  const home = process.env['HOME'] || userInfo().homedir;
  const { words, options } = proxiesThrough(process.env);
  const names = [`MUSTER_WORKSPACE=${workspace}`, `MUSTER_SOCKET=${socket}`, `HOME=${home}`, ...words];
  // The program by its path, because its name may be a word (`scyld-modimg`).
  const program = [process.execPath, realpathSync(process.argv[1] ?? '')];
  // Not this process's own words, because this may be one step of `add-boot-config`.
  const hidden = await hideWords(typed);
  const argv = [...options, '--', 'env', ...names, ...program, ...hidden.words];
  const { status } = await run('sudo', argv, { terminal: true }).finally(hidden.remove);
  // The command itself never exits with 1.
  if (status === 1)
    throw new MusterError(
      'not-allowed',
      `${what} unpacks an image and runs programs inside it, and sudo refused that.`,
      {
        hint: 'Let sudo run all commands, without a password if there is no terminal, or become root.',
      },
    );
  return status;
}
