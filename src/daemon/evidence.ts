// What the head knows about a node's boot besides its timeline, gathered for `why`.

import type { EvidenceAccess, EvidenceQuestion } from '../admin/evidence.ts';
import type { Evidence } from '../boot/evidence.ts';
import { lookAtDescriptors, lookAtInterfaces, lookAtStorage } from '../evidence/head-look.ts';
import type { State } from './state.ts';

type Needs = Pick<State, 'config' | 'networks' | 'failures'>;

export function evidenceAccess(state: Needs, unneeded: () => Promise<number>): EvidenceAccess {
  const atOnce = ({ node, since }: EvidenceQuestion): Evidence => ({ failures: state.failures.of(node, since) });
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
    of: async question => atOnce(question),
  };
}

/** With less room than this the database cannot be written for long. */
const FULL_BYTES = 64 << 20;
