// Writes boots asynchronously: at once when a session is minted, otherwise soon and in batches.
import type { Boot } from '../boot/boot.ts';
import type { FailureLog } from '../boot/evidence.ts';
import { reasonOf } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Store, StoredBoot } from '../store/store.ts';

/** How long a note may wait to be written with others, in milliseconds. */
const WAIT_MS = 100;
/** The pause after a failure, and the longest while failures continue, in milliseconds. */
const FIRST_WAIT_MS = 1000;
const MOST_WAIT_MS = 60_000;

export class BootSaver {
  private readonly store: Pick<Store, 'saveBoots' | 'dropBoots'>;
  private readonly log: Log;
  private readonly failures: FailureLog;
  private readonly dirty = new Map<string, Boot>();
  private readonly dropped = new Set<string>();
  private timer: NodeJS.Timeout | undefined;
  /** In a row. */
  private failed = 0;
  private writing: Promise<void> = Promise.resolve();
  private isClosed = false;

  constructor(store: Pick<Store, 'saveBoots' | 'dropBoots'>, log: Log, failures: FailureLog) {
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

  /** Durable when it resolves; a rejected boot is saved again later. */
  async now(boot: Boot): Promise<void> {
    this.dirty.delete(boot.id);
    try {
      await this.store.saveBoots([stored(boot)]);
    } catch (error) {
      this.failures.failed({ deed: 'save', what: 'save the boot', error, node: boot.node });
      this.later(boot);
      throw error;
    }
  }

  /** Writes what waits, after the current write: a dropped boot must not return by a write that failed before. */
  async flush(): Promise<void> {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.writing = this.writing.then(async () => this.write());
    await this.writing;
  }

  /** Writes what waits, once. */
  async close(): Promise<void> {
    await this.flush();
    clearTimeout(this.timer);
    this.isClosed = true;
  }

  private async write(): Promise<void> {
    const boots = [...this.dirty.values()];
    const dropped = [...this.dropped];
    this.dirty.clear();
    this.dropped.clear();
    const [saved, deleted] = await Promise.allSettled([
      boots.length > 0 && this.store.saveBoots(boots.map(stored)),
      dropped.length > 0 && this.store.dropBoots(dropped),
    ]);
    if (saved.status === 'rejected') this.keep(boots);
    if (deleted.status === 'rejected') for (const id of dropped) this.dropped.add(id);
    const failed = [saved, deleted].find(result => result.status === 'rejected');
    if (failed) this.retry(failed.reason);
    else this.failed = 0;
  }

  /** What could not be written must still be written, unless the boot was dropped in the meantime. */
  private keep(boots: readonly Boot[]): void {
    for (const boot of boots) if (!this.dropped.has(boot.id)) this.dirty.set(boot.id, boot);
  }

  private retry(reason: unknown): void {
    const wait = Math.min(MOST_WAIT_MS, FIRST_WAIT_MS * 2 ** this.failed);
    this.failed += 1;
    const [boots, dropped] = [this.dirty.size, this.dropped.size];
    this.failures.failed({ deed: 'save', what: 'save the timelines', error: reason });
    this.log.error(
      { error: reasonOf(reason), boots, dropped },
      `timelines could not be saved; musterd tries again in ${wait / 1000} s`,
    );
    this.schedule(wait);
  }

  private schedule(wait = WAIT_MS): void {
    if (!this.isClosed) this.timer ??= setTimeout(() => void this.flush(), wait);
  }
}

function stored(boot: Boot): StoredBoot {
  return { id: boot.id, node: boot.node, started: boot.started, body: JSON.stringify(boot) };
}
