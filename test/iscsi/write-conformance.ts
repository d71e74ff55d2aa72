// Writes docs/iscsi-conformance.md from a run: node dist/test/iscsi/write-conformance.js
import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Compared, compare, DOCUMENT, KINDS, renderConformance } from './conformance.ts';

const runs: Compared[] = [];
for (const kind of KINDS) {
  const folder = await mkdtemp(join(tmpdir(), 'muster-conformance-'));
  try {
    const file = join(folder, 'disk.img');
    await writeFile(file, '');
    await truncate(file, 100 << 20);
    runs.push(await compare(folder, file, kind));
  } finally {
    await rm(folder, { recursive: true });
  }
}
await writeFile(DOCUMENT, renderConformance(runs));
