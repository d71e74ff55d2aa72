// What docs/conformance.md names and no other file tests: MUSTs of the RFCs that need no scene of their own.
import test from 'ava';
import type { Answer } from '../../src/dhcp/answer.ts';
import { decode, encode } from '../../src/dhcp/packet.ts';
import { readDhcpOptions } from '../../src/model/dhcp-options.ts';
import {
  contextOf,
  directoryOf,
  FIRMWARE,
  HEAD,
  ipHex,
  message,
  NODE_IP,
  networksFor,
  node,
  replyTo,
} from './build.ts';

const DISCOVER = [53, '01'] as const;
const REQUEST = [53, '03'] as const;
const INFORM = [53, '08'] as const;
const WANTED = [50, ipHex(NODE_IP)] as const;

const option = (result: Extract<Answer, { reply: unknown }>, code: number): string | undefined =>
  result.reply.options.get(code)?.toString('hex');
const type = (result: Extract<Answer, { reply: unknown }>) => result.reply.options.get(53)?.readUInt8(0);

/** The options of a message as they stand in it, with the offset behind each; the end mark is 255. */
function walk(wire: Buffer, at = 240): number[] {
  const codes: number[] = [];
  while (at < wire.length) {
    const code = wire.readUInt8(at);
    if (code === 0) {
      at += 1;
      continue;
    }
    codes.push(code);
    if (code === 255) break;
    at += 2 + wire.readUInt8(at + 1);
  }
  return codes;
}

test('RFC 2131 §4.1: the end mark is the last option, each option occurs once, and pads follow', t => {
  for (const options of [[DISCOVER], [REQUEST, WANTED], [REQUEST, [50, ipHex('10.54.0.9')]]] as const) {
    const wire = encode(replyTo(message({}, [...options, ...FIRMWARE])).reply, 548);
    const codes = walk(wire);
    t.is(codes.at(-1), 255);
    t.is(new Set(codes).size, codes.length);
    t.true(wire.subarray(wire.lastIndexOf(255) + 1).every(byte => byte === 0));
  }
});

test('RFC 2131 §4.1: the four octets of the magic cookie begin the options', t => {
  t.is(encode(replyTo(message({}, [DISCOVER])).reply, 548).toString('hex', 236, 240), '63825363');
});

test('RFC 2131 §4.1: fields that carry options end with the end mark, and pads fill them', t => {
  const options = readDhcpOptions(`224=0x${'07'.repeat(120)}; 225=0x${'08'.repeat(120)}; 226=0x${'09'.repeat(60)}`);
  if (typeof options === 'string') return t.fail(options);
  const { reply } = replyTo(
    message({}, [DISCOVER, [55, '0103060c0f1c']]),
    contextOf({ directory: directoryOf({ ...node, options }) }),
  );
  const wire = encode(reply, 400);
  t.is(decode(wire).options.get(224)?.length, 120);
  t.true(walk(wire).includes(52));
  t.is(walk(wire.subarray(0, 236), 108).at(-1), 255);
});

test('RFC 2131 §4.1: any of the head’s addresses names it as the server', t => {
  const networks = networksFor({ networks: [{ name: 'east', address: '10.60.0.1/24', interface: 'eth2' }] });
  for (const server of [HEAD, '10.60.0.1'])
    t.is(type(replyTo(message({}, [REQUEST, [54, ipHex(server)], WANTED]), contextOf({ networks }))), 5, server);
});

test('RFC 2131 §4.3.1 table 3: an ACK has lease time, server identifier and the client’s ciaddr, and none of what only clients send', t => {
  const result = replyTo(message({ ciaddr: NODE_IP }, [REQUEST, [55, '0103'], [57, '05dc'], [60, Buffer.from('x')]]));
  t.is(type(result), 5);
  t.is(result.reply.ciaddr, NODE_IP);
  t.is(option(result, 54), ipHex(HEAD));
  t.truthy(option(result, 51));
  for (const code of [50, 55, 57]) t.is(option(result, code), undefined, String(code));
});

test('RFC 2131 §4.3.5: INFORM is answered without a look for a lease', t => {
  const result = replyTo(message({ ciaddr: '10.54.0.77' }, [INFORM]));
  t.is(type(result), 5);
  t.deepEqual(result.destination, { address: '10.54.0.77', to: 'client' });
});

test('RFC 2131 §4.4.5: T1 is before T2, and T2 before the end of the lease, whatever its length', t => {
  for (const seconds of [60, 61, 3600, 86_399, 31_536_000]) {
    const result = replyTo(
      message({}, [DISCOVER]),
      contextOf({ networks: networksFor({ 'dhcp.lease_seconds': seconds }) }),
    );
    const [lease, t1, t2] = [51, 58, 59].map(code => result.reply.options.get(code)?.readUInt32BE(0) ?? 0);
    t.true((t1 ?? 0) < (t2 ?? 0) && (t2 ?? 0) < (lease ?? 0), String(seconds));
  }
});

test('RFC 2132 §9.8: requested options keep the requested order, with the subnet mask always before the router', t => {
  const order = (list: string) =>
    [...replyTo(message({}, [DISCOVER, [55, list]])).reply.options.keys()].filter(code =>
      [1, 3, 6, 12, 15, 28].includes(code),
    );
  t.deepEqual(order('0f0c060301'), [1, 15, 12, 6, 3]);
  t.deepEqual(order('011c030f060c'), [1, 28, 3, 15, 6, 12]);
  t.deepEqual(order('0606060c'), [1, 6, 12]);
});

test('RFC 2132 §9.14: a client identifier is bytes of any kind and length, and is not looked into', t => {
  for (const id of ['00', 'ff', '0001', 'ff'.repeat(255), Buffer.from('host.example').toString('hex')])
    t.is(option(replyTo(message({}, [DISCOVER, [61, id]])), 61), id);
});

test('RFC 8925 §3.3: a client that could work without IPv4 still gets it: option 108 is not answered', t => {
  const result = replyTo(message({}, [DISCOVER, [55, '01036c'], [108, '00000000']]));
  t.deepEqual([type(result), result.reply.yiaddr, option(result, 108)], [2, NODE_IP, undefined]);
});

test('RFC 3046 §2.2: unknown sub-options are returned with the others, and change nothing', t => {
  const value = '0104000a0001' + '0203abcdef' + 'fe0101';
  const result = replyTo(message({ giaddr: '10.54.0.7' }, [DISCOVER, [82, value]]));
  t.deepEqual([option(result, 82), result.reply.yiaddr], [value, NODE_IP]);
});
