// The two clocks: what goes by which, and what a step of the wall clock does to what counts durations.
import { readFileSync } from 'node:fs';
import test from 'ava';
import { ClockSteps } from '../src/clock.ts';
import { LeaseCount } from '../src/dhcp/lease-count.ts';
import { Quarantine } from '../src/dhcp/quarantine.ts';
import { LogLimiter } from '../src/log.ts';
import { productSources, sourceName } from './sources.ts';

test('a step of the wall clock is noticed once, and slewing is none', t => {
  const clock = { wall: 1e12, monotonic: 0 };
  const steps = new ClockSteps(
    () => clock.wall,
    () => clock.monotonic,
  );
  const pass = (wall: number, monotonic: number): number => {
    clock.wall += wall;
    clock.monotonic += monotonic;
    return steps.look();
  };
  t.is(pass(10_000, 10_000), 0);
  t.is(pass(10_005, 10_000), 0, 'NTP slews');
  t.is(pass(-3_590_000, 10_000), -3_600_000);
  t.is(pass(10_000, 10_000), 0);
  t.is(pass(86_410_000, 10_000), 86_400_000);
});

test.serial('a step of the wall clock mutes no line, and keeps no address out', t => {
  const wall = Date.now;
  const clock = { wall: 1e12 };
  Date.now = () => clock.wall;
  t.teardown(() => {
    Date.now = wall;
  });
  const begun = performance.now();
  const limiter = new LogLimiter();
  const quarantine = new Quarantine();
  const count = new LeaseCount();
  limiter.allow('key');
  quarantine.enter('10.54.0.7');
  count.given('10.54.0.7', 3600);
  clock.wall -= 3_600_000;
  t.true(quarantine.secondsLeft('10.54.0.7') <= 10);
  clock.wall += 7_200_000;
  t.is(count.count(), 1);
  // No more time passed than this test took
  t.true(limiter.allow('key') === undefined || performance.now() - begun >= 1000);
});

/** Files that may read the wall clock, and for what. Everything else counts durations, or is given the time. */
const WALL: Readonly<Record<string, string>> = {
  'clock.ts': 'compares the two clocks',
  'power/redfish/client.ts': 'the date of a Retry-After',
  'doctor/host-checks.ts': 'checks the clock',
  'admin/handlers/exports.ts': 'the serial number of a zone',
  'admin/why-facts.ts': "compares with the head's failures, which are shown with wall time",
  'dhcp/loop.ts': 'leases and unknown machines are shown with wall time',
  'daemon/happenings.ts': 'events are shown with wall time',
  'daemon/state.ts': 'the wall time of stored things',
  'blobs/blobs.ts': 'the times of files, next to the clock that nobody sets',
  'store/sqlite-store.ts': 'the audit trail',
  'daemon/rendered-files.ts': 'ages of files',
  'lab/lab.ts': "compares with the head's events",
  'lab/command.ts': "compares with the head's events",
  'lab/run-folder.ts': 'ages of files',
  'lab/image-cache.ts': 'times of files',
  'image/workspace/workspace.ts': 'the manifest',
  'power/consoles.ts': 'the log of a console',
  'cli/node-actions.ts': 'ages of what the head tells',
  'cli/cluster-actions.ts': 'ages of what the head tells',
  'cli/list-action.ts': 'ages of what the head reports',
  'cli/node-list.ts': 'ages of what the head tells',
  'cli/overview.ts': 'ages of states that the head reports',
  'cli/lease-actions.ts': 'ages of what the head tells',
  'cli/backup-action.ts': 'the time of a backup',
  'cli/restore-action.ts': 'a name for what was there before',
  'image/image-root.ts': 'part of a name',
  'cli/modimg/modimg.ts': 'the description of a step',
};

test('the wall clock is read only for what people see or what is stored', t => {
  const readers = productSources()
    .filter(path => /\bDate\.now\b|new Date\(\)/.test(readFileSync(path, 'utf8')))
    .map(sourceName);
  t.deepEqual(
    readers.filter(name => !(name in WALL)),
    [],
    'use monotonicNow of src/clock.ts for durations; a file that needs wall time gets a row here',
  );
});

/** Files that may read the monotonic clock by themselves, and for what. */
const MONOTONIC: Readonly<Record<string, string>> = {
  'clock.ts': 'is the clock',
  'daemon/service-manager.ts': 'systemd wants CLOCK_MONOTONIC in microseconds',
};

test('durations have one clock', t => {
  const readers = productSources()
    .filter(path => /\bperformance\.|\bhrtime\b/.test(readFileSync(path, 'utf8')))
    .map(sourceName);
  t.deepEqual(readers.sort(), Object.keys(MONOTONIC), 'use monotonicNow of src/clock.ts');
});
