// Relay agents, several networks, quarantine, controllers, InfiniBand: what the decision answers, section by section.
import test from 'ava';
import type { BootNode } from '../../src/boot/directory.ts';
import type { Answer, Arrival } from '../../src/dhcp/answer.ts';
import { decode, encode } from '../../src/dhcp/packet.ts';
import { readDhcpOptions } from '../../src/model/dhcp-options.ts';
import {
  ask,
  contextOf,
  directoryOf,
  FIRMWARE,
  HEAD,
  ipHex,
  MAC,
  message,
  networksFor,
  node,
  replyTo,
} from './build.ts';

const DISCOVER = [53, '01'] as const;
const REQUEST = [53, '03'] as const;
const DECLINE = [53, '04'] as const;

const networks = networksFor({
  networks: [
    { name: 'rack2', subnet: '10.56.0.0/24', router: '10.56.0.254', relays: ['192.0.2.7'], lease_seconds: 900 },
    { name: 'rack2b', subnet: '10.57.0.0/24', shared: 'pair' },
    { name: 'rack2c', subnet: '10.58.0.0/24', shared: 'pair' },
    { name: 'east', address: '10.60.0.1/24', interface: 'eth2' },
  ],
});
const [, rack2, , , east] = networks.all;
const far: BootNode = { ...node, ip: '10.56.0.100' };

function scene(...nodes: BootNode[]) {
  return contextOf({ networks, directory: directoryOf(...nodes) });
}

const at = (network: (typeof networks.all)[number] | undefined, broadcast = true): Arrival => ({
  network: network ?? networks.main,
  broadcast,
});
const option = (result: Extract<Answer, { reply: unknown }>, code: number): string | undefined =>
  result.reply.options.get(code)?.toString('hex');
const type = (result: Extract<Answer, { reply: unknown }>) => result.reply.options.get(53)?.readUInt8(0);

test("RFC 2131 §4.3.1: a relayed DISCOVER gets the settings of giaddr's network, sent to the relay's port", t => {
  const result = replyTo(message({ giaddr: '10.56.0.254', hops: 1 }, [DISCOVER]), scene(far), at(undefined, false));
  t.is(result.reply.yiaddr, '10.56.0.100');
  t.is(option(result, 3), ipHex('10.56.0.254'));
  t.is(option(result, 28), ipHex('10.56.0.255'));
  t.is(option(result, 51), '00000384');
  t.is(option(result, 54), ipHex(HEAD));
  t.deepEqual(result.destination, { address: '10.56.0.254', to: 'relay' });
  t.is(result.from, HEAD);
});

test('a node that asks from another network than its address is of gets nothing, and its timeline says why', t => {
  const result = ask(message({}, [DISCOVER, ...FIRMWARE]), scene(far));
  t.true('refused' in result);
  if (!('refused' in result)) return;
  t.regex(
    result.note?.error ?? '',
    /asks from the network boot \(10\.54\.0\.0\/24\), and its address 10\.56\.0\.100 is of rack2/,
  );
  const denied = replyTo(message({}, [REQUEST, [50, ipHex('10.56.0.100')]]), scene(far));
  t.is(type(denied), 6, 'RFC 2131 §4.3.2 INIT-REBOOT: on the wrong network the server MUST deny');
  t.regex(denied.text, /no address of this network/);
});

test('a relay agent of no network is named in the refusal', t => {
  const result = ask(message({ giaddr: '172.16.0.1' }, [DISCOVER]), scene(far));
  t.regex(
    'refused' in result ? result.refused : '',
    /relay agent 172\.16\.0\.1 asks for the network of 172\.16\.0\.1.*\[\[networks\]\]/,
  );
});

test('a relay with an address elsewhere is matched by `relays`', t => {
  t.is(replyTo(message({ giaddr: '192.0.2.7' }, [DISCOVER]), scene(far)).reply.yiaddr, '10.56.0.100');
});

test('RFC 3527 §3: the link selection sub-option overrides giaddr, and the reply still goes to giaddr', t => {
  const information = Buffer.concat([Buffer.of(5, 4), Buffer.from([10, 56, 0, 0])]);
  const result = replyTo(message({ giaddr: '10.54.0.7' }, [DISCOVER, [82, information]]), scene(far));
  t.is(result.reply.yiaddr, '10.56.0.100');
  t.deepEqual(result.destination, { address: '10.54.0.7', to: 'relay' });
  t.is(option(result, 82), information.toString('hex'));
});

test('RFC 3011 §2: the subnet selection option chooses the network and is returned; link selection overrides it', t => {
  const result = replyTo(message({ giaddr: '10.54.0.7' }, [DISCOVER, [118, ipHex('10.56.0.0')]]), scene(far));
  t.is(result.reply.yiaddr, '10.56.0.100');
  t.is(option(result, 118), ipHex('10.56.0.0'));
});

test('RFC 3046 §2.2: option 82 is returned unaltered and last, also in a NAK; what is malformed in it does no harm', t => {
  for (const value of ['0104000a0001', '05', '0b04ff', '050203', '']) {
    const bytes = Buffer.from(value, 'hex');
    const { reply } = replyTo(message({ giaddr: '10.56.0.254' }, [DISCOVER, [82, bytes]]), scene(far));
    const wire = encode(reply, 548);
    t.is(decode(wire).options.get(82)?.toString('hex'), value);
    t.is([...decode(wire).options.keys()].at(-1), 82);
  }
  const denied = replyTo(
    message({ giaddr: '10.56.0.254' }, [REQUEST, [50, ipHex('10.56.0.9')], [82, '010107']]),
    scene(far),
  );
  t.is(type(denied), 6);
  t.is(option(denied, 82), '010107');
  t.is(denied.reply.flags & 0x8000, 0x8000, 'RFC 2131 §4.3.2: the broadcast bit of a relayed NAK');
});

test('RFC 5107 §4: the server identifier override is the reply’s, and a REQUEST that names it is ours', t => {
  const information = Buffer.concat([Buffer.of(11, 4), Buffer.from([10, 56, 0, 254])]);
  const fields = { giaddr: '10.56.0.254' };
  const offered = replyTo(message(fields, [DISCOVER, [82, information]]), scene(far));
  t.is(option(offered, 54), ipHex('10.56.0.254'));
  const taken = [REQUEST, [54, ipHex('10.56.0.254')], [50, ipHex('10.56.0.100')]] as const;
  t.is(type(replyTo(message(fields, [...taken, [82, information]]), scene(far))), 5);
  t.true('refused' in ask(message(fields, [...taken]), scene(far)), 'without the override it is another server');
});

test('a relay agent that has no link selection or server address set sends 0.0.0.0: giaddr and the head count then', t => {
  for (const unset of ['00000000', 'ffffffff']) {
    const information = `0504${unset}0b04${unset}`;
    const result = replyTo(
      message({ giaddr: '10.56.0.254' }, [DISCOVER, [82, information], [118, '00000000']]),
      scene(far),
    );
    t.is(result.reply.yiaddr, '10.56.0.100');
    t.is(option(result, 54), ipHex(HEAD));
    t.is(option(result, 82), information);
  }
});

test('sub-options of a client that no relay passed on choose nothing', t => {
  const information = Buffer.concat([Buffer.of(5, 4), Buffer.from([10, 56, 0, 0])]);
  t.true('refused' in ask(message({}, [DISCOVER, [82, information]]), scene(far)));
});

test('a shared network answers nodes of each of its subnets, each with its own mask and settings', t => {
  const other = { ...node, ip: '10.58.0.20' };
  const result = replyTo(message({ giaddr: '10.57.0.254' }, [DISCOVER]), scene(other));
  t.is(result.reply.yiaddr, '10.58.0.20');
  t.is(option(result, 28), ipHex('10.58.0.255'));
});

test('at a second interface the node gets that network and the head’s address there, as server and for its files', t => {
  const there = { ...node, ip: '10.60.0.50' };
  const result = replyTo(message({}, [DISCOVER, ...FIRMWARE]), scene(there), at(east));
  t.deepEqual([result.reply.siaddr, option(result, 54), result.from], ['10.60.0.1', ipHex('10.60.0.1'), '10.60.0.1']);
  t.true('refused' in ask(message({}, [DISCOVER]), scene(there), at(undefined)), 'and nothing at the first');
});

test('a renewal by unicast is of the network of ciaddr, whatever router passed it on', t => {
  const renewed = replyTo(message({ ciaddr: '10.56.0.100' }, [REQUEST]), scene(far), at(undefined, false));
  t.is(type(renewed), 5);
  t.is(option(renewed, 51), '00000384');
});

test('RFC 2131 §4.3.3: a declined address is reported for quarantine, and is not offered while it is there', t => {
  const declined = ask(message({}, [DECLINE, [54, ipHex(HEAD)], [50, ipHex('10.54.0.100')]]));
  t.is('accepted' in declined ? declined.inUse : undefined, '10.54.0.100');
  const other = ask(message({}, [DECLINE, [54, ipHex(HEAD)], [50, ipHex('10.54.0.66')]]));
  t.is('accepted' in other ? other.inUse : '', undefined, 'an address that is not the node’s is nobody’s to give');
  const result = ask(message({}, [DISCOVER, ...FIRMWARE]), contextOf({ quarantined: () => 7 }));
  t.true('refused' in result);
  t.regex(result.note?.error ?? '', /another machine uses 10\.54\.0\.100; it is offered again in 7 s/);
});

test("a node's management controller gets its address and boots nothing", t => {
  const bmc: BootNode = {
    uid: 'u0',
    name: "n0's BMC",
    mac: MAC,
    ip: '10.54.0.240',
    hostname: 'n0-bmc',
    controller: true,
  };
  const result = replyTo(message({}, [DISCOVER, ...FIRMWARE]), scene(bmc));
  t.deepEqual(
    [result.reply.yiaddr, result.reply.file, result.reply.siaddr, result.note],
    ['10.54.0.240', '', '0.0.0.0', undefined],
  );
  const granted = replyTo(message({}, [REQUEST, [50, ipHex('10.54.0.240')], ...FIRMWARE]), scene(bmc));
  t.deepEqual([type(granted), granted.grant, granted.note], [5, undefined, undefined]);
});

test('RFC 4390 §2.1: an InfiniBand port is known by the GUID in its client identifier; chaddr stays empty', t => {
  const port = { ...node, mac: '00:02:c9:0a:bc:de' };
  const guid = '0002c903000abcde';
  for (const identifier of [
    `20${guid}`,
    `ff00000000000002000002c900${guid}`,
    `ff12345678000300200000000000000000fe800000${guid}`,
  ]) {
    const fields = { htype: 32, hlen: 0, mac: '00:00:00:00:00:00', flags: '8000' };
    const result = replyTo(message(fields, [DISCOVER, [61, identifier]]), scene(port));
    t.is(result.reply.yiaddr, '10.54.0.100');
    t.deepEqual([result.reply.htype, result.reply.hlen, result.reply.flags], [32, 0, 0x8000]);
    t.true(result.reply.chaddr.every(byte => byte === 0));
    t.is(option(result, 61), identifier, 'RFC 6842 §3');
    t.is(result.destination.address, '255.255.255.255');
  }
  const ipxe = replyTo(message({ htype: 32, hlen: 8, mac: '00:02:c9:03:00:0a:bc:de' }, [DISCOVER]), scene(port));
  t.is(ipxe.reply.yiaddr, '10.54.0.100', 'iPXE has the GUID as its hardware address');
});

test('`_dhcp_options` are sent whether the client asks or not, and go before the network’s', t => {
  const options = readDhcpOptions(
    'ntp-servers=10.54.0.1,10.54.0.2; interface-mtu=9000; routers=10.54.0.9; 224=0x0102; dhcp-lease-time=120',
  );
  if (typeof options === 'string') return t.fail(options);
  const result = replyTo(message({}, [DISCOVER, [55, '0103']]), scene({ ...node, options }));
  t.is(option(result, 42), ipHex('10.54.0.1') + ipHex('10.54.0.2'));
  t.deepEqual([option(result, 26), option(result, 3), option(result, 224)], ['2328', ipHex('10.54.0.9'), '0102']);
  t.deepEqual([option(result, 51), option(result, 58)], ['00000078', '0000003c']);
});

test('RFC 3442, RFC 3397: routes and search lists by name', t => {
  const options = readDhcpOptions(
    'classless-static-routes=10.60.0.0/16 10.54.0.254, 0.0.0.0/0 10.54.0.1; domain-search=a.example,b.example',
  );
  if (typeof options === 'string') return t.fail(options);
  t.is(options.get(121)?.toString('hex'), `100a3c${ipHex('10.54.0.254')}00${ipHex('10.54.0.1')}`);
  t.is(options.get(119)?.toString('latin1'), '\x01a\x07example\0\x01b\x07example\0');
});

test('mistakes in `_dhcp_options` are named', t => {
  for (const [value, words] of [
    ['ntp=1', /no option 'ntp'; there are time-offset/],
    ['interface-mtu=70000', /whole number below 65536/],
    ['ntp-servers=host', /wants IPv4 addresses/],
    ['53=0x01', /cannot set option 53/],
    ['just words', /no name=value/],
    ['999=x', /no option '999'/],
  ] as const) {
    const problem = readDhcpOptions(value);
    t.regex(typeof problem === 'string' ? problem : 'no problem', words);
  }
});

test('RFC 3396 §5: an option longer than 255 bytes is sent in parts and read as one', t => {
  const options = new Map([[224, Buffer.alloc(600, 7)]]);
  const result = replyTo(message({}, [DISCOVER, [57, '05dc']]), scene({ ...node, options }));
  const wire = encode(result.reply, 1472);
  t.is(decode(wire).options.get(224)?.length, 600);
  t.true(rack2 !== undefined);
});
