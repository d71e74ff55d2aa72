// What the head failed to do for a boot: a row for each kind of failure.
import type { FailureKind, HeadFailure } from './evidence.ts';
import type { EvidenceRule, Found } from './evidence-rule.ts';
import type { Scene } from './why-case.ts';
import { count, mebibytes, size, span } from './why-words.ts';

interface KindRow {
  name: string;
  kinds: readonly FailureKind[];
  /** The first words of the cause. */
  cause(scene: Scene): string;
  remedy(scene: Scene): string;
}

/** Silence after which a failure that did not concern this node may be the cause, in seconds. */
const STALLED_SECONDS = 10;

const folder = ({ evidence }: Scene): string => evidence?.storage?.folder ?? 'its state folder';
const mount = ({ evidence }: Scene): string => evidence?.storage?.mount ?? 'of its state folder';

function room(scene: Scene): string {
  const { storage } = scene.evidence ?? {};
  if (!storage) return '';
  if (storage.inodes === 0) return ` (${storage.mount} has no free inodes)`;
  return ` (${storage.mount} has ${size(storage.free)} of ${size(storage.size)} free)`;
}

function unneeded({ evidence }: Scene): string {
  const bytes = evidence?.storage?.unneeded ?? 0;
  return bytes > 0
    ? `\`muster storage gc\` frees ${mebibytes(bytes)} MiB of files that nothing needs`
    : '`muster storage gc` can free nothing, so remove images, logs or other files';
}

const ROWS: readonly KindRow[] = [
  {
    name: 'head-disk-full',
    kinds: ['disk-full'],
    cause: scene => `The disk of the head is full${room(scene)}`,
    remedy: scene =>
      `Free space on the file system ${mount(scene)} of the head, which holds ${folder(scene)}: ${unneeded(scene)}. Then boot the node again.`,
  },
  {
    name: 'head-disk-broken',
    kinds: ['disk-broken', 'read-only'],
    cause: scene => `The head cannot use its file system ${mount(scene)}`,
    remedy: scene =>
      `Check the head for disk errors (\`dmesg -T\`) and repair the file system ${mount(scene)}. Then restart musterd and boot the node again.`,
  },
  {
    name: 'head-out-of-descriptors',
    kinds: ['no-descriptors'],
    cause: ({ evidence }) => {
      const { open, limit } = evidence?.descriptors ?? {};
      return `musterd has no file descriptors left${open === undefined ? '' : ` (${open} of ${limit} are open)`}`;
    },
    remedy: () =>
      'Raise LimitNOFILE in its unit (`systemctl edit musterd`) and restart musterd. Then boot the node again.',
  },
  {
    name: 'head-out-of-memory',
    kinds: ['no-memory'],
    cause: () => 'The head has no memory left',
    remedy: () =>
      'Find what uses the memory of the head (`free -m`, `systemctl status musterd`) and stop it. Then boot the node again.',
  },
  {
    name: 'head-database-failed',
    kinds: ['database'],
    cause: scene => `The database of the head in ${folder(scene)} failed`,
    remedy: () =>
      'Restart musterd (`systemctl restart musterd`) and boot the node again. If it fails again, restore the head from a backup: `muster restore`.',
  },
  {
    name: 'head-network-failed',
    kinds: ['network'],
    cause: () => 'The head cannot send to the boot network',
    remedy: () => 'Check the interface, the address and the routes of the head with `muster doctor`.',
  },
  {
    name: 'head-filters',
    kinds: ['filtered'],
    cause: () => 'A packet filter or a security policy on the head keeps musterd from sending',
    remedy: () =>
      'Look for the rule in its output chains (`nft list ruleset`), and for denials in its audit log. `muster doctor` checks only the input chains.',
  },
  {
    name: 'head-part-crashed',
    kinds: ['crashed'],
    cause: () => 'A part of musterd crashed or hung, and musterd starts it again',
    remedy: () =>
      'Boot the node again. If it happens again, read the log of the head (`journalctl -u musterd`) and restart musterd.',
  },
  {
    name: 'head-failed',
    kinds: ['other'],
    cause: () => 'The head failed',
    remedy: () => 'Read the log of the head: `journalctl -u musterd`. Then boot the node again.',
  },
];

export const HEAD_RULES: readonly EvidenceRule[] = ROWS.map(row => ({
  name: row.name,
  find: scene => found(row, scene),
}));

function found(row: KindRow, scene: Scene): Found | undefined {
  const failures = scene.evidence?.failures ?? [];
  const own = failures.filter(one => row.kinds.includes(one.kind) && stopped(one, scene));
  const last = own.at(-1);
  if (!last) return undefined;
  return {
    cause: `${row.cause(scene)}: it could not ${last.what}, ${span(last.ago)} ago.`,
    remedy: row.remedy(scene),
    seen: own.slice(-3).map(({ what, error, times }) => `the head could not ${what}${count(times)}: ${error}`),
  };
}

/** A disk that failed longer ago than this may have recovered, in seconds. */
const DISK_SECONDS = 600;

/** A failure of a running system's root. It also holds for a node that is up. */
export const ROOT_DISK_RULES: readonly EvidenceRule[] = [
  {
    name: 'iscsi-disk-failed',
    find(scene) {
      const { failures = [] } = scene.evidence ?? {};
      const last = failures.findLast(
        ({ deed, node, ago }) => deed === 'disk' && node !== undefined && ago <= DISK_SECONDS,
      );
      if (!last) return undefined;
      const { kind, error, times, ago, what } = last;
      const image = scene.boot?.plan?.image?.name ?? 'NAME';
      return {
        cause: `The head could not ${what}, ${span(ago)} ago: ${error}.`,
        remedy:
          kind === 'disk-full'
            ? `Free space on the file system ${mount(scene)} of the head: ${unneeded(scene)}. Then boot the node again.`
            : `Check the head for disk errors (\`dmesg -T\`) and damaged files (\`muster doctor --deep\`). Upload the image again, \`muster image -i ${image} update content=@FILE\`, and boot the node again.`,
        seen: [`the head could not ${what}${count(times)}: ${error}`],
      };
    },
  },
];

/** Whether the boot made no progress after the failure. */
function stopped(failure: HeadFailure, { boot, error, quiet, silence }: Scene): boolean {
  if (!boot || failure.ago > silence) return false;
  // A failure that did not concern this node counts only if it is known to stop boots
  if (failure.node !== undefined) return true;
  return failure.kind !== 'other' && (error !== undefined || quiet >= STALLED_SECONDS);
}
