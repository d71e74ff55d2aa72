// The TFTP server in a thread with its own loop: a storm of transfers delays no other answer of the daemon.
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { tracked } from '../descriptors.ts';
import { loadLibc } from '../libc.ts';
import { heed } from '../wake.ts';
import type { ContentAnswer } from './contents.ts';
import { Counts } from './counts.ts';
import type { Client } from './datagrams.ts';
import { OwnLoop } from './own-loop.ts';
import { OwnSockets } from './own-socket.ts';
import type { Request } from './packet.ts';
import { Server } from './server.ts';
import type { FromThread, ThreadData, ToThread } from './thread-protocol.ts';

/** Lines and notes that may wait for a busy event loop; further ones are lost, or a flood would fill its memory. */
const MOST_UNHEARD = 8192;

const port = parentPort as MessagePort;
const { options, wake, counts, unheard, held, pulse } = workerData as ThreadData;
const libc = tracked(await loadLibc(), held);
const loop = new OwnLoop(libc);
const sockets = new OwnSockets(libc, loop);
const asked = new Map<number, (answer: ContentAnswer) => void>();
let lastAsked = 0;
const server = new Server(options, {
  loop: sockets,
  counts: new Counts(counts),
  listeners: {
    line: (...line) => mention({ kind: 'line', line }),
    progress: (client, look) => mention({ kind: 'progress', client, look }),
    note: (client, note) => mention({ kind: 'note', client, note }),
  },
  content: async (request: Request, client: Client, mostBlock: number) => {
    lastAsked += 1;
    const id = lastAsked;
    tell({ kind: 'ask', id, request, client, mostBlock });
    return new Promise(resolve => asked.set(id, resolve));
  },
});

loop.watch(wake, () => {
  for (const message of heed<ToThread>(wake, port, pulse)) take(message);
  loop.settle();
});
await server.listen();
tell({ kind: 'listening' });
await loop.run();
loop.close();
port.close();

function take(message: ToThread): void {
  if (message.kind === 'stop') {
    void server.close();
    loop.stop();
    return;
  }
  const { id, answer } = message;
  asked.get(id)?.('content' in answer ? { ...answer, content: asBuffer(answer.content) } : answer);
  asked.delete(id);
}

/** A message turns it into a plain array of the same memory. */
function asBuffer({ buffer, byteOffset, length }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, length);
}

function mention(message: FromThread): void {
  if (Atomics.load(unheard, 0) >= MOST_UNHEARD) return;
  Atomics.add(unheard, 0, 1);
  tell(message);
}

function tell(message: FromThread): void {
  port.postMessage(message);
}
