// Which session ids and heartbeat tokens are valid, and their boots. Only hashes are kept.

import type { Refused } from '../refused.ts';
import { type Boot, hashOf, type Outcome, tokenOf } from './boot.ts';
import type { BootPlan } from './boot-plan.ts';

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

  /** Makes the session and token of a boot invalid. */
  withdraw(boot: Boot): void {
    this.remove(boot);
    delete boot.sessionHash;
    delete boot.tokenHash;
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

/** What a session's URL answers. `gone` refusals are final, `expired` names the boot that took too long. */
export type SessionAnswer =
  | { boot: Boot; plan: BootPlan }
  | (Refused & { gone: boolean; outcome?: Outcome; expired?: Boot });

/** Decides who may use a session: the address of its node, until the boot ends. @param peer the address that asks */
export function sessionAnswer(boot: Boot | undefined, peer: string, isTooOld: (boot: Boot) => boolean): SessionAnswer {
  if (!boot?.plan) return { refused: 'no such session', gone: true };
  const { ip } = boot.plan.node;
  if (ip !== peer) return { refused: `the session belongs to ${ip}, not to ${peer}`, gone: false };
  if (boot.outcome) return { refused: `the boot is over (${boot.outcome})`, gone: true, outcome: boot.outcome };
  if (isTooOld(boot)) return { refused: 'the session is too old', gone: true, expired: boot };
  return { boot, plan: boot.plan };
}
