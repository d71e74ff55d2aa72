// Which boots' systems read their root over iSCSI, and which stored files boots still need.
import type { Boot } from './boot.ts';
import { blobsOfPlan } from './boot-plan.ts';
import { ageOf } from './boot-time.ts';
import { type RootReaders, readsOverIscsi, rootReaders } from './iscsi-access.ts';

export interface RootUsePorts {
  /** Milliseconds of a clock that never goes back. */
  now(): number;
  /** Milliseconds after which a session that never came up is dead. */
  sessionMs(): number;
  /** The boots of a node, oldest first. */
  of(node: string): readonly Boot[];
  /** Whether a system runs from this boot, as far as the head can know. */
  isAlive(boot: Boot): boolean;
}

export class RootUse {
  private readonly ports: RootUsePorts;

  constructor(ports: RootUsePorts) {
    this.ports = ports;
  }

  /** Returns the boots of this node whose systems may read their root over iSCSI now, the newest first. */
  readers(node: string): RootReaders {
    const { of, now, sessionMs, isAlive } = this.ports;
    return rootReaders(of(node), now(), sessionMs(), isAlive);
  }

  /** Returns whether the boot's system may read its root over iSCSI now. */
  isReader(boot: Boot): boolean {
    const answer = this.readers(boot.node);
    return 'readers' in answer && answer.readers.some(reader => reader.boot === boot);
  }

  /** Returns whether a node may run from this boot. */
  isInUse(boot: Boot): boolean {
    return this.ports.isAlive(boot) || this.isReader(boot);
  }

  /** Yields the blobs that boots still need, each with the reason in words. @param boots those that have a session */
  *usedBlobs(boots: Iterable<Boot>): Generator<{ sha256: string; by: string }> {
    for (const boot of boots) {
      const { plan } = boot;
      if (!plan) continue;
      const by = `boot ${boot.id} of ${plan.node.name}`;
      if (readsOverIscsi(plan) && plan.image && this.isReader(boot)) {
        yield { sha256: plan.image.blob, by: `${by}, which runs from it` };
      }
      if (boot.outcome || ageOf(boot, this.ports.now()) > this.ports.sessionMs()) continue;
      for (const sha256 of blobsOfPlan(plan)) yield { sha256, by };
    }
  }
}
