// The identities of installed systems among the boots of their nodes: each begins with an enrolment, and ends with the next one.
import type { Boot } from './boot.ts';
import type { BootPlan } from './boot-plan.ts';
import type { BootRegistry } from './boot-registry.ts';
import type { Enrolment } from './enrolment.ts';
import type { SessionRegister } from './session-register.ts';

export interface IdentityParts {
  registry: BootRegistry;
  sessions: SessionRegister;
  /** Called when a boot has changed and should be saved soon. */
  changed(boot: Boot): void;
}

export class Identities {
  private readonly parts: IdentityParts;

  constructor(parts: IdentityParts) {
    this.parts = parts;
  }

  /** Begins an identity, and ends earlier ones of the node. Throws when another request has used the token since. */
  begin(plan: BootPlan, { session, claimHash, enrolHash, enrolUntil }: Enrolment): Boot {
    const { registry, sessions } = this.parts;
    const { uid } = plan.node;
    if (registry.of(uid).some(boot => boot.enrolHash === enrolHash))
      throw new Error('the token was used by another request');
    this.endBefore(uid);
    const boot: Boot = { ...registry.beginSeparately(uid), plan, claimHash, enrolHash, enrolUntil };
    sessions.issue(boot, session);
    return boot;
  }

  /** Ends the identities of a node that began before a boot; all of them without a boot. */
  endBefore(node: string, boot?: Boot): void {
    const { registry, sessions, changed } = this.parts;
    for (const old of registry.of(node)) {
      if (old === boot) return;
      if (old.plan?.style !== 'installed') continue;
      sessions.withdraw(old);
      if (old.outcome === 'enrolled') registry.end(old, 'superseded');
      changed(old);
    }
  }
}
