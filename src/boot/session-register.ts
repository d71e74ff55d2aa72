// Which session ids and heartbeat tokens are valid, and their boots. Only hashes are kept.
import { type Boot, hashOf, tokenOf } from './boot.ts';

const ID = /^[0-9a-f]{32}$/;

export class SessionRegister {
  private readonly bySession = new Map<string, Boot>();
  private readonly byToken = new Map<string, Boot>();

  /** Gives the boot a session; its former one is invalid. */
  issue(boot: Boot, id: string): void {
    this.remove(boot);
    boot.sessionHash = hashOf(id);
    boot.tokenHash = hashOf(tokenOf(id));
    this.add(boot);
  }

  add(boot: Boot): void {
    if (boot.sessionHash) this.bySession.set(boot.sessionHash, boot);
    if (boot.tokenHash) this.byToken.set(boot.tokenHash, boot);
  }

  remove(boot: Boot): void {
    if (boot.sessionHash) this.bySession.delete(boot.sessionHash);
    if (boot.tokenHash) this.byToken.delete(boot.tokenHash);
  }

  /** Returns the boot of a session's id, however it ended. */
  find(id: string): Boot | undefined {
    return ID.test(id) ? this.bySession.get(hashOf(id)) : undefined;
  }

  findByToken(token: string): Boot | undefined {
    return ID.test(token) ? this.byToken.get(hashOf(token)) : undefined;
  }

  /** All boots that have a session. */
  boots(): Iterable<Boot> {
    return this.bySession.values();
  }
}
