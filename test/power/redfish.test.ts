// Redfish over real TLS: pins, sessions, Basic, the choice of the system, a busy and a silent service.

import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { runOk } from '../../src/process/run.ts';
import { TestDaemon } from '../cli/daemon.ts';
import { RedfishSim } from '../fakes/redfish.ts';
import { requireAll } from '../support/require.ts';

const NEEDS = { programs: ['openssl'] };
const PASSWORD = 'red:f/sh@p4ss';

interface World {
  daemon: TestDaemon;
  key: string;
  cert: string;
  pin: string;
}

let world: World | undefined;
test.after.always(async () => world?.daemon.stop());

async function start(): Promise<World> {
  const daemon = await TestDaemon.start(['power.timeout_seconds = 5']);
  const file = (name: string) => join(daemon.folder, name);
  const subject = ['-subj', '/CN=bmc', '-addext', 'subjectAltName=IP:127.0.0.1'];
  await runOk('openssl', [
    'req',
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:prime256v1',
    '-nodes',
    '-days',
    '2',
    ...subject,
    '-keyout',
    file('key'),
    '-out',
    file('cert'),
  ]);
  await daemon.run('muster', 'node', 'create', 'mac=08:00:27:00:00:00');
  const cert = readFileSync(file('cert'), 'utf8');
  return { daemon, key: readFileSync(file('key'), 'utf8'), cert, pin: new X509Certificate(cert).fingerprint256 };
}

const said = async (uri: string, ...words: string[]): Promise<string> => {
  const { daemon } = world as World;
  await daemon.feed(JSON.stringify({ power_uri: uri }), 'muster', 'node', '-i', 'n0', 'update', '--content', '@-');
  const { status, stdout, stderr } = await daemon.run('muster', 'node', '-i', 'n0', ...words);
  return `${status} ${stdout}${stderr}`;
};

test.serial('a session, the actions of the schema, and the end of the session', async t => {
  if (!requireAll(t, NEEDS)) return;
  world = await start();
  const sim = await new RedfishSim({ ...world, user: 'admin', password: PASSWORD, systems: ['437XR1138R2'] }).start();
  const login = `redfish://admin:${PASSWORD}@127.0.0.1:${sim.port}`;
  const system = sim.systems.get('437XR1138R2');
  try {
    const unknown = await said(login, 'power', 'status');
    t.regex(unknown, /^7 n0: BMC 127\.0\.0\.1 has a certificate of no known authority/);
    const pin = world.pin.replaceAll(':', '').toLowerCase();
    t.true(unknown.includes(`?pin=${pin}`), 'it says what to write');
    t.is(sim.sessions.size, 0);
    const uri = `${login}?pin=${pin}`;
    t.is(await said(uri, 'power', 'status'), '0 n0: off\n');
    t.is(await said(uri, 'power', 'on', '--pxe'), '0 n0: on\n');
    t.like(system?.boot, { BootSourceOverrideEnabled: 'Once', BootSourceOverrideTarget: 'Pxe' });
    t.is(await said(`${login}?pin=${world.pin}`, 'power', 'cycle', '--disk'), '0 n0: on\n');
    t.is(system?.boot['BootSourceOverrideTarget'], 'Hdd');
    t.is(await said(uri, 'power', 'reset'), '0 n0: on\n');
    t.is(await said(uri, 'power', 'off'), '0 n0: off\n');
    t.deepEqual(sim.resetsSeen, ['On', 'PowerCycle', 'ForceRestart', 'ForceOff']);
    t.is(sim.sessions.size, 0, 'every session was ended');

    t.regex(
      await said(`${login}?pin=${'00'.repeat(32)}`, 'power', 'on'),
      /^7 n0: BMC 127\.0\.0\.1 has another certificate/,
    );
    t.regex(
      await said(uri.replace(PASSWORD, 'wrong'), 'power', 'on'),
      /^7 n0: BMC 127\.0\.0\.1 refused the user 'admin': Wrong user name or password/,
    );
    t.regex(
      await said(uri.replace('?', '/other?'), 'power', 'on'),
      /^1 n0: .*has the systems 437XR1138R2; 'other' is none of them/,
    );
    sim.busy = 2;
    t.is(await said(uri, 'power', 'status'), '0 n0: off\n', 'a busy one is asked again');
    sim.busy = 100;
    t.regex(
      await said(uri, 'power', 'status'),
      /^9 n0: BMC 127\.0\.0\.1 is busy: The service is temporarily unavailable/,
    );
    sim.busy = 0;
    sim.silent = true;
    t.is(await said(uri, 'power', 'status'), '9 n0: BMC 127.0.0.1 did not answer in 5 s\n');
    t.false(world.daemon.log.includes(PASSWORD));
  } finally {
    await sim.stop();
  }
  t.regex(
    await said(`${login}?pin=${world.pin}`, 'power', 'status'),
    /^9 n0: BMC 127\.0\.0\.1 cannot be reached on port \d+/,
  );
});

test.serial('a service without sessions, with few reset types and several systems', async t => {
  if (!requireAll(t, NEEDS) || !world) return;
  const options = { ...world, user: 'admin', password: PASSWORD, systems: ['left', 'right'], sessions: false };
  const sim = await new RedfishSim({ ...options, resets: ['On', 'ForceOff', 'ForceRestart'] }).start();
  try {
    const uri = (name: string) => `redfish://admin:${PASSWORD}@127.0.0.1:${sim.port}${name}?pin=${world?.pin}`;
    t.regex(await said(uri(''), 'power', 'on'), /^1 n0: .*has the systems left, right; name one behind the host/);
    t.is(await said(uri('/right'), 'power', 'on'), '0 n0: on\n');
    t.is(sim.systems.get('left')?.power, 'Off');
    t.is(await said(uri('/right'), 'power', 'cycle'), '0 n0: on\n');
    t.deepEqual(sim.resetsSeen, ['On', 'ForceRestart']);
    t.regex(
      await said(uri('/right').replace(PASSWORD, 'wrong'), 'power', 'on'),
      /^7 n0: BMC 127\.0\.0\.1 refused the user/,
    );
  } finally {
    await sim.stop();
  }
});

test.serial('an independent client accepts the service of these tests as Redfish', async t => {
  if (!requireAll(t, { programs: ['openssl', 'redfishtool'] }) || !world) return;
  const sim = await new RedfishSim({ ...world, user: 'admin', password: 'pw', systems: ['one'] }).start();
  try {
    const tool = async (...words: string[]) =>
      runOk('redfishtool', ['-r', `127.0.0.1:${sim.port}`, '-u', 'admin', '-p', 'pw', '-S', 'Always', ...words]);
    t.regex(await tool('Systems', '-1', 'get'), /"PowerState": "Off"/);
    await tool('Systems', '-1', 'reset', 'On');
    t.deepEqual(sim.resetsSeen, ['On']);
    await tool('Systems', '-1', 'setBootOverride', 'Once', 'Pxe');
    t.is(sim.systems.get('one')?.boot['BootSourceOverrideTarget'], 'Pxe');
  } finally {
    await sim.stop();
  }
});
