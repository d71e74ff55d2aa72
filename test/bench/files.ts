// A boot storm of nodes with file sets: how long a boot waits for its files, what they take in memory, and what goes over the wire.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { prepareFiles } from '../../src/daemon/file-preparer.ts';
import { NodeFiles } from '../../src/daemon/node-files.ts';
import { RenderedFiles } from '../../src/daemon/rendered-files.ts';
import { ResultCache } from '../../src/files/result-cache.ts';
import type { FileRules, SetContent } from '../../src/files/set-content.ts';
import { Templates } from '../../src/files/templates.ts';
import { loadLibc } from '../../src/libc.ts';
import { Networks } from '../../src/networks.ts';
import { Sealing } from '../../src/sealing.ts';
import { FakeCluster } from '../fakes/cluster.ts';
import { type BenchRow, row } from './row.ts';

const NODES = 1000;
/** Templates of a node; one of them goes over all nodes. */
const TEMPLATES = 20;
/** Milliseconds in which all nodes ask for their scripts, as in the bench `storm`. */
const STORM_MS = 2000;
/** Milliseconds that a boot may wait at p99. */
const CEILING_MS = 10;

export async function* benchFiles(): AsyncGenerator<BenchRow> {
  const folder = await mkdtemp(join(tmpdir(), 'muster-bench-files-'));
  const libc = await loadLibc();
  const newTemplates = () => new Templates(libc, { failed: reason => process.stderr.write(`${reason}\n`) });
  let templates = newTemplates();
  try {
    const fake = new FakeCluster();
    const nodes = manyNodes(fake);
    const before = memory();
    const store = await RenderedFiles.open({
      ...{ folder, sealing: new Sealing(Buffer.alloc(32), 'rendered') },
      failed: error => process.stderr.write(`${error}\n`),
    });
    const files = nodeFiles(store, templates);
    let bytes = 0;
    const ask = async (uid: string): Promise<void> => {
      const planned = await files.planned(fake.cluster, uid);
      if ('refused' in planned || !planned.files) throw new Error(JSON.stringify(planned));
      bytes += planned.files.size;
    };
    const begun = performance.now();
    for (const uid of nodes) await files.prepare(fake.cluster, uid);
    const seconds = (performance.now() - begun) / 1000;
    yield limit('rendered one after another in the background, after a start', seconds, 60, 's', 'a minute');
    yield* waits('a storm', await storm(nodes, ask));
    yield limit('files of a node on the wire', bytes / NODES / 1024, 1024, 'KiB', '1 MiB');
    const [first] = nodes;
    const entry = first === undefined ? undefined : fake.cluster.get('node', first);
    if (entry) fake.change(entry, { attributes: { ...entry.value.attributes, rack: 'moved' } });
    yield* waits('a storm right after a change of a node', await storm(nodes, ask));
    await store.settled();
    templates.close();
    templates = newTemplates();
    const cold = nodeFiles(store, templates);
    const beginning = async (uid: string): Promise<void> => void (await cold.planned(fake.cluster, uid));
    // As musterd starts: it prepares in the background, and serves meanwhile
    const started = performance.now();
    await cold.warm(fake.cluster);
    yield limit('ready in the background, after a start', performance.now() - started, 2000, 'ms', '2 s');
    const end = prepareFiles({ cluster: fake.cluster, store: { subscribe: () => () => undefined }, files: cold });
    yield* waits('a storm after a start, with nothing rendered', await storm(nodes, beginning));
    end();
    await store.settled();
    yield limit('memory for it, its threads included', (memory() - before) / 1024 / 1024, 512, 'MiB', '512 MiB');
  } finally {
    templates.close();
    await rm(folder, { recursive: true, force: true });
  }
}

/** Each asks at its moment, whether or not others still wait; returns the waits in milliseconds, sorted. */
async function storm(nodes: readonly string[], ask: (uid: string) => Promise<void>): Promise<number[]> {
  const waited: number[] = [];
  const begun = performance.now();
  const one = async (uid: string, at: number): Promise<void> => {
    await new Promise(resolve => setTimeout(resolve, Math.max(0, begun + at - performance.now())));
    const asked = performance.now();
    await ask(uid);
    waited.push(performance.now() - asked);
  };
  await Promise.all(nodes.map(async (uid, index) => one(uid, (index * STORM_MS) / nodes.length)));
  return waited.sort((left, right) => left - right);
}

function* waits(name: string, sorted: readonly number[]): Generator<BenchRow> {
  for (const part of [50, 99]) {
    const ours = sorted[Math.ceil((sorted.length * part) / 100) - 1] ?? Number.NaN;
    yield limit(`${name}: a boot waits, p${part}`, ours, CEILING_MS, 'ms', 'the ceiling');
  }
}

function limit(name: string, ours: number, peer: number, unit: string, peerName: string): BenchRow {
  return row({ case: `${NODES} nodes: ${name}`, ours, peer, peerName, unit, higherIsBetter: false });
}

function manyNodes(fake: FakeCluster): string[] {
  const { node } = fake.bootable();
  const pool = fake.cluster.byName('pool', 'DefaultPool') ?? fake.cluster.all('pool')[0];
  const template = node.value;
  const uids = Array.from({ length: NODES }, (_, index) => (index + 1).toString(16).padStart(32, 'e'));
  fake.apply(
    uids.map((uid, index) => ({
      ...{ kind: 'node' as const, uid, expected: 0 },
      value: {
        ...template,
        name: `c${index}`,
        index: index + 1,
        ip: `10.55.${index >> 8}.${index & 255}`,
        mac: `52:54:01:00:${(index >> 8).toString(16).padStart(2, '0')}:${(index & 255).toString(16).padStart(2, '0')}`,
        naming_pool: pool?.uid ?? '',
        attributes: { _file_sets: 'base', rack: `r${index % 25}` },
      },
    })),
  );
  fake.create(
    'files',
    { name: 'base' },
    { content: { sha256: 'f'.repeat(64), size: 1, mtime: 0, files: 1, secret: false } },
  );
  return uids;
}

function nodeFiles(store: RenderedFiles, templates: Templates): NodeFiles {
  const networks = new Networks({
    ...{ address: '10.55.0.1/16', interface: '', router: '10.55.0.1', dns: [], domain: 'c', leaseSeconds: 60 },
  });
  const content = baseSet();
  return new NodeFiles({
    ...{ store, templates, networks, cache: new ResultCache(), now: () => performance.now() },
    head: () => ({ name: 'head', address: '10.55.0.1' }),
    hardware: () => ({ cpus: '64' }),
    content: async () => content,
  });
}

/** `/etc/hosts` over all nodes, templates by rack, and templates that differ from node to node. */
function baseSet(): SetContent {
  const rules: FileRules = { merge: 'replace', optional: false, secret: false, localEdits: 'replace' };
  const lines = Array.from({ length: 40 }, (_, line) => `# line ${line} of a configuration file\n`).join('');
  const texts = Array.from({ length: TEMPLATES }, (_, index) => {
    if (index === 0) return '{% for n in nodes %}{{ n.ip }} {{ n.hostname }}\n{% endfor %}';
    if (index % 2 === 0) return `${lines}rack = {{ attributes.rack }}\n`;
    return `${lines}{{ node.name }} {{ node.ip }}\n{% for i in interfaces %}{{ i.name }} {{ i.mac }}\n{% endfor %}`;
  });
  const entries = texts.map((text, index) => ({
    ...{ type: 'file' as const, path: `/etc/file${index}`, isTemplate: true, content: Buffer.from(text) },
    ...{ target: '', mode: 0o644, owner: 'root', group: 'root', xattrs: [], rules },
  }));
  return { entries, scripts: [], changes: [], partials: {}, secret: false };
}

function memory(): number {
  return process.memoryUsage.rss();
}
