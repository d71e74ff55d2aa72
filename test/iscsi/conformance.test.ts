// libiscsi's conformance tests, all families: as many pass as with tgt on the same file, and the document lists what fails.
import { mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { requireAll } from '../support/require.ts';
import { compare, DOCUMENT, KINDS } from './conformance.ts';

const SIZE = 100 << 20;

/** The tests that a section of the document lists: the first cell of each row, in code quotes. */
function listed(document: string, section: string): string[] {
  const start = document.indexOf(`## ${section}`);
  const end = document.indexOf('\n## ', start + 1);
  const text = document.slice(start, end < 0 ? undefined : end);
  return start < 0 ? [] : [...text.matchAll(/^\| `([^`]+)`\s*\|/gm)].map(match => match[1] ?? '').sort();
}

for (const kind of KINDS) {
  test.serial(`iscsi-test-cu: ${kind.name}`, async t => {
    t.timeout(400_000);
    if (!requireAll(t, { root: true, programs: ['iscsi-test-cu', 'tgtd', 'tgtadm'] })) return;
    const folder = await mkdtemp(join(tmpdir(), 'muster-conformance-'));
    t.teardown(() => rm(folder, { recursive: true }));
    const file = join(folder, 'disk.img');
    await writeFile(file, '');
    await truncate(file, SIZE);
    const { ours, tgt } = await compare(folder, file, kind);
    t.log(`${ours.passed} of ${ours.total} pass; with tgt ${tgt.passed} of ${tgt.total}`);
    t.is(ours.total, tgt.total);
    t.true(ours.passed >= tgt.passed);
    t.deepEqual(ours.failed, listed(await readFile(DOCUMENT, 'utf8'), kind.name));
  });
}
