import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { RenderedFiles } from '../../src/daemon/rendered-files.ts';
import type { Rendered, RenderedEntry } from '../../src/files/rendered.ts';
import { Sealing } from '../../src/sealing.ts';

const KEY = Buffer.alloc(32, 7);

function folderOf(t: ExecutionContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'muster-rendered-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  return join(folder, 'rendered');
}

async function open(folder: string, more: { now?: () => number; failed?: (reason: unknown) => void } = {}) {
  const failed = (reason: unknown): void => {
    throw reason;
  };
  return RenderedFiles.open({ folder, sealing: new Sealing(KEY, 'rendered'), failed, ...more });
}

function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

function file(path: string, text: string, secret = false): RenderedEntry {
  return {
    ...{ type: 'file', path, mode: 0o644, owner: 'root', group: 'root', content: Buffer.from(text) },
    ...{ sha256: digestOf(text), target: '', xattrs: [], merge: 'replace', secret, optional: false },
    ...{ keepsLocalEdits: false, origin: { set: 'base', file: path } },
  };
}

function rendered(...entries: RenderedEntry[]): Rendered {
  const scripts = [{ stage: 'root' as const, name: 'a', content: Buffer.from('#!x'), required: true, seconds: 9 }];
  return { entries, scripts, changes: [], leftOut: [] };
}

test('an index and its contents are there at once, and after a restart', async t => {
  const folder = folderOf(t);
  const files = await open(folder);
  const kept = await files.put(rendered(file('/a', 'hello')));
  t.false(kept.secret);
  t.is(kept.index, digestOf(kept.text));
  t.is(kept.size, kept.text.length + 'hello'.length + '#!x'.length);
  const again = await files.put(rendered(file('/a', 'hello')));
  t.is(again.index, kept.index);
  t.is((await files.get(kept.index))?.toString(), kept.text);
  await files.settled();
  const later = await open(folder);
  t.is((await later.get(kept.index))?.toString(), kept.text);
  t.is((await later.get(digestOf('hello')))?.toString(), 'hello');
  t.is((await later.get(digestOf('#!x')))?.toString(), '#!x');
  t.is(await later.get(digestOf('other')), undefined);
  t.is(await later.get('../head.key'), undefined);
});

test('a content that becomes secret is encrypted on disk, also after a restart', async t => {
  const folder = folderOf(t);
  const onDisk = (): string => readFileSync(join(folder, digestOf('later secret')), 'latin1');
  for (const restarts of [false, true]) {
    const files = await open(folder);
    await files.put(rendered(file('/key', 'later secret')));
    if (restarts) await files.settled();
    const now = restarts ? await open(folder) : files;
    await now.put(rendered(file('/key', 'later secret', true)));
    await Promise.all([files.settled(), now.settled()]);
    t.false(onDisk().includes('later secret'));
    t.is((await (await open(folder)).get(digestOf('later secret')))?.toString(), 'later secret');
    rmSync(join(folder, digestOf('later secret')));
  }
});

test('a node with a secret script gets all over TLS', async t => {
  const files = await open(folderOf(t));
  const script = { stage: 'root', name: 'a', content: Buffer.from('#!x'), required: true, seconds: 9 } as const;
  const scripts = [{ ...script, secret: true }];
  t.true((await files.put({ ...rendered(file('/a', 'x')), scripts })).secret);
  await files.settled();
});

test('secret contents are encrypted on disk, and their index too', async t => {
  const folder = folderOf(t);
  const files = await open(folder);
  const kept = await files.put(rendered(file('/key', 'very secret', true), file('/open', 'public text')));
  t.true(kept.secret);
  await files.settled();
  const bytes = readdirSync(folder)
    .map(name => readFileSync(join(folder, name), 'latin1'))
    .join('\n');
  t.false(bytes.includes('very secret'));
  t.false(bytes.includes('muster-files 1'));
  t.true(bytes.includes('public text'));
  t.is((await (await open(folder)).get(digestOf('very secret')))?.toString(), 'very secret');
});

test('a damaged file is not returned, and is written again', async t => {
  const folder = folderOf(t);
  await (await open(folder)).put(rendered(file('/a', 'hello')));
  const first = await open(folder);
  await first.put(rendered(file('/a', 'hello')));
  await first.settled();
  writeFileSync(join(folder, digestOf('hello')), 'hellO');
  const files = await open(folder);
  t.is(await files.get(digestOf('hello')), undefined);
  await files.put(rendered(file('/a', 'hello')));
  await files.settled();
  t.is(readFileSync(join(folder, digestOf('hello')), 'utf8'), 'hello');
});

test('a sweep removes what no boot needs, and spares what is new', async t => {
  const folder = folderOf(t);
  const clock = { now: Date.now() };
  const files = await open(folder, { now: () => clock.now });
  const one = await files.put(rendered(file('/a', 'shared'), file('/b', 'one')));
  const two = await files.put(rendered(file('/a', 'shared'), file('/b', 'two')));
  await files.settled();
  await files.sweep([one.index]);
  t.truthy(await files.get(two.index));
  for (const name of readdirSync(folder)) utimesSync(join(folder, name), 0, 0);
  await files.sweep([one.index]);
  t.is(await files.get(two.index), undefined);
  t.is(await files.get(digestOf('two')), undefined);
  for (const text of ['shared', 'one', '#!x']) t.is((await files.get(digestOf(text)))?.toString(), text);
  await files.sweep([]);
  t.deepEqual(readdirSync(folder), []);
});

test('a folder that cannot be written is reported, and the files are served from memory', async t => {
  const folder = folderOf(t);
  const failures: unknown[] = [];
  const files = await open(folder, { failed: reason => failures.push(reason) });
  rmSync(folder, { recursive: true });
  const kept = await files.put(rendered(file('/a', 'hello')));
  await files.settled();
  t.true(failures.length > 0);
  t.is((await files.get(kept.index))?.toString(), kept.text);
});
