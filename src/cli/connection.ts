// Finds the daemon's socket from an option, the environment, or its configuration file.
import { MusterError } from '../errors.ts';
import { DEFAULT_SOCKET } from './options.ts';

export interface ConnectionOptions {
  socket?: string;
  config?: string;
  baseUrl?: string;
}

/** Returns a function that finds the daemon's socket. It reads the configuration late, because `init` writes the file that --config names. */
export async function socketFinder(options: ConnectionOptions, environment: NodeJS.ProcessEnv): Promise<() => string> {
  // The reader loads slowly, and few commands need it.
  const loadConfig = options.config ? (await import('../config.ts')).loadConfig : undefined;
  return () => {
    if (options.socket) return options.socket;
    if (options.baseUrl) return socketOfUrl(options.baseUrl);
    if (options.config && loadConfig) return loadConfig(options.config)['paths.socket'];
    return environment['MUSTER_SOCKET'] || DEFAULT_SOCKET;
  };
}

function socketOfUrl(url: string): string {
  const path = /^(?:http\+)?unix:(?:\/\/)?(\/.+)$/.exec(url)?.[1];
  if (path) return path;
  throw new MusterError(
    'bad-usage',
    `--base-url ${url}: musterd listens only on its Unix socket; use unix:${DEFAULT_SOCKET}, or run the command on the head.`,
  );
}

/** Returns the name for the audit trail. Every user of the head can read a command line, so it must contain no password. */
export function userFor(name: string | undefined): string | undefined {
  if (name === undefined) return undefined;
  if (name.includes(':'))
    throw new MusterError(
      'bad-usage',
      "--user takes only a name: the socket's permissions control access, and every user could read a password here.",
    );
  if (!/^[\w.@-]{1,64}$/.test(name)) throw new MusterError('bad-usage', `--user '${name}' is not a valid user name.`);
  return name;
}
