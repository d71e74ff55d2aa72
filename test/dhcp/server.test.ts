import { createSocket, type Socket } from 'node:dgram';
import { EventEmitter, once } from 'node:events';
import { Writable } from 'node:stream';
import test, { type ExecutionContext } from 'ava';
import type { StageNote } from '../../src/boot/journey.ts';
import { defaultConfig } from '../../src/config.ts';
import type { Grant } from '../../src/dhcp/answer.ts';
import { Leases } from '../../src/dhcp/leases.ts';
import { decode } from '../../src/dhcp/packet.ts';
import type { DhcpOptions, UnknownClient } from '../../src/dhcp/ports.ts';
import { startDhcpServer } from '../../src/dhcp/server.ts';
import { createLog } from '../../src/log.ts';
import { directoryOf, FIRMWARE, MAC, message, networksFor, node } from './build.ts';

/** On loopback: the head is one address of it and the client another, which renews, so that nothing is broadcast. */
const HEAD = '127.67.0.1';
const CLIENT = '127.67.0.2';
const RENEW = message({ ciaddr: CLIENT }, [[53, '03'], ...FIRMWARE]);

interface Fixture {
  notes: StageNote[];
  grants: Grant[];
  unknown: UnknownClient[];
  lines: { level: string; msg: string; mac?: string; dropped?: number }[];
  client: Socket;
  stranger: Socket;
  ask(bytes: Buffer, from?: Socket): void;
  /** The next reply that the client gets. */
  reply(): Promise<ReturnType<typeof decode>>;
  clock: { now: number };
  stop(): Promise<void>;
}

async function bound(address: string, port = 0): Promise<Socket> {
  const socket = createSocket('udp4');
  socket.bind(port, address);
  await once(socket, 'listening');
  return socket;
}

async function freePort(): Promise<number> {
  const socket = await bound(HEAD);
  const { port } = socket.address();
  await new Promise<void>(resolve => socket.close(() => resolve()));
  return port;
}

async function start(t: ExecutionContext, changes: Partial<DhcpOptions> = {}): Promise<Fixture> {
  const client = await bound(CLIENT);
  const stranger = await bound(CLIENT);
  t.teardown(() => {
    client.close();
    stranger.close();
  });
  const serverPort = await freePort();
  const fixture = { notes: [], grants: [], unknown: [], lines: [], clock: { now: 0 } } as unknown as Fixture;
  const sink = new Writable({
    write(chunk: Buffer, _encoding, done) {
      fixture.lines.push(JSON.parse(chunk.toString()));
      done();
    },
  });
  const server = await startDhcpServer({
    networks: networksFor({ 'head.address': `${HEAD}/24`, 'head.interface': 'lo', 'dhcp.router': '' }),
    config: defaultConfig(),
    directory: directoryOf({ ...node, ip: CLIENT }),
    loaders: { efi64: '/l/snponly.efi' },
    journey: { note: note => fixture.notes.push(note) },
    log: createLog('debug', sink),
    granted: grant => fixture.grants.push(grant),
    seen: client => fixture.unknown.push(client),
    serverPort,
    clientPort: client.address().port,
    now: () => fixture.clock.now,
    monotonic: () => fixture.clock.now,
    ...changes,
  });
  let stopped: Promise<void> | undefined;
  const stop = async (): Promise<void> => {
    stopped ??= server.close();
    return stopped;
  };
  t.teardown(stop);
  return Object.assign(fixture, {
    client,
    stranger,
    ask: (bytes: Buffer, from = client) => from.send(bytes, serverPort, HEAD),
    stop,
    reply: async () => decode((await once(client, 'message'))[0] as Buffer),
  });
}

test('a message is answered, noted, logged, and the grant told', async t => {
  const leased: [string, number][] = [];
  const fixture = await start(t, { leased: (ip, seconds) => leased.push([ip, seconds]) });
  fixture.ask(RENEW);
  const reply = await fixture.reply();
  t.is(reply.yiaddr, CLIENT);
  t.deepEqual(leased, [[CLIENT, 3600]]);
  t.deepEqual(fixture.grants, [{ node: 'u0', mac: MAC, kind: 'firmware' }]);
  t.like(fixture.notes[0], { stage: 'addressed', node: 'u0' });
  t.like(fixture.lines[0], { level: 'info', mac: MAC, msg: `${CLIENT} given to n0, to load snponly.efi` });
});

test('where each message of a node comes from is passed on: its machine, and its network', async t => {
  const heard: { mac: string; machine: Buffer | undefined; network: string }[] = [];
  const fixture = await start(t, { heard: sighting => heard.push(sighting) });
  const machine = [97, '07'.repeat(17)] as const;
  fixture.ask(message({ ciaddr: CLIENT }, [[53, '03'], [...machine], ...FIRMWARE]));
  await fixture.reply();
  t.like(heard[0], { mac: MAC });
  t.is(heard[0]?.machine?.length, 17);
  t.is(heard[0]?.network, networksFor({ 'head.address': `${HEAD}/24` }).main.name);
});

test('a message from a port that any user may use is not answered: it proves no boot', async t => {
  const fixture = await start(t);
  fixture.ask(RENEW, fixture.stranger);
  fixture.ask(RENEW);
  await fixture.reply();
  t.is(fixture.grants.length, 1);
  t.regex(fixture.lines[0]?.msg ?? '', /from port \d+, which any user may use/);
});

test('a malformed message is a line at debug, and the next is answered', async t => {
  const fixture = await start(t);
  fixture.ask(Buffer.from('hello'));
  fixture.ask(message({}, [[53, '0102']]));
  fixture.ask(RENEW);
  await fixture.reply();
  t.like(fixture.lines[0], {
    level: 'debug',
    msg: "malformed DHCP message: 5 bytes are no DHCP message (field 'options' at byte 5)",
  });
});

test('a malformed message of a node is a warning that names it, once a second, and why it has no answer', async t => {
  const refused: [string, string, number?][] = [];
  const fixture = await start(t, { refusals: { refused: (...words) => refused.push(words) } });
  // The address that the client asks for, in three bytes
  for (let i = 0; i < 3; i++)
    fixture.ask(
      message({}, [
        [53, '01'],
        [50, '0a3600'],
      ]),
    );
  fixture.ask(RENEW);
  await fixture.reply();
  const warnings = fixture.lines.filter(({ level }) => level === 'warn');
  t.is(warnings.length, 1);
  t.is(warnings[0]?.mac, MAC);
  t.regex(warnings[0]?.msg ?? '', /^n0 is not answered, its DHCP message is malformed: .*requested IP address/);
  t.is(refused.length, 3);
  t.is(refused[0]?.[0], 'u0');
  t.regex(refused[0]?.[1] ?? '', /^its DHCP message is malformed: .*requested IP address/);
});

test('malformed options that only say how to answer are taken as absent, and a warning names the node', async t => {
  const fixture = await start(t);
  fixture.ask(
    message({ ciaddr: CLIENT }, [
      [53, '03'],
      [55, ''],
      [57, 'ff'],
      [60, ''],
      [77, ''],
      [93, '0007ff'],
    ]),
  );
  const answer = await fixture.reply();
  t.is(answer.yiaddr, CLIENT);
  const [line] = fixture.lines.filter(({ level }) => level === 'warn');
  t.is(line?.mac, MAC);
  t.regex(
    line?.msg ?? '',
    /^n0 sends malformed DHCP options, taken as absent: .*maximum DHCP message size.*architecture/,
  );
});

test('one line per peer and second, and the count of what was left out', async t => {
  const fixture = await start(t);
  const unknown = message({ mac: '52:54:00:00:00:99' }, [[53, '01']]);
  for (let i = 0; i < 5; i++) fixture.ask(unknown);
  fixture.ask(RENEW);
  await fixture.reply();
  fixture.clock.now += 1000;
  fixture.ask(unknown);
  fixture.ask(RENEW);
  await fixture.reply();
  const lines = fixture.lines.filter(line => line.mac === '52:54:00:00:00:99');
  t.is(lines.length, 2);
  t.regex(lines[0]?.msg ?? '', /^no node has this hardware address .*ignored$/);
  t.is(lines[1]?.dropped, 4);
  t.is(fixture.unknown.length, 6);
  t.deepEqual(fixture.unknown[0], {
    mac: '52:54:00:00:00:99',
    architecture: 'no vendor class',
    vendorClass: undefined,
    discovers: true,
    relay: undefined,
    network: 'boot',
    at: 0,
  });
});

test('invented hardware addresses do not fill the log', async t => {
  const fixture = await start(t);
  for (let i = 0; i < 200; i++) {
    const mac = `52:54:00:00:01:${(i % 256).toString(16).padStart(2, '0')}`;
    fixture.ask(message({ mac }, [[53, '01']]));
    if (i % 20 === 19) {
      fixture.ask(RENEW);
      await fixture.reply();
    }
  }
  t.is(fixture.unknown.length, 200);
  t.true(fixture.lines.filter(line => line.msg.includes('no node has')).length <= 16);
});

test('an address that no interface has is an error that names the remedy', async t => {
  const networks = networksFor({ 'head.address': '203.0.113.1/24', 'dhcp.router': '' });
  await t.throwsAsync(start(t, { networks }), {
    message: /cannot listen on 203\.0\.113\.1 port \d+: no interface has that address; set head\.address/,
  });
});

test('an answer that waits when the server is stopped is dropped silently', async t => {
  const range = '127.67.0.10-127.67.0.20';
  const networks = networksFor({
    'head.address': `${HEAD}/24`,
    'head.interface': 'lo',
    'dhcp.router': '',
    'dhcp.range': range,
  });
  const leases = new Leases({ now: () => 0, isTaken: () => false, isQuarantined: () => false });
  const probes = new EventEmitter();
  const asked = once(probes, 'asked');
  const fixture = await start(t, {
    networks,
    lending: {
      leases,
      isOn: () => true,
      save: async () => {},
      probe: async () => {
        const answered = once(probes, 'answered');
        probes.emit('asked');
        await answered;
        return undefined;
      },
    },
  });
  fixture.ask(message({ mac: '52:54:00:00:00:09' }, [[53, '01'], ...FIRMWARE]));
  await asked;
  await fixture.stop();
  probes.emit('answered');
  await new Promise(resolve => setImmediate(resolve));
  t.deepEqual(fixture.lines, []);
});
