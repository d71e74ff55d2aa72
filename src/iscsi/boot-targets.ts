// Who may log in where: the directory of targets as the boots of the cluster make it.
import type { Boot } from '../boot/boot.ts';
import type { BootNode } from '../boot/directory.ts';
import type { About } from '../boot/faults.ts';
import { type IscsiNames, type RootReader, readsOverIscsi } from '../boot/iscsi-access.ts';
import type { BootPlan } from '../boot/plan.ts';
import { reasonOf } from '../errors.ts';
import type { BootDisk } from './boot-disks.ts';
import type { ChapAccount, Refusal, TargetDirectory, Visitor } from './directory.ts';

/** Why a node may not log in, for its timeline. */
export interface BootRefusal {
  reason: string;
  fault: 'iscsi-refused' | 'iscsi-target-missing' | 'iscsi-secret-wrong';
  about?: About;
}

export interface BootTargetsPorts {
  names: IscsiNames;
  nodeByIp(ip: string): BootNode | undefined;
  /** The boot of a node that may read its root now. */
  reader(nodeUid: string): RootReader;
  chap(boot: Boot): ChapAccount;
  disk(boot: Boot, plan: BootPlan, blob: string): Promise<BootDisk | { refused: string }>;
  /** A node was refused, and it was the node itself (by its address): for its timeline. */
  refused(boot: Boot, refusal: BootRefusal): void;
}

type Entry = { boot: Boot; plan: BootPlan; image: NonNullable<BootPlan['image']>; target: string };

export function bootTargets(ports: BootTargetsPorts): TargetDirectory {
  const chap = ({ boot }: Entry): { chap: ChapAccount; session: string } => ({
    chap: ports.chap(boot),
    session: boot.id,
  });
  return {
    async discover(visitor) {
      const entry = decide(ports, visitor);
      return 'refused' in entry ? entry : { ...chap(entry), targets: [entry.target] };
    },
    async authorize(visitor) {
      const entry = decide(ports, visitor, visitor.target);
      if ('refused' in entry) return entry;
      const refuse = (refused: string): Refusal => {
        ports.refused(entry.boot, { reason: refused, fault: 'iscsi-refused' });
        return { refused, status: 'target-error' };
      };
      try {
        const disk = await ports.disk(entry.boot, entry.plan, entry.image.blob);
        return 'refused' in disk ? refuse(disk.refused) : { ...chap(entry), ...disk };
      } catch (error) {
        return refuse(`the head cannot open the image ${entry.image.name}: ${reasonOf(error)}`);
      }
    },
  };
}

/** @param target none in a discovery session */
function decide(ports: BootTargetsPorts, { initiator, address }: Visitor, target?: string): Entry | Refusal {
  const node = ports.nodeByIp(address);
  if (!node) return { refused: `${address} is no node's address` };
  // From here on it is the node that asks, or somebody with its address.
  if (ports.names.nodeOf(initiator) !== node.uid) {
    return { refused: `${node.name} calls itself ${initiator}, and its name is ${ports.names.initiator(node.uid)}` };
  }
  const reader = ports.reader(node.uid);
  if ('refusal' in reader) return { refused: `${node.name}: ${reader.refusal}` };
  const { boot, plan } = reader;
  const refuse = (refused: string, status: Refusal['status'], more: Partial<BootRefusal> = {}): Refusal => {
    ports.refused(boot, { reason: refused, fault: 'iscsi-refused', ...more });
    return { refused: `${node.name}: ${refused}`, ...(status && { status }) };
  };
  if (plan.node.ip !== address)
    return refuse(`the boot session belongs to ${plan.node.ip}, not to ${address}`, undefined);
  if (!readsOverIscsi(plan) || !plan.image) return refuse(`it boots as ${plan.style}, not from iSCSI`, undefined);
  const own = ports.names.target(plan.image.uid);
  if (target !== undefined && target !== own) {
    const about = { have: target, want: own };
    return refuse(`it wants ${target}, and its image is ${own}`, 'not-found', { fault: 'iscsi-target-missing', about });
  }
  return { boot, plan, image: plan.image, target: own };
}
