// What the kernels of an image support: compressions of squashfs, and muster's initramfs.
import { MusterError } from '../errors.ts';
import type { ImageRoot } from './image-root.ts';
import { COMPRESSIONS, type Compression } from './pack.ts';

/** The option of each in the kernel's configuration (fs/squashfs/Kconfig), and the first mainline kernel with it. */
const SQUASHFS: Readonly<Record<Compression, { config: string; since: readonly [number, number] }>> = {
  zstd: { config: 'CONFIG_SQUASHFS_ZSTD', since: [4, 14] },
  xz: { config: 'CONFIG_SQUASHFS_XZ', since: [2, 6] },
  lz4: { config: 'CONFIG_SQUASHFS_LZ4', since: [3, 19] },
  gzip: { config: 'CONFIG_SQUASHFS_ZLIB', since: [2, 6] },
};

/** In order of preference: quick to unpack first, then what the oldest kernels read. */
const PREFERRED: readonly Compression[] = ['zstd', 'gzip', 'xz', 'lz4'];

/** The oldest that muster's initramfs supports: overlayfs of 4.18, and the options of dracut 049 (RHEL 8, Debian 11, Ubuntu 20.04). */
const OLDEST = { kernel: [4, 18], dracut: 49 } as const;
const OLDEST_WORDS = 'RHEL 8, Debian 11, Ubuntu 20.04 or SLES 15 SP2';

/** Returns the compressions a kernel can read, from its configuration, or from its release if that does not mention squashfs. */
export function readableBy(release: string, config: string | undefined): Compression[] {
  if (config !== undefined && /^CONFIG_SQUASHFS=[ym]$/m.test(config))
    return COMPRESSIONS.filter(name => new RegExp(`^${SQUASHFS[name].config}=y$`, 'm').test(config));
  return COMPRESSIONS.filter(name => isFrom(release, SQUASHFS[name].since));
}

export interface Choice {
  compression: Compression;
  /** The kernel of the image that cannot read the requested or the default compression. */
  unreadable?: { kernel: string; compression: Compression };
}

/**
 * Chooses the compression of an image: the requested one, else one that every kernel of the image can read. @param kernels releases with their
 * configurations; an image without any boots with a kernel from elsewhere
 */
export function chooseCompression(
  kernels: readonly { release: string; config: string | undefined }[],
  wanted: Compression | undefined,
): Choice {
  const usual = wanted ?? 'zstd';
  const stranger = kernels.find(({ release, config }) => !readableBy(release, config).includes(usual));
  if (!stranger) return { compression: usual };
  const unreadable = { kernel: stranger.release, compression: usual };
  if (wanted !== undefined) return { compression: wanted, unreadable };
  const common = PREFERRED.find(name =>
    kernels.every(({ release, config }) => readableBy(release, config).includes(name)),
  );
  return { compression: common ?? 'gzip', unreadable };
}

/** The kernel's configuration as distributions install it. */
export async function kernelConfig(image: ImageRoot, release: string): Promise<string | undefined> {
  return (await image.text(`/boot/config-${release}`)) ?? (await image.text(`/lib/modules/${release}/config`));
}

/** Throws `image-lacks` for a kernel or a dracut that is too old, with the oldest supported version. */
export async function requireRecent(image: ImageRoot, release: string): Promise<void> {
  if (!isFrom(release, OLDEST.kernel)) throw tooOld(`kernel ${release}`, `kernel ${OLDEST.kernel.join('.')}`);
  const text = await image.text('/usr/lib/dracut/dracut-version.sh');
  const version = /^DRACUT_VERSION=["']?0*(\d+)/m.exec(text ?? '')?.[1];
  if (version !== undefined && Number(version) < OLDEST.dracut)
    throw tooOld(`dracut ${version.padStart(3, '0')}`, `dracut ${String(OLDEST.dracut).padStart(3, '0')}`);
}

function tooOld(found: string, oldest: string): MusterError {
  return new MusterError(
    'image-lacks',
    `The image has ${found}; muster's initramfs needs ${oldest} or newer, as in ${OLDEST_WORDS}. Boot older systems from their own disk: boot style next or sanboot.`,
  );
}

function isFrom(release: string, [major, minor]: readonly [number, number]): boolean {
  const [, own, next] = /^(\d+)\.(\d+)/.exec(release) ?? [];
  // Treats a release that is not a version as new: whoever built the kernel knows it.
  if (own === undefined) return true;
  return Number(own) > major || (Number(own) === major && Number(next) >= minor);
}
