// DHCPLEASEQUERY (RFC 4388): the decision message by message, and once over real sockets.
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import test from 'ava';
import { defaultConfig } from '../../src/config.ts';
import { Bindings } from '../../src/dhcp/bindings.ts';
import { answerLeaseQuery } from '../../src/dhcp/leasequery.ts';
import { Leases } from '../../src/dhcp/leases.ts';
import { decode, encode, type Packet } from '../../src/dhcp/packet.ts';
import { QUERIES_PER_SECOND } from '../../src/dhcp/rate.ts';
import { readRequest } from '../../src/dhcp/request.ts';
import { startDhcpServer } from '../../src/dhcp/server.ts';
import { silentLog } from '../../src/log.ts';
import { directoryOf, HEAD, ipHex, MAC, message, NODE_IP, networksFor, node, replyTo } from './build.ts';

const REQUESTER = '10.54.0.9';
const QUERY = [53, '0a'] as const;
const [UNASSIGNED, UNKNOWN, ACTIVE] = [11, 12, 13];
const IDENTIFIER = 'ff00000001';
const CIRCUIT = '0104aabbccdd';
const RANGED = '10.54.0.200';
const NOBODY = '00:00:00:00:00:00';

type Fields = Parameters<typeof message>[0];
type Given = Parameters<typeof message>[1];
const BY_IP = { htype: 0, hlen: 0, mac: NOBODY };

function world() {
  const clock = { now: 10_000_000 };
  const networks = networksFor({ 'dhcp.range': `${RANGED}-10.54.0.209` });
  const now = () => clock.now;
  const bindings = new Bindings(now);
  const leases = new Leases({ now, isTaken: () => false, isQuarantined: () => false });
  const context = { requesters: [REQUESTER], networks, bindings, leases, isNodes: (ip: string) => ip === NODE_IP, now };
  const ask = (fields: Fields, options: Given = []) =>
    answerLeaseQuery(
      readRequest(decode(message({ giaddr: REQUESTER, ...fields }, [QUERY, ...options]))),
      context,
      HEAD,
    );
  /** The answer as it is on the wire. */
  const told = (fields: Fields, options: Given = []): Packet => {
    const answer = ask(fields, options);
    if ('refused' in answer) throw new Error(answer.refused);
    return decode(encode(answer.reply, 548));
  };
  /** A node renews by way of a relay agent; `seconds` of lease. */
  const lease = (seconds = 3600, ip = NODE_IP): void => {
    const request = message({ ciaddr: ip, giaddr: '10.54.0.254' }, [
      [53, '03'],
      [61, IDENTIFIER],
      [82, CIRCUIT],
    ]);
    const { reply } = replyTo(request, undefined);
    bindings.given({ ...reply, yiaddr: ip }, seconds);
  };
  return { clock, bindings, leases, ask, told, lease };
}

const hex = ({ options }: Packet, code: number): string | undefined => options.get(code)?.toString('hex');
const seconds = ({ options }: Packet, code: number): number | undefined => options.get(code)?.readUInt32BE(0);
const type = ({ options }: Packet): number | undefined => options.get(53)?.readUInt8(0);

test('RFC 4388 §6.3: a query without giaddr, or from an unlisted requester, is dropped', t => {
  const { ask, lease } = world();
  lease();
  const refusal = (giaddr: string): string => {
    const answer = ask({ ...BY_IP, ciaddr: NODE_IP, giaddr });
    return 'refused' in answer ? answer.refused : '';
  };
  t.regex(refusal('0.0.0.0'), /without 'giaddr'/);
  t.regex(refusal('10.54.0.10'), /which dhcp\.leasequery does not name/);
  t.is(refusal(REQUESTER), '');
});

test('RFC 4388 §6.2: a query with none of the three keys, or with several, is dropped', t => {
  const { ask, lease } = world();
  lease();
  const wrong: [Fields, Given][] = [
    [BY_IP, []],
    [{ ...BY_IP, ciaddr: NODE_IP }, [[61, IDENTIFIER]]],
    [{ ciaddr: NODE_IP }, []],
    [{}, [[61, IDENTIFIER]]],
  ];
  for (const [fields, options] of wrong) t.true('refused' in ask(fields, options));
});

test('RFC 4388 §6.4.1: a lease is found by address, by hardware address and by client identifier', t => {
  const { told, lease } = world();
  lease();
  for (const answer of [told({ ...BY_IP, ciaddr: NODE_IP }), told({}), told(BY_IP, [[61, IDENTIFIER]])]) {
    t.deepEqual([type(answer), answer.ciaddr], [ACTIVE, NODE_IP]);
    t.is(answer.chaddr.toString('hex', 0, 6), MAC.replaceAll(':', ''));
  }
  t.is(type(told({ mac: '52:54:00:00:00:01' })), UNKNOWN);
  t.is(type(told(BY_IP, [[61, 'ff00000002']])), UNKNOWN);
});

test('RFC 4388 §6.4.1: of several leases of a client the newest is returned, and the others are associated', t => {
  const { told, lease, clock } = world();
  for (const ip of [NODE_IP, '10.54.0.101', '10.54.0.102']) {
    lease(3600, ip);
    clock.now += 5000;
  }
  const answer = told({});
  t.is(answer.ciaddr, '10.54.0.102');
  t.is(hex(answer, 92), `${ipHex('10.54.0.101')}${ipHex(NODE_IP)}`);
  t.is(hex(told({ ...BY_IP, ciaddr: NODE_IP }), 92), undefined, 'by address there is but one');
});

test('RFC 4388 §6.4.2: an active lease has its hardware address, identifier, times that remain and relay information', t => {
  const { told, lease, clock } = world();
  lease(800);
  clock.now += 100_000;
  const answer = told({ ...BY_IP, ciaddr: NODE_IP });
  t.deepEqual([answer.htype, answer.hlen, answer.yiaddr, answer.giaddr], [1, 6, '0.0.0.0', REQUESTER]);
  t.deepEqual([hex(answer, 54), hex(answer, 61), hex(answer, 82)], [ipHex(HEAD), IDENTIFIER, CIRCUIT]);
  t.deepEqual(
    [51, 58, 59, 91].map(code => seconds(answer, code)),
    [700, 300, 600, 100],
  );
  clock.now += 500_000;
  const later = told({ ...BY_IP, ciaddr: NODE_IP });
  t.deepEqual(
    [51, 58, 59].map(code => seconds(later, code)),
    [200, undefined, 100],
    'T1 is over',
  );
});

test('RFC 4388 §6.4.2: the reply contains the requested options only', t => {
  const { told, lease } = world();
  lease();
  const answer = told({ ...BY_IP, ciaddr: NODE_IP }, [[55, '335b']]);
  t.deepEqual(
    [...answer.options.keys()].sort((left, right) => left - right),
    [51, 53, 54, 61, 91],
  );
});

test('RFC 4388 §6.1: an uncertain answer is UNKNOWN, a certain one UNASSIGNED', t => {
  const { told, lease, bindings, clock, leases } = world();
  const of = (ciaddr: string) => type(told({ ...BY_IP, ciaddr }));
  t.is(of('192.0.2.1'), UNKNOWN, 'of no network here');
  t.is(of('10.54.0.77'), UNKNOWN, 'given by nobody here');
  t.is(of(RANGED), UNASSIGNED);
  t.is(of(NODE_IP), UNKNOWN, 'a lease of before the start may live yet');
  lease();
  t.is(of(NODE_IP), ACTIVE);
  bindings.ended(NODE_IP);
  t.is(of(NODE_IP), UNKNOWN);
  clock.now += 3_600_000;
  t.is(of(NODE_IP), UNASSIGNED);
  lease(60);
  clock.now += 60_000;
  t.is(of(NODE_IP), UNASSIGNED, 'it has run out');
  const mac = '52:54:00:00:00:aa';
  const words = { mac, network: 'boot', hostname: '', vendor: '' };
  leases.put({ ip: RANGED, ...words, since: clock.now, renewed: clock.now, until: clock.now + 60_000 });
  t.is(of(RANGED), ACTIVE, 'lent before the start, and kept');
  t.is(told({ mac }).ciaddr, RANGED);
});

test('RFC 4388 §6.4.3: the answer comes to giaddr, at the port of servers', async t => {
  const [head, client, monitor] = ['127.68.0.1', '127.68.0.2', '127.68.0.9'];
  const bound = async (address: string, port = 0) => {
    const socket = createSocket('udp4');
    socket.bind(port, address);
    await once(socket, 'listening');
    t.teardown(() => socket.close());
    return socket;
  };
  const asker = await bound(monitor);
  const machine = await bound(client);
  const serverPort = asker.address().port;
  const clock = { now: 0 };
  const server = await startDhcpServer({
    networks: networksFor({ 'head.address': `${head}/24`, 'dhcp.router': '' }),
    config: { ...defaultConfig(), 'dhcp.leasequery': [monitor] },
    directory: directoryOf({ ...node, ip: client }),
    loaders: {},
    journey: { note: () => {} },
    log: silentLog(),
    serverPort,
    clientPort: machine.address().port,
    now: () => clock.now,
  });
  t.teardown(async () => server.close());
  const query = message({ ...BY_IP, ciaddr: client, giaddr: monitor }, [QUERY]);
  const asked = async (): Promise<Packet> => {
    const answered = once(asker, 'message');
    asker.send(query, serverPort, head);
    return decode((await answered)[0] as Buffer);
  };
  const said = async (bytes: Buffer): Promise<void> => {
    const answered = once(machine, 'message');
    machine.send(bytes, serverPort, head);
    await answered;
  };
  t.is(type(await asked()), UNKNOWN);
  await said(message({ ciaddr: client }, [[53, '03']]));
  t.is(type(await asked()), ACTIVE);
  const release = async (mac?: string): Promise<void> => {
    const options: [number, string][] = [
      [53, '07'],
      [54, ipHex(head)],
    ];
    machine.send(message({ ciaddr: client, ...(mac !== undefined && { mac }) }, options), serverPort, head);
    // What is asked for later is answered later
    await said(message({ ciaddr: client }, [[53, '08']]));
  };
  await release('52:54:00:99:99:99');
  t.is(type(await asked()), ACTIVE, 'another machine gives nothing back');
  await release();
  t.is(type(await asked()), UNKNOWN, 'released');
});

test('RFC 4388 §7: a requester gets a limited number of answers per second', async t => {
  const { Rate } = await import('../../src/dhcp/rate.ts');
  const rate = new Rate(() => 0, QUERIES_PER_SECOND);
  const answers = Array.from({ length: QUERIES_PER_SECOND + 5 }, () => rate.allows(REQUESTER)).filter(Boolean);
  t.is(answers.length, QUERIES_PER_SECOND);
});
