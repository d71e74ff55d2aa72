// The line of a panic, as netconsole sends it to the syslog port: by real datagrams through the receiver.
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import test from 'ava';
import { Panics } from '../../src/evidence/panics.ts';
import { silentLog } from '../../src/log.ts';
import { startSyslogServer } from '../../src/syslog/server.ts';
import { until } from '../support/until.ts';

const NODE = { uid: 'u', name: 'n0', mac: '52:54:00:12:34:56', ip: '127.0.0.1', hostname: 'n0' };

test('netconsole in both of its forms names the panic', async t => {
  const panics = new Panics();
  const server = await startSyslogServer({
    addresses: ['127.0.0.1'],
    port: 0,
    directory: { nodeByIp: ip => (ip === '127.0.0.1' ? NODE : undefined) },
    log: silentLog(),
    now: () => 1000,
    keep: (node, { text }) => panics.heard(node, text),
  });
  t.teardown(async () => server.close());
  const socket = createSocket('udp4');
  t.teardown(() => socket.close());
  socket.connect(server.ports[0] ?? 0, '127.0.0.1');
  await once(socket, 'connect');
  socket.send('[   12.345678] Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)\n');
  const plain = await until('the panic', () => panics.of('u', 60));
  t.like(plain, {
    text: 'Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)',
    because: 'no-root',
  });
  socket.send('0,812,12345678,-;Kernel panic - not syncing: Attempted to kill init! exitcode=0x00007f00\n');
  await until('the next one', () => panics.of('u', 60)?.because === 'init-ended');
});

test('other lines are no panic, the last line of a panic is no second one, and memory is bounded', t => {
  let now = 0;
  const panics = new Panics(() => now);
  panics.heard('u', 'usb 1-1: new device, no Kernel panic here');
  t.is(panics.of('u', 60), undefined);
  panics.heard('u', 'Kernel panic - not syncing: Fatal exception');
  now = 5000;
  panics.heard('u', '---[ end Kernel panic - not syncing: Fatal exception ]---');
  t.deepEqual(panics.of('u', 60), { ago: 5, text: 'Kernel panic - not syncing: Fatal exception' });
  t.is(panics.of('u', 4), undefined);
  for (let node = 0; node < 5000; node += 1) panics.heard(`${node}`, `Kernel panic - not syncing: ${'x'.repeat(400)}`);
  t.is(panics.size, 1024);
  t.is(panics.of('4999', 60)?.text.length, 200);
});
