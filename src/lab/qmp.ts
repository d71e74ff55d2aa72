// The few words of QMP (QEMU's machine protocol, JSON lines on a Unix socket) that the lab speaks.
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import { MusterError } from '../errors.ts';

/** Says one command to the machine and comes back with its answer. */
export async function qmp(socket: string, execute: string, args: Record<string, unknown> = {}): Promise<unknown> {
  const connection = connect(socket);
  // An error ends the lines below, which then have no answer.
  connection.on('error', () => {});
  const say = (command: string, words?: Record<string, unknown>): void => {
    connection.write(`${JSON.stringify({ execute: command, ...(words && { arguments: words }) })}\n`);
  };
  const deadline = setTimeout(() => connection.destroy(), 10_000);
  try {
    let greeted = false;
    let capable = false;
    for await (const line of createInterface({ input: connection })) {
      const message = JSON.parse(line) as { QMP?: unknown; return?: unknown; error?: { desc?: string } };
      if (message.error)
        throw new MusterError('tool-failed', `QEMU refused '${execute}': ${message.error.desc ?? line}`);
      if (message.QMP && !greeted) {
        greeted = true;
        say('qmp_capabilities');
      } else if ('return' in message && !capable) {
        capable = true;
        say(execute, args);
      } else if ('return' in message) return message.return;
    }
  } finally {
    clearTimeout(deadline);
    connection.destroy();
  }
  throw new MusterError('tool-failed', `QEMU did not answer '${execute}'; has the machine ended?`);
}
