// Runs one action: finds the daemon, shows progress, and closes the connection afterwards.
import type { AdminClient } from '../api/client.ts';
import { MusterError, reasonOf, systemCode } from '../errors.ts';
import { asCommand } from '../masking.ts';
import { type ConnectionOptions, socketFinder, userFor } from './connection.ts';
import type { Action, Context, Given, Noun } from './table.ts';
import { createTerminal } from './terminal.ts';

export async function perform(
  noun: Noun,
  action: Action,
  given: Given,
  options: Record<string, unknown>,
  words: readonly string[],
  runCommandLine: (words: readonly string[]) => Promise<number>,
): Promise<number> {
  // Under sudo, the audit trail names the caller.
  const sudoer = process.getuid?.() === 0 ? process.env['SUDO_USER'] : undefined;
  const user = userFor((options['user'] as string | undefined) ?? sudoer);
  const terminal = createTerminal({ quiet: given.quiet });
  // Loaded here so that help and usage errors are fast.
  const { AdminClient: Client } = await import('../api/client.ts');
  const socketOf = await socketFinder(options as ConnectionOptions, process.env);
  let client: AdminClient | undefined;
  const context: Context = {
    given,
    typed: words,
    // Looked up on demand: not every action needs a daemon, and one writes the file that --config names.
    get socket() {
      return socketOf();
    },
    run: async more => runCommandLine([...more, '--socket', context.socket, ...(given.quiet ? ['--quiet'] : [])]),
    terminal,
    kind: noun.kind,
    get client() {
      if (!client) {
        const { socket } = context;
        if (given.verbose > 0) terminal.say(`INFO: asking musterd on ${socket}`);
        const trace = given.verbose > 1 ? { trace: (text: string) => terminal.say(`DEBUG: ${text}`) } : {};
        client = new Client({ socket, command: asCommand(words), ...(user && { user }), ...trace });
      }
      return client;
    },
  };
  try {
    return await action.run(context);
  } catch (error) {
    const code = systemCode(error);
    if (code !== 'ENOSPC' && code !== 'EDQUOT') throw error;
    throw new MusterError('disk-full', `There is no space left on a disk of this machine: ${reasonOf(error)}`, {
      cause: error,
    });
  } finally {
    await client?.close();
  }
}
