// Killing the daemon at any moment loses no image, kernel or object that was acknowledged.
import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { AdminClient } from '../../src/api/client.ts';
import { OBJECTS } from '../../src/api/objects.ts';
import { digestFile } from '../../src/durable/digest.ts';
import { runOk } from '../../src/process/run.ts';
import { temporaryFolder } from '../store/folder.ts';
import { requireAll } from '../support/require.ts';
import { serveKilled } from './killed.ts';
import { startWorld } from './world.ts';

const ROUNDS = 20;

/** Images to choose from, made once: each a small squashfs of random bytes. */
async function makeImages(folder: string, count: number): Promise<string[]> {
  return Promise.all(
    Array.from({ length: count }, async (_, index) => {
      mkdirSync(join(folder, `root${index}`));
      writeFileSync(join(folder, `root${index}/file`), randomBytes(400_000 + index * 300_000));
      const image = join(folder, `image${index}`);
      writeFileSync(`${image}.initramfs`, randomBytes(500_000 + index));
      await runOk('mksquashfs', [join(folder, `root${index}`), image, '-quiet', '-no-progress', '-noD', '-noF']);
      return image;
    }),
  );
}

/** What the killed daemon had acknowledged, by the name of the object: the digest of the bytes that were sent. */
type Acknowledged = Map<string, { field: 'content' | 'initramfs'; sha256: string }>;

/** Uploads one file after the other, until the daemon is gone. */
async function uploadUntilKilled(socket: string, round: number, images: readonly string[], known: Acknowledged) {
  const client = new AdminClient({ socket });
  try {
    for (let count = 0; ; count += 1) {
      const isImage = count % 2 === 0;
      const name = `${isImage ? 'image' : 'boot'}-${round}-${count}`;
      const file = `${images[(round + count) % images.length]}${isImage ? '' : '.initramfs'}`;
      const { id, sha256: digest = '' } = await client.upload(file);
      const [kind, field] = isImage ? (['image', 'content'] as const) : (['boot', 'initramfs'] as const);
      await client.call(OBJECTS.create, { kind, body: { name, [field]: { upload: id } } });
      known.set(name, { field, sha256: digest });
    }
  } catch {
    // The daemon was killed: whatever was not acknowledged may be there or not.
  } finally {
    await client.close().catch(() => {});
  }
}

/** Everything that was acknowledged is there, byte for byte, and nothing is stored by halves. */
async function check(t: ExecutionContext, folder: string, known: Acknowledged): Promise<void> {
  const { cluster, blobs, stop } = await startWorld(folder);
  t.teardown(stop);
  for (const [name, { field, sha256: digest }] of known) {
    if (field === 'content') {
      const content = cluster.byName('image', name)?.value.content;
      t.is(content?.root_sha256, digest, name);
      if (!content) continue;
      const found = await digestFile(blobs.path(content.sha256), {
        range: { offset: content.root_offset, size: content.root_size },
      });
      t.like(found, { whole: content.sha256, range: digest }, name);
    } else t.is(cluster.byName('boot', name)?.value.initramfs?.sha256, digest, name);
  }
  for (const blob of await blobs.list()) t.is((await digestFile(blobs.path(blob.sha256))).whole, blob.sha256);
  t.deepEqual(readdirSync(join(folder, 'state/uploads')), [], 'halves are removed at the start');
}

test(`kill -9 of the daemon during uploads, ${ROUNDS} times: an acknowledged image is there and byte-exact`, async t => {
  if (!requireAll(t, { programs: ['mksquashfs', 'strace'] })) return;
  t.timeout(240_000);
  const folder = temporaryFolder(t);
  const images = await makeImages(temporaryFolder(t), 3);
  const known: Acknowledged = new Map();
  // The first start makes keys and objects; the others come to their uploads sooner.
  await (await startWorld(folder)).stop();
  for (let round = 0; round < ROUNDS; round += 1) {
    const { closed } = await serveKilled(t, folder, round);
    await uploadUntilKilled(join(folder, 'run/admin.sock'), round, images, known);
    await closed;
  }
  await check(t, folder, known);
  t.log(`${known.size} acknowledged uploads survived ${ROUNDS} kills`);
  t.true(known.size > 0);
});
