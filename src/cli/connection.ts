// Where the daemon answers: by option, environment, or its own configuration file.
import { MusterError } from '../errors.ts';
import { DEFAULT_SOCKET } from './options.ts';

export interface ConnectionOptions {
  socket?: string;
  config?: string;
  baseUrl?: string;
}

/** Returns what finds the daemon's socket, and reads the configuration only then: `init` writes the file that --config names. */
export async function socketFinder(options: ConnectionOptions, environment: NodeJS.ProcessEnv): Promise<() => string> {
  // The reader loads slowly, and few commands name a file.
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
    `--base-url ${url}: musterd is administered over its Unix socket only; write unix:${DEFAULT_SOCKET}, or run the command on the head.`,
  );
}

/** The name for the audit trail. Every user of the head can read a command line, so no password may be in it. */
export function userFor(name: string | undefined): string | undefined {
  if (name === undefined) return undefined;
  if (name.includes(':'))
    throw new MusterError(
      'bad-usage',
      "--user takes a name alone: the socket's permissions say who may use it, and a password here could be read by every user.",
    );
  if (!/^[\w.@-]{1,64}$/.test(name)) throw new MusterError('bad-usage', `--user '${name}' is not a valid user name.`);
  return name;
}
