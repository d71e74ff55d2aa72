// Syslog messages of booting nodes, kept on their boots and limited in total.
import { addMessage, type Boot, type BootMessage } from './boot.ts';

/** Messages kept of all boots together; beyond it the oldest boots lose theirs. */
const MESSAGES_KEPT = 100_000;

export class MessageStore {
  /** Boots that have messages, the oldest first. */
  private readonly talkative = new Set<Boot>();
  private count = 0;

  /** Counts what a stored boot has. */
  adopt(boot: Boot): void {
    if (!boot.messages) return;
    this.talkative.add(boot);
    this.count += boot.messages.length;
  }

  /** Keeps a message; returns the boots that changed by it. */
  keep(boot: Boot, message: BootMessage): Boot[] {
    this.talkative.add(boot);
    this.count += addMessage(boot, message);
    const changed = [boot];
    for (const old of this.talkative) {
      if (this.count <= MESSAGES_KEPT || old === boot) break;
      this.forget(old);
      changed.push(old);
    }
    return changed;
  }

  forget(boot: Boot): void {
    if (!this.talkative.delete(boot)) return;
    this.count -= boot.messages?.length ?? 0;
    delete boot.messages;
  }
}
