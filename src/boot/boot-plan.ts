// What one boot needs: files, kernel parameters and settings, frozen when its session is minted.
import type { NodeLayout } from '../model/disk-layout.ts';
import type { BootStyle, StoredIso } from '../model/values.ts';
import type { Refused } from '../refused.ts';
import type { Sanboot } from './sanboot.ts';

/** A blob as the boot plane serves it: a byte range of a stored file. */
export interface PlannedFile {
  /** The blob's name. */
  blob: string;
  /** First byte in the blob. */
  offset: number;
  /** Bytes. */
  size: number;
  /** SHA-256 of those bytes. */
  sha256: string;
}

/** Returns a stored file as a whole. */
export function wholeFile({ sha256, size }: { sha256: string; size: number }): PlannedFile {
  return { blob: sha256, offset: 0, size, sha256 };
}

/** How a node gets its root. `installed`: from its own disk, with an agent that was enrolled; no boot style leads there. */
export type PlanStyle = BootStyle | 'installed';

/** Everything one boot needs; frozen when the session is minted. */
export interface BootPlan {
  node: { uid: string; name: string; mac: string; ip: string; hostname: string };
  style: PlanStyle;
  /** The source of the style. */
  styleSource: string;
  rwLayer: 'overlayfs' | 'rwtab';
  bootConfig: { uid: string; name: string; release: string; source: string };
  /** None for a style that leaves the node to its own disk. */
  kernel: PlannedFile | null;
  initramfs: PlannedFile | null;
  cmdline: string;
  image: (PlannedFile & { uid: string; name: string; unpacked: number }) | null;
  /** What iPXE boots in style sanboot. */
  sanboot?: Sanboot;
  /** The node's own disks, in style disked. */
  disk?: DiskPlan;
  /** The partitions to make on empty disks, and where the system has them. */
  layout?: NodeLayout;
  /** Where the head keeps the node's writes to its iSCSI disk; the disk is read-only when absent. */
  iscsiOverlay?: 'memory' | 'file';
  /** Style live: the installer's tree and answers. */
  install?: InstallPlan;
  /** The value of `_boot_once` that chose the style; this boot uses it up. */
  once?: string;
  /** The file with the node's Ignition configuration. */
  ignition?: string;
  /** Header and data digests of RFC 7143 §7.6 on the node's iSCSI session. */
  iscsiDigests: boolean;
  /** Seconds between heartbeats. */
  statusSeconds: number;
  /** What the node's file sets give it; absent without file sets. */
  files?: PlannedFiles;
}

/** The rendered files of a boot. */
export interface PlannedFiles {
  /** SHA-256 of the index, in hex. */
  index: string;
  /** Bytes of the index and all contents. */
  size: number;
  /** Whether any of the files is secret: then all are served over TLS only. */
  secret: boolean;
  /** Whether a script among them runs before the root is there. */
  beforeRoot?: true;
  /** The names of the file sets, in order. */
  sets: readonly string[];
}

/** Returns the stored files that a boot of this plan reads. */
export function blobsOfPlan({ kernel, initramfs, image, install }: BootPlan): string[] {
  return [kernel, initramfs, image, install?.repo?.iso].flatMap(file => (file ? [file.blob] : []));
}

/** Returns whether a boot of this plan takes files: an initramfs of muster places them in the root, or an enrolled agent. */
export function takesFiles({ style, kernel, image, install }: BootPlan): boolean {
  return style === 'installed' || (kernel !== null && image !== null && install === undefined);
}

/** Each is a device (`/dev/sda2`, `LABEL=X`, `UUID=Y`), or empty. */
export interface DiskPlan {
  cache: string;
  root: string;
  /** Whether the root partition is wiped at each boot, or kept while it holds the same image unchanged. */
  wipe: boolean;
}

export type PlanAnswer = { plan: BootPlan } | Refused;

export const DEFAULT_STATUS_SECONDS = 10;

export type InstallerKind = NonNullable<StoredIso['installer']>['kind'];

/** What one boot installs from; a part of its frozen plan. */
export interface InstallPlan {
  kind: InstallerKind;
  /** The repo with the tree; its ISO image, if it has one, is frozen too. */
  repo?: { uid: string; name: string; url: string; iso?: { blob: string; size: number } };
  /** The answer file, by name. */
  kickstart?: string;
}
