// A cluster of three nodes with a head, and the files that shipped file sets give to one of them.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { publicHostKeys } from '../../src/files/derived.ts';
import { indexText, readIndex } from '../../src/files/index-text.ts';
import { renderFiles } from '../../src/files/render.ts';
import type { RenderedEntry } from '../../src/files/rendered.ts';
import { ResultCache } from '../../src/files/result-cache.ts';
import { shippedSet } from '../../src/files/shipped.ts';
import { TemplateEngine } from '../../src/files/template-engine.ts';
import { TemplateValues } from '../../src/files/values.ts';
import { Networks } from '../../src/networks.ts';
import { FakeCluster } from '../fakes/cluster.ts';
import { withoutThread } from './build.ts';

export const HEAD_KEY = Buffer.alloc(32, 9);
const HARDWARE = { cpus: '8', memory_kb: '16384000' };

export interface ThreeNodes {
  /** Of each node. */
  attributes?: Record<string, string>;
  /** Of one node, by its index. */
  own?: Readonly<Record<number, Record<string, string>>>;
  /** Files below files.folder. */
  files?: Readonly<Record<string, string | Buffer>>;
  /** `/etc/passwd` and `/etc/group` of the head. */
  accounts?: Readonly<Record<string, string>>;
  hostKeys?: readonly string[];
  release?: string;
  /** What the nodes have reported. */
  hardware?: Record<string, string>;
}

export interface Files {
  /** Entries by path. */
  entries: ReadonlyMap<string, RenderedEntry>;
  text(path: string): string;
  /** Writes the files below a new folder, with their modes; returns it. */
  write(): string;
  actions: readonly string[];
  /** The index that the node gets. */
  index: string;
}

/** Renders sets for the node with this index; throws with the reason. */
export async function filesOf(
  t: ExecutionContext,
  names: readonly string[],
  {
    attributes = {},
    own = {},
    files = {},
    accounts = {},
    hostKeys = [],
    release,
    hardware = HARDWARE,
  }: ThreeNodes = {},
  index = 1,
): Promise<Files> {
  const fake = new FakeCluster();
  const group = fake.create('attrib', { name: 'compute', attributes: { _file_sets: names.join(','), ...attributes } });
  const { config } = fake.bootable();
  if (release !== undefined) fake.change(config, { release });
  const [first] = fake.cluster.all('node');
  if (!first) throw new Error('the fake cluster has no node');
  fake.change(first, { groups: [group.uid], attributes: { ...own[0] } });
  for (const at of [1, 2])
    fake.create('node', { mac: `52:54:00:54:00:1${at}`, groups: ['compute'], attributes: own[at] ?? {} });
  const [headFiles, etc] = [temporary(t), temporary(t)];
  for (const [path, content] of Object.entries(files)) put(join(headFiles, path), content, 0o644);
  for (const [path, content] of Object.entries(accounts)) put(join(etc, path), content, 0o644);
  const sources = { folder: headFiles, accounts: etc };
  const engine = new TemplateEngine({ ...sources, key: HEAD_KEY });
  const networks = new Networks({
    ...{ address: '10.54.0.1/16', interface: '', router: '10.54.0.254', dns: ['10.54.0.1'] },
    ...{ domain: 'cluster.example', leaseSeconds: 60 },
  });
  const values = new TemplateValues({
    cluster: fake.cluster,
    networks,
    head: () => ({
      ...{ name: 'head', address: '10.54.0.1', domain: 'cluster.example', dns: ['10.54.0.1'], router: '10.54.0.254' },
      host_keys: [...hostKeys],
    }),
    hardware: () => hardware,
    hostKeys: publicHostKeys(HEAD_KEY),
  });
  const templates = withoutThread(engine);
  const sets = await Promise.all(
    names.map(async name => {
      const set = await shippedSet(name);
      if (!set) throw new Error(`there is no shipped set ${name}`);
      return { name, content: set.content };
    }),
  );
  const node = fake.cluster.all('node')[index];
  if (!node) throw new Error(`there is no node ${index}`);
  const answer = await renderFiles(sets, node, values, { templates, cache: new ResultCache(), ...sources });
  if ('refused' in answer) throw new Error(answer.refused);
  const text = indexText(answer);
  const read = readIndex(text);
  if ('refused' in read) throw new Error(read.refused);
  const entries = new Map(answer.entries.map(entry => [entry.path, entry]));
  return {
    entries,
    text: path => entries.get(path)?.content.toString() ?? `(no ${path})`,
    write: () => {
      const root = temporary(t);
      for (const { type, path, content, mode } of answer.entries)
        if (type === 'file') put(join(root, path), content, mode);
      return root;
    },
    index: text,
    actions: answer.changes.map(({ action, what, paths }) => `${action} ${what} ${paths.join(' ')}`),
  };
}

function put(path: string, content: string | Buffer, mode: number): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content, { mode });
}

function temporary(t: ExecutionContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'muster-shipped-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
