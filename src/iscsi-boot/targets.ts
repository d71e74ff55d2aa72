// Who may log in where: the directory of targets, derived from the cluster's boots.
import type { Boot } from '../boot/boot.ts';
import type { BootPlan } from '../boot/boot-plan.ts';
import type { BootNode } from '../boot/directory.ts';
import type { About } from '../boot/faults.ts';
import { type IscsiNames, type RootReader, type RootReaders, readsOverIscsi } from '../boot/iscsi-access.ts';
import { unreadable } from '../boot/plane/storage-fault.ts';
import { reasonOf } from '../errors.ts';
import type { Admission, ChapAccount, Refusal, TargetDirectory, Visitor } from '../iscsi/directory.ts';
import type { Refused } from '../refused.ts';
import type { BootDisk } from './disks.ts';

/** Why a node may not log in, for its timeline. */
export interface BootRefusal {
  reason: string;
  fault: 'iscsi-refused' | 'iscsi-target-missing' | 'iscsi-secret-wrong' | 'unreadable-file';
  file?: 'image';
  about?: About;
}

export interface BootTargetsPorts {
  names: IscsiNames;
  nodeByIp(ip: string): BootNode | undefined;
  /** Returns the boots of a node that may read their root now. */
  readers(nodeUid: string): RootReaders;
  chap(boot: Boot): ChapAccount;
  disk(boot: Boot, plan: BootPlan, blob: string): Promise<BootDisk | Refused>;
  /** A node was refused, and its address shows that it was the node itself: for its timeline. */
  refused(boot: Boot, refused: BootRefusal): void;
}

type Entry = { boot: Boot; plan: BootPlan; image: NonNullable<BootPlan['image']>; target: string };

export function bootTargets(ports: BootTargetsPorts): TargetDirectory {
  return {
    async discover(visitor) {
      const entries = decide(ports, visitor);
      if ('refused' in entries) return entries;
      const [first, ...others] = entries.map(entry => ({ ...accountOf(ports, entry), targets: [entry.target] }));
      return first ? { ...first, others } : { refused: 'no boot of the node has a disk' };
    },
    async authorize(visitor) {
      const entries = decide(ports, visitor, visitor.target);
      return 'refused' in entries ? entries : admit(ports, entries);
    },
  };
}

const accountOf = (ports: BootTargetsPorts, { boot }: Entry): { chap: ChapAccount; session: string } => ({
  chap: ports.chap(boot),
  session: boot.id,
});

/** Opens the disk of each boot that may log in. One that cannot be opened is skipped if there is another. */
async function admit(ports: BootTargetsPorts, entries: readonly Entry[]): Promise<Admission | Refusal> {
  const opened: (BootDisk & { chap: ChapAccount; session: string })[] = [];
  const refusals: Refusal[] = [];
  for (const entry of entries) {
    const disk = await diskOf(ports, entry);
    if ('refused' in disk) refusals.push(disk);
    else opened.push({ ...disk, ...accountOf(ports, entry) });
  }
  const [first, ...others] = opened;
  if (!first) return refusals[0] ?? { refused: 'no boot of the node has a disk' };
  const release = (): void => {
    for (const disk of opened) disk.release();
  };
  return { ...first, others, release };
}

async function diskOf(ports: BootTargetsPorts, { boot, plan, image }: Entry): Promise<BootDisk | Refusal> {
  const refuse = (refused: string, why: Omit<BootRefusal, 'reason'> = { fault: 'iscsi-refused' }): Refusal => {
    ports.refused(boot, { reason: refused, ...why });
    return { refused, status: 'target-error' };
  };
  try {
    const disk = await ports.disk(boot, plan, image.blob);
    return 'refused' in disk ? refuse(disk.refused) : disk;
  } catch (error) {
    const about = unreadable(error);
    return refuse(`the head cannot open the image ${image.name}: ${reasonOf(error)}`, {
      ...{ fault: 'unreadable-file', file: 'image', about },
    });
  }
}

/** Returns the boots with a disk for the visitor, the newest first. @param target none in a discovery session */
function decide(ports: BootTargetsPorts, { initiator, address }: Visitor, target?: string): Entry[] | Refusal {
  const node = ports.nodeByIp(address);
  if (!node) return { refused: `${address} is no node's address` };
  // From here on it is the node, or somebody with its address.
  if (ports.names.nodeOf(initiator) !== node.uid) {
    return { refused: `${node.name} calls itself ${initiator}, and its name is ${ports.names.initiator(node.uid)}` };
  }
  const answer = ports.readers(node.uid);
  if ('refused' in answer) return { refused: `${node.name}: ${answer.refused}` };
  const [newest] = answer.readers;
  const looked = answer.readers.map(reader => entryOf(ports, reader, address, target));
  const entries = looked.flatMap(entry => ('fault' in entry ? [] : [entry]));
  if (entries.length > 0) return entries;
  const [refusal] = looked.flatMap(entry => ('fault' in entry ? [entry] : []));
  if (!refusal) return { refused: `${node.name} has no boot with a disk` };
  ports.refused(newest.boot, refusal);
  const refused = `${node.name}: ${refusal.reason}`;
  return refusal.fault === 'iscsi-target-missing' ? { refused, status: 'not-found' } : { refused };
}

function entryOf(
  { names }: BootTargetsPorts,
  { boot, plan }: RootReader,
  address: string,
  target: string | undefined,
): Entry | BootRefusal {
  const refuse = (reason: string): BootRefusal => ({ reason, fault: 'iscsi-refused' });
  if (plan.node.ip !== address) return refuse(`the boot session belongs to ${plan.node.ip}, not to ${address}`);
  if (!readsOverIscsi(plan) || !plan.image) return refuse(`it boots as ${plan.style}, not from iSCSI`);
  const own = names.target(plan.image.uid);
  if (target !== undefined && target !== own) {
    const about = { have: target, want: own };
    return { reason: `it wants ${target}, and its image is ${own}`, fault: 'iscsi-target-missing', about };
  }
  return { boot, plan, image: plan.image, target: own };
}
