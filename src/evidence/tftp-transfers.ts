// Slow TFTP transfers, by the address of their client.
import type { TftpLook } from '../boot/evidence.ts';
import { monotonicNow } from '../clock.ts';
import { Latest } from '../latest.ts';

/** Clients kept, the most recent ones. */
const KEPT = 4096;
/** A transfer without news for this long is over, in milliseconds: the server repeats packets more often. */
const STALE_MS = 40_000;

export class TftpTransfers {
  private readonly now: () => number;
  private readonly looks = new Latest<string, { at: number; look: TftpLook }>(KEPT);

  constructor(now = monotonicNow) {
    this.now = now;
  }

  /** Records the progress of a transfer; undefined when it is over. */
  told(ip: string, look: TftpLook | undefined): void {
    this.looks.delete(ip);
    if (!look) return;
    this.looks.set(ip, { at: this.now(), look });
  }

  of(ip: string): TftpLook | undefined {
    const found = this.looks.get(ip);
    return found && this.now() - found.at < STALE_MS ? found.look : undefined;
  }
}
