// ISO images with bytes changed: each is refused or read, in bounded time, and nothing else happens.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { MusterError } from '../../src/errors.ts';
import { readIsoFacts } from '../../src/image/iso/facts.ts';
import { IsoTree } from '../../src/image/iso/tree.ts';
import { kernelFile } from '../cli/files.ts';
import { installationTree, layFiles, makeIso, testFolder } from '../support/iso.ts';
import { requireAll } from '../support/require.ts';
import { randomOf } from '../tftp/simulation.ts';

const ROUNDS = 1500;

test('an image with changed bytes is refused as bad-iso or read', async t => {
  if (!requireAll(t, { programs: ['xorriso'] })) return;
  t.timeout(300_000);
  const folder = testFolder(t);
  mkdirSync(join(folder, 'tree'));
  const tree = installationTree(kernelFile('5.14.0'), Buffer.alloc(3000, 'i'), {
    'links/one': '->../images/pxeboot',
    [`names/${'n'.repeat(200)}`]: 'x',
  });
  layFiles(join(folder, 'tree'), { ...tree, 'images/install.img': 'small' });
  const whole = readFileSync(await makeIso(join(folder, 'tree'), join(folder, 'whole.iso')));
  // Where the structure is: descriptors, directories, path tables; not the zeros before and the padding behind.
  const places = Array.from(whole.subarray(0, 120 * 2048).entries()).flatMap(([at, byte]) => (byte === 0 ? [] : [at]));
  const file = join(folder, 'changed.iso');
  const random = randomOf(20261124);
  const outcomes = { read: 0, refused: 0 };
  for (let round = 0; round < ROUNDS; round += 1) {
    const bytes = Buffer.from(whole);
    for (let change = 0; change < 1 + Math.floor(random() * 8); change += 1) {
      const at = places[Math.floor(random() * places.length)] ?? 0;
      bytes[at + Math.floor(random() * 3)] = Math.floor(random() * 256);
    }
    writeFileSync(file, bytes);
    try {
      await readIsoFacts(file);
      const opened = await IsoTree.open(file);
      await opened.lookup('links/one/vmlinuz');
      outcomes.read += 1;
    } catch (error) {
      if (!(error instanceof MusterError && error.code === 'bad-iso')) {
        throw error;
      }
      outcomes.refused += 1;
    }
  }
  t.log(outcomes);
  t.true(outcomes.read > 0 && outcomes.refused > 0);
});
