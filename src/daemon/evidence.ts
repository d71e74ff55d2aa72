// What the head knows about a node's boot besides its timeline, gathered for `why`.

import type { EvidenceAccess, EvidenceQuestion } from '../admin/evidence.ts';
import type { Evidence, StoredLook } from '../boot/evidence.ts';
import type { BootPlan } from '../boot/plan.ts';
import { StoredDigests } from '../evidence/digests.ts';
import { lookAtDescriptors, lookAtInterfaces, lookAtStorage } from '../evidence/head-look.ts';
import type { State } from './state.ts';

type Needs = Pick<State, 'config' | 'networks' | 'failures' | 'blobs'>;

const STORED = ['kernel', 'initramfs', 'image'] as const;

export function evidenceAccess(state: Needs, unneeded: () => Promise<number>): EvidenceAccess {
  const atOnce = ({ node, since }: EvidenceQuestion): Evidence => ({ failures: state.failures.of(node, since) });
  const digests = new StoredDigests();
  const storedLooks = async (plan: BootPlan | undefined, left: number): Promise<StoredLook[]> => {
    const looks = STORED.map(async name => {
      const file = plan?.[name];
      const result = file ? await digests.look(state.blobs.path(file.blob), file, left) : undefined;
      return result ? [{ name, state: result }] : [];
    });
    return (await Promise.all(looks)).flat();
  };
  return {
    atOnce,
    async head() {
      const folder = state.config['paths.state'];
      const [storage, descriptors] = await Promise.all([
        lookAtStorage(folder).catch(() => undefined),
        lookAtDescriptors(),
      ]);
      const isFull = storage && (storage.free < FULL_BYTES || storage.inodes === 0);
      return {
        interfaces: lookAtInterfaces(state.networks.attached),
        ...(storage && { storage: isFull ? { ...storage, unneeded: await unneeded().catch(() => 0) } : storage }),
        ...(descriptors && { descriptors }),
      };
    },
    async of(question, left) {
      const stored = question.needs.stored ? await storedLooks(question.boot?.plan, left) : [];
      return { ...atOnce(question), ...(stored.length > 0 && { stored }) };
    },
  };
}

/** With less room than this the database cannot be written for long. */
const FULL_BYTES = 64 << 20;
