// Writes boots behind the servers' backs: at once when a session is minted, soon and together otherwise.
import type { Boot } from '../boot/boot.ts';
import type { FailureLog } from '../boot/evidence.ts';
import { reasonOf } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Store, StoredBoot } from '../store/store.ts';

/** How long a note may wait for others to be written with it, in milliseconds. */
const WAIT_MS = 100;

export class BootSaver {
  private readonly store: Store;
  private readonly log: Log;
  private readonly failures: FailureLog;
  private readonly dirty = new Map<string, Boot>();
  private readonly dropped = new Set<string>();
  private timer: NodeJS.Timeout | undefined;

  constructor(store: Store, log: Log, failures: FailureLog) {
    this.store = store;
    this.log = log;
    this.failures = failures;
  }

  later(boot: Boot): void {
    this.dirty.set(boot.id, boot);
    this.schedule();
  }

  drop(id: string): void {
    this.dirty.delete(id);
    this.dropped.add(id);
    this.schedule();
  }

  /** Durable when it resolves. */
  async now(boot: Boot): Promise<void> {
    this.dirty.delete(boot.id);
    try {
      await this.store.saveBoots([stored(boot)]);
    } catch (error) {
      this.failures.failed({ deed: 'save', what: 'save the boot', error, node: boot.node });
      throw error;
    }
  }

  async flush(): Promise<void> {
    clearTimeout(this.timer);
    this.timer = undefined;
    const boots = [...this.dirty.values()].map(stored);
    const dropped = [...this.dropped];
    this.dirty.clear();
    this.dropped.clear();
    try {
      await Promise.all([
        boots.length > 0 && this.store.saveBoots(boots),
        dropped.length > 0 && this.store.dropBoots(dropped),
      ]);
    } catch (error) {
      this.log.error({ error: reasonOf(error) }, 'timelines could not be saved');
      this.failures.failed({ deed: 'save', what: 'save the timelines', error });
    }
  }

  private schedule(): void {
    this.timer ??= setTimeout(() => void this.flush(), WAIT_MS);
  }
}

function stored(boot: Boot): StoredBoot {
  return { id: boot.id, node: boot.node, started: boot.started, body: JSON.stringify(boot) };
}
