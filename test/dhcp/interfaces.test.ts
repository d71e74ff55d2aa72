// Which interfaces DHCP hears: its own alone, also after one was made again; and what happens where it cannot be bound to one.
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { Writable } from 'node:stream';
import test from 'ava';
import { openDhcpSockets } from '../../src/dhcp/sockets.ts';
import { MusterError } from '../../src/errors.ts';
import { createLog } from '../../src/log.ts';
import { runOk } from '../../src/process/run.ts';
import { FIRMWARE, message, networksFor } from './build.ts';
import { MAC, onWire, type Wire } from './two-spaces.ts';

const PC = '00:11:22:33:44:55';

/** Sends DISCOVER from an address of the clients' side, from port 68. */
async function discover(wire: Wire, mac: string, from: string, to: string): Promise<void> {
  const hex = message({ mac }, [[53, '01'], ...FIRMWARE]).toString('hex');
  const program = `
    const socket = require('node:dgram').createSocket({ type: 'udp4', reuseAddr: true });
    socket.bind(68, '${from}', () => {
      socket.setBroadcast(true);
      socket.send(Buffer.from('${hex}', 'hex'), 67, '${to}', () => socket.close());
    });`;
  await runOk('ip', ['netns', 'exec', wire.client, process.execPath, '-e', program]);
}

test('a machine on a foreign network gets no answer and is not recorded, by broadcast or unicast', async t => {
  await onWire(
    t,
    [],
    async wire => {
      await wire.ip(wire.head, 'link add camp0 type veth peer name camp0 netns', wire.client);
      await wire.ip(wire.head, 'addr add 192.168.7.1/24 dev camp0 brd +');
      await wire.ip(wire.client, 'addr add 192.168.7.50/24 dev camp0 brd +');
      await wire.ip(wire.client, 'addr add 10.54.0.50/24 dev eth0 brd +');
      for (const space of [wire.head, wire.client]) await wire.ip(space, 'link set camp0 up');
      await wire.ip(wire.client, 'route add 10.54.0.1/32 via 192.168.7.1');
      await discover(wire, PC, '192.168.7.50', '255.255.255.255');
      await discover(wire, PC, '192.168.7.50', '10.54.0.1');
      await wire.ip(wire.client, 'route del 10.54.0.1/32');
      await discover(wire, '52:54:00:00:00:77', '10.54.0.50', '255.255.255.255');
      await wire.until(event => event.seen?.mac === '52:54:00:00:00:77');
      const ofPc = wire.events.filter(event => JSON.stringify(event).includes(PC));
      t.deepEqual(
        ofPc.map(({ level, msg }) => `${level}: ${msg}`),
        ["debug: a client at 192.168.7.50 asks, which is an address of no network of muster's"],
      );
    },
    { 'dhcp.range': '10.54.0.200-10.54.0.210' },
  );
});

test('an interface that was made again is listened on again, and the log says so', async t => {
  await onWire(t, [], async wire => {
    const make = async (): Promise<void> => {
      await wire.ip(wire.head, 'link add eth0 type veth peer name eth0 netns', wire.client);
      await wire.ip(wire.head, 'addr add 10.54.0.1/24 dev eth0');
      await wire.ip(wire.client, 'addr add 10.54.0.50/24 dev eth0 brd +');
      for (const space of [wire.head, wire.client]) await wire.ip(space, 'link set eth0 up');
    };
    await wire.ip(wire.head, 'link del eth0');
    await wire.until(event => event.msg === 'DHCP receives nothing on eth0: the interface eth0 is gone');
    await make();
    await wire.until(event => event.msg === 'eth0 was made again: DHCP listens on it again');
    // Made again between two looks: another index is all that shows it
    await wire.ip(wire.head, 'link del eth0');
    await make();
    const from = wire.events.length;
    await wire.until(event => event.msg === 'eth0 was made again: DHCP listens on it again', from);
    await discover(wire, MAC, '10.54.0.50', '255.255.255.255');
    t.is((await wire.until(event => event.note?.stage === 'offered', from)).note?.stage, 'offered');
  });
});

test('where DHCP cannot be bound to its interface, one is served all the same, with a warning when there are others', async t => {
  const networks = networksFor({ 'head.address': '127.67.1.1/24', 'dhcp.router': '', 'head.interface': 'lo' }).attached;
  const lines: { level: string; msg: string }[] = [];
  const sink = new Writable({
    write(chunk: Buffer, _encoding, done) {
      lines.push(JSON.parse(chunk.toString()));
      done();
    },
  });
  const free = createSocket('udp4');
  free.bind(0, '127.67.1.1');
  await once(free, 'listening');
  const { port } = free.address();
  await new Promise<void>(resolve => free.close(() => resolve()));
  const devices = async () => ({ open: () => ({ code: 'EPERM' }), index: () => 1 });
  const open = async (others: string[], more = networks) =>
    openDhcpSockets(more, [port], { log: createLog('debug', sink), devices, others: () => others });
  const alone = await open([]);
  t.like(alone.hearing()[0], { interface: 'lo', hears: 'all' });
  await alone.close();
  t.deepEqual(lines, []);
  const beside = await open(['eth9']);
  await beside.close();
  t.is(lines[0]?.level, 'warn');
  t.regex(
    lines[0]?.msg ?? '',
    /^DHCP also receives and answers machines on eth9, which are not its own: .*CAP_NET_RAW/,
  );
  const [network] = networks;
  if (!network) return t.fail();
  const error = await t.throwsAsync(open([], [network, { ...network, interface: 'eth9' }]), {
    instanceOf: MusterError,
  });
  t.regex(error?.message ?? '', /CAP_NET_RAW/, 'on several interfaces the networks would be mixed up');
});
