// Requests, packets and transfers without end, from any number of clients: memory and work stay bounded.
import test from 'ava';
import { Counts } from '../../src/tftp/counts.ts';
import type { Client, Datagrams, Opening, SocketLoop } from '../../src/tftp/datagrams.ts';
import { LARGEST_BLOCK, negotiate } from '../../src/tftp/options.ts';
import { decodePacket } from '../../src/tftp/packet.ts';
import { Server } from '../../src/tftp/server.ts';
import { Transfer } from '../../src/tftp/transfer.ts';
import { WireError } from '../../src/wire/reader.ts';
import { retained } from '../support/retained.ts';
import { ackBytes, errorBytes, requestBytes } from './client.ts';

const MOST = 65_507;
const LIMITS = { transfers: 200, perPeer: 8 };

test.serial('decoder: the largest packets made of one awkward piece are read in one pass', t => {
  // A decoder whose time grew with the square would need hours for these, and the test would be ended
  const outcomes = { read: 0, refused: 0 };
  for (const piece of ['\0', 'a', 'a\0', 'blksize\0', 'blksize\x008\0', '\xff', '/', '../', '\0\0']) {
    for (const start of ['\0\x01', '\0\x02', '\0\x03', '\0\x04', '\0\x05', '\0\x06', '\0\x01a\0octet\0']) {
      const packet = Buffer.alloc(MOST, piece, 'latin1');
      packet.write(start, 'latin1');
      for (let round = 0; round < 20; round += 1) {
        try {
          const read = decodePacket(packet);
          if (read.type === 'rrq') negotiate(read.options, { size: 1, mostBlock: LARGEST_BLOCK });
          outcomes.read += 1;
        } catch (error) {
          if (!(error instanceof WireError)) throw error;
          outcomes.refused += 1;
        }
      }
    }
  }
  t.is(outcomes.read + outcomes.refused, 9 * 7 * 20);
  t.true(outcomes.refused > 0);
});

/** A server whose sockets are this test: what is opened, sent and closed. */
async function startHere(content: 'answers' | 'hangs') {
  const open = new Set<Opening>();
  let most = 0;
  let main: Opening | undefined;
  const loop: SocketLoop = {
    async open(opening): Promise<Datagrams> {
      main ??= opening;
      open.add(opening);
      most = Math.max(most, open.size);
      return {
        port: 69,
        waiting: false,
        send: () => {},
        sendBlocks: () => {},
        close: async () => void open.delete(opening),
      };
    },
    alarm: () => ({ set: () => {}, stop: () => {} }),
  };
  const counts = new Counts();
  let words = 0;
  const server = new Server(
    { address: '10.54.0.1', port: 69, singlePort: false, limits: LIMITS },
    {
      loop,
      counts,
      listeners: {
        line: () => {
          words += 1;
        },
        note: () => {
          words += 1;
        },
        progress: () => {},
      },
      content: async () =>
        content === 'hangs'
          ? new Promise(() => {})
          : { file: 'a.efi', content: Buffer.alloc(100), terms: { blockSize: 512, windowSize: 1 }, answers: [] },
    },
  );
  await server.listen();
  return {
    counts,
    open,
    most: () => most,
    words: () => words,
    receive: (bytes: Buffer, from: Client) => main?.received(bytes, from),
  };
}

const clientOf = (number: number): Client => ({
  address: `10.${(number >> 16) & 255}.${(number >> 8) & 255}.${number & 255}`,
  port: 1024 + (number % 60_000),
});

test.serial(
  'server: clients without number that ask, and answer or not, leave a bounded memory and a bounded number of sockets',
  async t => {
    const server = await startHere('answers');
    let number = 0;
    const left = await retained(async () => {
      for (let round = 0; round < 10_000; round += 1) {
        const from = clientOf(number++);
        const before = new Set(server.open);
        server.receive(requestBytes(1, `file ${number}`, 'octet', { tsize: 0, blksize: 1468 }), from);
        server.receive(requestBytes(2, 'x'.repeat(200)), from);
        server.receive(Buffer.from('garbage'), from);
        await null;
        await null;
        // Every second client takes the file to its end
        if (number % 2 === 0)
          for (const transfer of server.open) if (!before.has(transfer)) transfer.received(ackBytes(1), from);
        if (round % 100 === 0) await new Promise(resolve => setImmediate(resolve));
      }
    });
    t.true(left < 5_000_000, `${left} bytes left`);
    t.true(server.most() <= LIMITS.transfers + 2, `${server.most()} sockets at a time`);
    t.true(server.counts.now().finished > 0);
  },
);

test.serial('server: one client with endless requests gets its places and no more', async t => {
  const server = await startHere('answers');
  const left = await retained(async () => {
    for (let round = 0; round < 10_000; round += 1) {
      const from = { address: '10.0.0.7', port: 1024 + (round % 60_000) };
      server.receive(requestBytes(1, 'a.efi', 'octet', { blksize: 1 + (round % 60_000) }), from);
      server.receive(errorBytes(0, 'no'), from);
      if (round % 100 === 0) await new Promise(resolve => setImmediate(resolve));
    }
  });
  t.true(left < 2_000_000, `${left} bytes left`);
  t.true(server.most() <= LIMITS.perPeer + 2, `${server.most()} sockets at a time`);
});

test.serial(
  'server: while no file can be read, waiting requests are bounded, and so are the log lines about the others',
  async t => {
    const server = await startHere('hangs');
    const left = await retained(() => {
      for (let number = 0; number < 50_000; number += 1) server.receive(requestBytes(1, 'a.efi'), clientOf(number));
    });
    t.true(left < 5_000_000, `${left} bytes left`);
    t.true(server.counts.now().active <= LIMITS.transfers);
    t.true(server.words() < 1000, `${server.words()} lines`);
  },
);

test.serial(
  'transfer: acknowledgements without end, of any block, send no more than a window each and keep nothing',
  async t => {
    const spec = { size: 1 << 30, blockSize: 512, windowSize: 64, oack: true };
    let sent = 0;
    let packets = 0;
    const left = await retained(() => {
      const transfer = new Transfer(spec, 0);
      transfer.start(0);
      for (let round = 0; round < 200_000; round += 1) {
        const action = transfer.ack((round * 7919) & 0xffff, round);
        if (action.do === 'blocks') sent += action.last - action.first + 1;
        packets += 1;
      }
    });
    t.true(left < 1_000_000, `${left} bytes left`);
    t.true(sent <= packets * spec.windowSize);
  },
);
