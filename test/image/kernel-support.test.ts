// What an image's kernels can read decides how it is packed, and whether an initramfs is made.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { ImageRoot } from '../../src/image/image-root.ts';
import { chooseCompression, kernelConfig, readableBy, requireRecent } from '../../src/image/kernel-support.ts';

const CENTOS7 = '3.10.0-1160.el7.x86_64';
/** The lines of the distributions' configurations that count. */
const CENTOS7_CONFIG =
  'CONFIG_SQUASHFS=m\nCONFIG_SQUASHFS_ZLIB=y\nCONFIG_SQUASHFS_LZO=y\nCONFIG_SQUASHFS_XZ=y\n# CONFIG_SQUASHFS_4K_DEVBLK_SIZE is not set\n';
const BOOKWORM_CONFIG =
  'CONFIG_SQUASHFS=m\nCONFIG_SQUASHFS_ZLIB=y\nCONFIG_SQUASHFS_LZ4=y\nCONFIG_SQUASHFS_LZO=y\nCONFIG_SQUASHFS_XZ=y\nCONFIG_SQUASHFS_ZSTD=y\n';
const WITHOUT_ZSTD = BOOKWORM_CONFIG.replace('CONFIG_SQUASHFS_ZSTD=y', '# CONFIG_SQUASHFS_ZSTD is not set');

function tree(t: ExecutionContext, files: Record<string, string>): ImageRoot {
  const root = mkdtempSync(join(tmpdir(), 'muster-kernel-'));
  t.teardown(() => rmSync(root, { recursive: true, force: true }));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return new ImageRoot(root);
}

test('a kernel reads what its configuration says, else what its version has', t => {
  t.deepEqual(readableBy(CENTOS7, CENTOS7_CONFIG), ['xz', 'gzip']);
  t.deepEqual(readableBy('6.1.0-9-amd64', WITHOUT_ZSTD), ['xz', 'lz4', 'gzip']);
  t.deepEqual(readableBy('6.1.0-9-amd64', BOOKWORM_CONFIG), ['zstd', 'xz', 'lz4', 'gzip']);
  t.deepEqual(readableBy(CENTOS7, undefined), ['xz', 'gzip']);
  t.deepEqual(readableBy('4.4.0-21-generic', 'CONFIG_EXT4_FS=y\n'), ['xz', 'lz4', 'gzip']);
  t.deepEqual(readableBy('site-kernel', undefined), ['zstd', 'xz', 'lz4', 'gzip']);
});

test('an image is packed so that each of its kernels reads it', t => {
  const new_ = { release: '6.1.0-9-amd64', config: BOOKWORM_CONFIG };
  const old = { release: CENTOS7, config: CENTOS7_CONFIG };
  t.deepEqual(chooseCompression([], undefined), { compression: 'zstd' });
  t.deepEqual(chooseCompression([new_], undefined), { compression: 'zstd' });
  const unreadable = { kernel: CENTOS7, compression: 'zstd' } as const;
  t.deepEqual(chooseCompression([new_, old], undefined), { compression: 'gzip', unreadable });
  // What is asked for is done, and named when it cannot work.
  t.deepEqual(chooseCompression([old], 'xz'), { compression: 'xz' });
  t.deepEqual(chooseCompression([old], 'lz4'), {
    compression: 'lz4',
    unreadable: { kernel: CENTOS7, compression: 'lz4' },
  });
});

test('the configuration is found where distributions put it', async t => {
  const debian = tree(t, { 'boot/config-6.1.0-9-amd64': BOOKWORM_CONFIG });
  t.is(await kernelConfig(debian, '6.1.0-9-amd64'), BOOKWORM_CONFIG);
  const fedora = tree(t, { 'lib/modules/6.8.5-301.fc40.x86_64/config': BOOKWORM_CONFIG });
  t.is(await kernelConfig(fedora, '6.8.5-301.fc40.x86_64'), BOOKWORM_CONFIG);
  t.is(await kernelConfig(fedora, '6.1.0-9-amd64'), undefined);
});

test('an initramfs is refused for a kernel or a dracut that is too old, with the oldest that will do', async t => {
  const dracut = (version: string) =>
    tree(t, {
      'usr/lib/dracut/dracut-version.sh': `#!/bin/sh\n# shellcheck disable=SC2034\nDRACUT_VERSION=${version}\n`,
    });
  await t.throwsAsync(requireRecent(dracut('033-572.el7'), CENTOS7), {
    code: 'image-lacks',
    message: /has kernel 3\.10\.0-1160\.el7\.x86_64; .* kernel 4\.18 or newer, as in RHEL 8/,
  });
  await t.throwsAsync(requireRecent(dracut("'044-18'"), '4.18.0-1'), { message: /has dracut 044; .* dracut 049/ });
  await t.notThrowsAsync(requireRecent(dracut('049-233.git20230815.el8'), '4.18.0-553.el8_10.x86_64'));
  await t.notThrowsAsync(requireRecent(dracut('059-4+deb12u1'), '6.1.0-9-amd64'));
  await t.notThrowsAsync(requireRecent(tree(t, {}), 'site-kernel'));
});
