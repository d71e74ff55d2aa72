// The few commands of QMP (QEMU's machine protocol, JSON lines on a Unix socket) that the lab uses.
import { connect, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { MusterError } from '../src/errors.ts';

/** The pause between two tries to reach a socket that QEMU has not made yet, in milliseconds. */
const RETRY_MS = 20;

/** Sends one command to the machine and returns its answer. */
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

export interface QmpEvent {
  event: string;
  data?: Record<string, unknown>;
}

/** Reports every event of the machine until `close`. Connects as soon as QEMU has made its socket. */
export function followQmp(socket: string, onEvent: (event: QmpEvent) => void): { close(): void } {
  let closed = false;
  let connection: Socket | undefined;
  const follow = async (): Promise<void> => {
    while (!closed) {
      const line = connect(socket);
      connection = line;
      // An unreachable socket closes without an end of its lines.
      const gone = new Promise<void>(resolve => line.once('close', () => resolve()));
      line.on('error', () => {});
      line.once('connect', () => line.write('{"execute":"qmp_capabilities"}\n'));
      const lines = createInterface({ input: line });
      lines.on('error', () => {});
      lines.on('line', text => {
        const message = readEvent(text);
        if (message && !closed) onEvent(message);
      });
      await gone;
      if (!closed) await sleep(RETRY_MS);
    }
  };
  void follow();
  return {
    close() {
      closed = true;
      connection?.destroy();
    },
  };
}

function readEvent(text: string): QmpEvent | undefined {
  try {
    const message: unknown = JSON.parse(text);
    return typeof message === 'object' && message !== null && 'event' in message ? (message as QmpEvent) : undefined;
  } catch {
    return undefined;
  }
}
