// Every quirk of test/fakes/redfish-quirks.ts against the driver over real TLS, in time that only sleeps move: all that an administrator does.
import { X509Certificate } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import test, { type ExecutionContext } from 'ava';
import type { HardAction } from '../../src/model/power-actions.ts';
import type { PowerUri } from '../../src/model/power-uri.ts';
import type { PowerTarget } from '../../src/power/driver.ts';
import { redfish } from '../../src/power/drivers/redfish.ts';
import { actHard, settled } from '../../src/power/hard.ts';
import { askingAgain, Limits } from '../../src/power/limits.ts';
import { Tools } from '../../src/power/tools.ts';
import { runOk } from '../../src/process/run.ts';
import { json, problem, type Quirk, RedfishSim } from '../fakes/redfish.ts';
import { QUIRKS } from '../fakes/redfish-quirks.ts';
import { requireAll } from '../support/require.ts';

const NEEDS = { programs: ['openssl'] };
const PASSWORD = 'red:f/sh@p4ss';

interface Identity {
  key: string;
  cert: string;
  pin: string;
}

let made: Promise<Identity> | undefined;

async function identity(): Promise<Identity> {
  const folder = await mkdtemp(join(tmpdir(), 'muster-redfish-'));
  const [key, cert] = [join(folder, 'key'), join(folder, 'cert')];
  const kind = [
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:prime256v1',
    '-nodes',
    '-days',
    '2',
    '-subj',
    '/CN=bmc',
  ];
  await runOk('openssl', ['req', '-x509', ...kind, '-keyout', key, '-out', cert]);
  const texts = { key: await readFile(key, 'utf8'), cert: await readFile(cert, 'utf8') };
  await rm(folder, { recursive: true });
  return { ...texts, pin: new X509Certificate(texts.cert).fingerprint256 };
}

interface Bench {
  sim: RedfishSim;
  target: PowerTarget;
  /** Milliseconds that were slept. */
  slept(): number;
  status(): Promise<string>;
  act(action: HardAction, next?: 'pxe' | 'disk', efi?: boolean): Promise<string>;
}

async function bench(t: ExecutionContext, quirk?: Quirk, password = PASSWORD): Promise<Bench> {
  made ??= identity();
  const { key, cert, pin } = await made;
  const sim = await new RedfishSim({
    key,
    cert,
    user: 'admin',
    password: PASSWORD,
    systems: ['one'],
    ...(quirk && { quirk }),
  }).start();
  const limits = new Limits();
  const ports = { limits, key: undefined, timeoutMs: 20_000, fanout: 8, serverFanout: 8, learned: new Set<string>() };
  const uri: PowerUri = {
    scheme: 'redfish',
    user: 'admin',
    password,
    host: '127.0.0.1',
    port: sim.port,
    options: { pin },
  };
  const target = redfish.open(uri, new Tools(ports, 'redfish'));
  t.teardown(async () => {
    await target.close?.();
    await sim.stop();
  });
  let time = 0;
  const sleep = async (milliseconds: number) => {
    time += milliseconds;
  };
  const hard = {
    now: () => time,
    sleep,
    turn: async () => {},
    again: async <T>(work: () => Promise<T>) => askingAgain(work, sleep, () => 0.5),
  };
  return {
    sim,
    target,
    slept: () => time,
    status: async () => settled(target, 10_000, hard),
    act: async (action, next, efi = false) =>
      (await actHard(target, { action, efi, ...(next && { next }) }, hard)).state,
  };
}

for (const quirk of [undefined, ...QUIRKS]) {
  test(`a BMC that ${quirk?.name ?? 'follows the specification'}`, async t => {
    if (!requireAll(t, NEEDS)) return;
    const { sim, target, status, act } = await bench(t, quirk);
    const boot = () => sim.system.boot;
    t.is(await status(), 'off');
    t.is(await act('on'), 'on');
    t.is(sim.system.power, 'On');
    t.is(await status(), 'on');
    t.is(await act('cycle', 'pxe'), 'on');
    t.like(boot(), {
      BootSourceOverrideEnabled: 'Once',
      BootSourceOverrideTarget: 'Pxe',
      BootSourceOverrideMode: 'UEFI',
    });
    t.is(await act('reset', 'disk', true), 'on');
    t.like(boot(), { BootSourceOverrideTarget: 'Hdd', BootSourceOverrideMode: 'UEFI' });
    t.is(sim.system.power, 'On');
    t.is(await act('off'), 'off');
    t.is(sim.system.power, 'Off');
    t.is(await act('cycle'), 'on', 'one that is off');
    t.true(sim.resetsSeen.length >= 4, sim.resetsSeen.join());
    await target.close?.();
    if (quirk?.name !== 'closes every second connection without an answer to a question')
      t.is(sim.sessions.size, 0, 'every session was ended');
  });

  test(`a wrong password at a BMC that ${quirk?.name ?? 'follows the specification'} is not tried again`, async t => {
    if (!requireAll(t, NEEDS)) return;
    const { sim, status } = await bench(t, quirk, 'wrong');
    const error = await t.throwsAsync(status());
    t.regex(error?.message ?? '', /refused the user 'admin'|has all its sessions in use/);
    const tries = sim.calls.filter(call => / 401$/.test(call)).length;
    t.true(tries <= 4, sim.calls.join('\n'));
  });
}

test('every quirk has a unique name and a public source', t => {
  t.is(new Set(QUIRKS.map(({ name }) => name)).size, QUIRKS.length);
  for (const { source } of QUIRKS) t.regex(source, /^https:\/\/[a-z.-]+\/\S+$/);
});

test('the boot mode: UEFI for a node that booted by UEFI, else what the BMC shows', async t => {
  if (!requireAll(t, NEEDS)) return;
  for (const [efi, mode] of [
    [true, 'UEFI'],
    [false, 'Legacy'],
  ] as const) {
    const { sim, act } = await bench(t);
    sim.system.boot['BootSourceOverrideMode'] = 'Legacy';
    await act('on', 'pxe', efi);
    t.is(sim.system.boot['BootSourceOverrideMode'], mode);
  }
});

test('a login goes only to the BMC, wherever a redirect points', async t => {
  if (!requireAll(t, NEEDS)) return;
  const other = await bench(t);
  const lures: Quirk = {
    name: 'points elsewhere',
    source: 'https://www.rfc-editor.org/rfc/rfc9110#section-15.4',
    before: ({ path }) =>
      path === '/redfish/v1/Systems/one'
        ? { status: 302, headers: { Location: `http://127.0.0.1:${other.sim.port}/redfish/v1/Systems/two` } }
        : undefined,
  };
  const { status, sim } = await bench(t, lures);
  await t.throwsAsync(status(), { message: /would not show the system one/ });
  t.true(sim.calls.includes('GET /redfish/v1/Systems/two 404'));
  t.deepEqual(other.sim.calls, []);
});

test('circular redirects and endless answers fail', async t => {
  if (!requireAll(t, NEEDS)) return;
  const circle: Quirk = {
    name: 'circle',
    source: 'https://www.rfc-editor.org/rfc/rfc9110#section-15.4',
    before: ({ path, method }) =>
      method === 'GET'
        ? { status: 308, headers: { Location: path.endsWith('/') ? path.slice(0, -1) : `${path}/` } }
        : undefined,
  };
  const turning = await bench(t, circle);
  await t.throwsAsync(turning.status(), { message: /would not list its systems: HTTP status 308/ });
  t.true(turning.sim.calls.length < 12);
  const endless: Quirk = {
    name: 'endless',
    source: 'https://www.rfc-editor.org/rfc/rfc9110#section-8.6',
    after(answer, { method }) {
      if (method === 'GET') answer.bytes = Buffer.alloc(3 << 20, ' ');
    },
  };
  await t.throwsAsync((await bench(t, endless)).status(), { message: /longer than 1048576 bytes/ });
  const bomb: Quirk = {
    name: 'bomb',
    source: 'https://www.rfc-editor.org/rfc/rfc9110#section-8.4',
    after(answer, { method, path }) {
      if (method !== 'GET' || path === '/redfish/v1/Systems') return;
      answer.bytes = gzipSync(Buffer.alloc(64 << 20, ' '));
      answer.headers['Content-Encoding'] = 'gzip';
    },
  };
  t.is(await (await bench(t, bomb)).status(), 'unknown');
});

test('the Retry-After of a busy BMC is obeyed, up to half a minute', async t => {
  if (!requireAll(t, NEEDS)) return;
  for (const [wanted, least, most] of [
    ['7', 7000, 7000],
    ['100000', 30_000, 30_000],
    [new Date(Date.now() + 3_600_000).toUTCString(), 30_000, 30_000],
    ['nonsense', 400, 600],
  ] as const) {
    const busyOnce: Quirk = {
      name: 'busy once',
      source: 'https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3',
      before({ method }, sim) {
        if (method !== 'GET' || sim.memory > 0) return undefined;
        sim.memory = 1;
        return { ...problem(503, 'ServiceTemporarilyUnavailable', 'Later.'), headers: { 'Retry-After': wanted } };
      },
    };
    const { status, slept } = await bench(t, busyOnce);
    t.is(await status(), 'off');
    t.true(slept() >= least && slept() <= most, `${wanted}: ${slept()}`);
  }
});

test('an impossible action is reported in the words of the BMC', async t => {
  if (!requireAll(t, NEEDS)) return;
  const locked: Quirk = {
    name: 'locked',
    source: 'https://www.dmtf.org/sites/default/files/standards/documents/DSP0266_1.20.0.pdf',
    before: ({ method, path }) =>
      (method === 'POST' && path.includes('Actions')) || method === 'PATCH'
        ? problem(403, 'InsufficientPrivilege', 'The system is in lockdown mode.')
        : undefined,
  };
  const { act } = await bench(t, locked);
  await t.throwsAsync(act('on'), {
    code: 'bmc-refused',
    message: 'BMC 127.0.0.1 would not on: The system is in lockdown mode.',
  });
  await t.throwsAsync(act('on', 'pxe'), {
    code: 'bmc-refused',
    message: /would not set the boot device: The system is in lockdown mode/,
  });
  const none: Quirk = {
    name: 'none',
    source: 'https://www.dmtf.org/sites/default/files/standards/documents/DSP0266_1.20.0.pdf',
    before: ({ path }) => (path === '/redfish/v1/Systems' ? json(200, { Members: [] }) : undefined),
  };
  await t.throwsAsync((await bench(t, none)).status(), { message: /has the systems none/ });
});
