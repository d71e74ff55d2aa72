import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import test from 'ava';
import type { Happening } from '../../src/api/daemon.ts';
import type { Stage } from '../../src/boot/journey.ts';
import { Metrics } from '../../src/daemon/metrics.ts';
import { startMetricsServer } from '../../src/daemon/metrics-server.ts';
import { packageRoot } from '../../src/package-root.ts';

function metrics(): Metrics {
  return new Metrics({
    version: '1.2.3',
    stateFolder: tmpdir(),
    nodeStates: () => ['up', 'up', 'booting'],
    unknownMachines: () => 3,
    sequence: () => 42,
    served: () => ({
      leases: 7,
      images: { running: 2, queued: 5 },
      tftp: { active: 1, finished: 10, failed: 2, bytes: 1870 },
      iscsi: { sessions: 3, commands: 99, readBytes: 4096, writtenBytes: 512 },
    }),
  });
}

const seen = (boot: string, stage: Stage, at: number, more: { bytes?: number; error?: string } = {}): Happening => ({
  type: 'boot',
  at,
  node: 'n0',
  boot,
  event: { stage, at, ...more },
});

/** The value of one line. */
function figureIn(exposition: string, line: string): number {
  const found = exposition.split('\n').find(each => each.startsWith(`${line} `));
  return Number(found?.slice(line.length + 1) ?? Number.NaN);
}

test('a boot is counted once for each stage, with its times, its bytes and its errors', async t => {
  const figures = metrics();
  const boot: [Stage, number, object?][] = [
    ['offered', 0],
    ['addressed', 1000],
    ['addressed', 1100],
    ['kernel', 4000, { bytes: 1000 }],
    ['kernel', 5000, { bytes: 500 }],
    ['initramfs', 14_000],
    ['image', 15_000, { error: 'checksum' }],
    ['image', 20_000, { bytes: 7 }],
    ['up', 40_000],
    ['up', 41_000],
  ];
  for (const [stage, at, more] of boot) figures.happened(seen('b1', stage, at, more));
  figures.happened({ type: 'state', at: 0, node: 'n0', state: 'up' });
  const said = await figures.text();
  t.is(figureIn(said, 'muster_boot_stages_total{stage="addressed"}'), 1);
  t.is(figureIn(said, 'muster_boot_stages_total{stage="loader"}'), 0);
  t.is(figureIn(said, 'muster_boot_bytes_total{stage="kernel"}'), 1500);
  t.is(figureIn(said, 'muster_boot_errors_total{stage="image"}'), 1);
  t.is(figureIn(said, 'muster_boot_stage_seconds_sum{stage="initramfs"}'), 10);
  t.is(figureIn(said, 'muster_boot_stage_seconds_bucket{le="5",stage="initramfs"}'), 0);
  t.is(figureIn(said, 'muster_boot_stage_seconds_bucket{le="10",stage="initramfs"}'), 1);
  t.is(figureIn(said, 'muster_boot_seconds_sum'), 40);
  t.is(figureIn(said, 'muster_boot_seconds_count'), 1);
});

test('the present state: nodes, machines, storage, process', async t => {
  const figures = metrics();
  figures.happened(seen('b1', 'offered', 0));
  await figures.text();
  const said = await figures.text();
  t.is(figureIn(said, 'muster_nodes{state="up"}'), 2);
  t.is(figureIn(said, 'muster_nodes{state="booting"}'), 1);
  t.is(figureIn(said, 'muster_nodes{state="failed"}'), 0);
  t.is(figureIn(said, 'muster_unknown_machines'), 3);
  t.is(figureIn(said, 'muster_commits'), 42);
  t.is(figureIn(said, 'muster_leases'), 7);
  t.is(figureIn(said, 'muster_image_transfers'), 2);
  t.is(figureIn(said, 'muster_image_queue'), 5);
  t.is(figureIn(said, 'muster_tftp_transfers'), 1);
  t.is(figureIn(said, 'muster_tftp_transfers_total{result="failed"}'), 2);
  t.is(figureIn(said, 'muster_tftp_bytes_total'), 1870);
  t.is(figureIn(said, 'muster_iscsi_sessions'), 3);
  t.is(figureIn(said, 'muster_iscsi_commands_total'), 99, 'asked twice, counted once');
  t.is(figureIn(said, 'muster_iscsi_bytes_total{direction="read"}'), 4096);
  t.is(figureIn(said, 'muster_build_info{version="1.2.3"}'), 1);
  t.true(figureIn(said, 'muster_storage_free_bytes') > 0);
  t.true(figureIn(said, 'process_resident_memory_bytes') > 0);
  t.true(figureIn(said, 'process_open_fds') > 0);
});

test('boots do not pile up', t => {
  const figures = metrics();
  for (let boot = 0; boot < 20_010; boot += 1) figures.happened(seen(`b${boot}`, 'offered', boot));
  t.is(figures.followed, 20_000);
});

test('over TCP there is /metrics and nothing else', async t => {
  const served = await startMetricsServer('127.0.0.1:0', async () => 'muster_x 1\n');
  t.teardown(served.close);
  const ask = async (path: string, method = 'GET'): Promise<[number | undefined, string]> =>
    new Promise((resolve, reject) => {
      const sent = request(
        { host: '127.0.0.1', port: served.port, path, method, agent: false },
        answer => void text(answer).then(body => resolve([answer.statusCode, body]), reject),
      );
      sent.on('error', reject);
      sent.end();
    });
  t.deepEqual(await ask('/metrics'), [200, 'muster_x 1\n']);
  t.deepEqual((await ask('/api/v1/health'))[0], 404);
  t.deepEqual((await ask('/metrics', 'POST'))[0], 404);
  await t.throwsAsync(
    startMetricsServer(`127.0.0.1:${served.port}`, async () => ''),
    {
      message: /The metrics server cannot start: its port \d+ is in use.*metrics\.address/,
    },
  );
});

test('the dashboard and docs/metrics.md name metrics that there are', async t => {
  const said = await metrics().text();
  const names = new Set(Array.from(said.matchAll(/^# TYPE (\w+) (\w+)$/gm), ([, name = '']) => name));
  const known = (name: string): boolean => names.has(name) || names.has(name.replace(/_(bucket|sum|count)$/, ''));
  for (const file of ['packaging/grafana-dashboard.json', 'docs/metrics.md']) {
    const used = readFileSync(join(packageRoot, file), 'utf8').match(/\b(muster|process|nodejs)_[a-z_]+\b/g) ?? [];
    t.true(used.length > 5, file);
    t.deepEqual(
      used.filter(name => !known(name)),
      [],
      file,
    );
  }
});

test('every metric of muster is in docs/metrics.md, and on the dashboard', async t => {
  const said = await metrics().text();
  const names = Array.from(said.matchAll(/^# TYPE (muster_\w+) \w+$/gm), ([, name = '']) => name);
  t.true(names.length > 15);
  for (const file of ['packaging/grafana-dashboard.json', 'docs/metrics.md']) {
    const page = readFileSync(join(packageRoot, file), 'utf8');
    t.deepEqual(
      names.filter(name => !page.includes(name) && name !== 'muster_commits'),
      [],
      file,
    );
  }
});
