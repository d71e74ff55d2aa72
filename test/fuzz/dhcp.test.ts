// Mutated captures against decoder and decision: never a crash, never an answer that breaks the server's own rules, bounded time.
import test from 'ava';
import fc from 'fast-check';
import { answer } from '../../src/dhcp/exchange.ts';
import { decode, encode, type Packet } from '../../src/dhcp/packet.ts';
import { type Request, readRequest } from '../../src/dhcp/request.ts';
import { WireError } from '../../src/wire/reader.ts';
import { captured, capturedNames, contextOf, directoryOf, node } from '../dhcp/build.ts';

const SEED = 20261124;
const RUNS = 20_000;
const SEEDS = capturedNames().map(captured);
/** Every hardware address is known here, so that the mutants get past the first question. */
const CONTEXT = contextOf({ directory: { ...directoryOf(), nodeByMac: mac => ({ ...node, mac }) } });

type Mutation = (bytes: Buffer) => Buffer;

const flip = fc.tuple(fc.nat(2000), fc.nat(255)).map(
  ([at, value]): Mutation =>
    bytes => {
      const copy = Buffer.from(bytes);
      if (copy.length > 0) copy[at % copy.length] = value;
      return copy;
    },
);
const cut = fc.nat(2000).map(
  (at): Mutation =>
    bytes =>
      bytes.subarray(0, at % (bytes.length + 1)),
);
const grow = fc.uint8Array({ maxLength: 300 }).map(
  (tail): Mutation =>
    bytes =>
      Buffer.concat([bytes, tail]),
);
/** Knows the structure: an option put before the others, so that it is read whatever follows. */
const addOption = fc
  .tuple(
    fc.constantFrom(1, 12, 50, 51, 52, 53, 54, 55, 57, 60, 61, 66, 67, 77, 82, 93, 97, 175, 255, 0),
    fc.uint8Array({ maxLength: 255 }),
    fc.nat(255),
    fc.boolean(),
  )
  .map(
    ([code, value, length, lies]): Mutation =>
      bytes =>
        Buffer.concat([
          bytes.subarray(0, 240),
          Buffer.of(code, lies ? length : value.length),
          value,
          bytes.subarray(240),
        ]),
  );
const messageType = fc.nat(9).map(
  (type): Mutation =>
    bytes => {
      const at = bytes.indexOf(Buffer.of(53, 1), 240);
      const copy = Buffer.from(bytes);
      if (at >= 0 && at + 2 < copy.length) copy[at + 2] = type;
      return copy;
    },
);
/** One of the addresses (ciaddr, yiaddr, siaddr, giaddr) becomes another that means something. */
const address = fc
  .tuple(
    fc.constantFrom(12, 16, 20, 24),
    fc.constantFrom('00000000', 'ffffffff', '0a360064', '0a360001', '7f000001', 'e0000001'),
  )
  .map(
    ([at, hex]): Mutation =>
      bytes => {
        const copy = Buffer.from(bytes);
        if (copy.length >= at + 4) copy.write(hex, at, 'hex');
        return copy;
      },
  );

const mutant = fc
  .tuple(
    fc.constantFrom(...SEEDS),
    fc.array(fc.oneof(flip, cut, grow, addOption, messageType, address), { minLength: 1, maxLength: 6 }),
  )
  .map(([seed, mutations]) => mutations.reduce((bytes, mutate) => mutate(bytes), seed));

test('mutated captures never crash the server, and what it answers keeps its rules', t => {
  let answered = 0;
  let refused = 0;
  let malformed = 0;
  fc.assert(
    fc.property(mutant, bytes => {
      const request = read(bytes);
      if (!request) {
        malformed++;
        return;
      }
      const result = answer(request, CONTEXT, { network: CONTEXT.networks.main, broadcast: true });
      if (!('reply' in result)) {
        refused++;
        return;
      }
      answered++;
      checkReply(encode(result.reply, request.sizeLimit), result.reply, request);
    }),
    { seed: SEED, numRuns: RUNS, endOnFailure: true },
  );
  t.log(`${answered} answered, ${refused} refused, ${malformed} malformed`);
  for (const [what, count] of Object.entries({ answered, refused, malformed }))
    t.true(count > RUNS / 50, `the mutants reach: ${what}`);
});

test('the work for one message is bounded, however its options are cut up', t => {
  const parts = (length: number) =>
    Buffer.concat([captured('udhcpc-discover').subarray(0, 240), Buffer.alloc(length, Buffer.of(12, 1, 65))]);
  t.is(decode(parts(3855)).options.get(12)?.length, 3855 / 3);
  t.throws(() => decode(parts(3858)), { instanceOf: WireError });
  t.throws(() => decode(parts(65_000)), { instanceOf: WireError });
});

function read(bytes: Buffer): Request | undefined {
  try {
    return readRequest(decode(bytes));
  } catch (error) {
    if (error instanceof WireError) return undefined;
    throw error;
  }
}

/** Whatever was asked: the reply fits, can be read, is a server's, and gives the node no address but its own. */
function checkReply(bytes: Buffer, reply: Packet, request: Request): void {
  const back = decode(bytes);
  const wrong =
    bytes.length > request.sizeLimit ||
    bytes.length < 300 ||
    back.op !== 2 ||
    back.xid !== request.packet.xid ||
    ![2, 5, 6].includes(back.options.get(53)?.[0] ?? 0) ||
    back.options.get(54)?.toString('hex') !== '0a360001' ||
    !['0.0.0.0', node.ip].includes(reply.yiaddr);
  if (wrong) throw new Error(`a reply that breaks the rules: ${bytes.toString('hex')}`);
}
