// Why is this node not up? One sentence with the cause and one with the remedy, from what was seen of it and what was not. Pure.
import { type Boot, type BootEvent, currentError, furthestStage } from './boot.ts';
import { type Stage, stageNumber } from './journey.ts';
import type { PlanAnswer } from './plan.ts';
import type { NodeStatus } from './status.ts';
import { ERROR_RULES, STALL_RULES } from './why-rules.ts';

export interface WhyFacts {
  name: string;
  mac: string;
  /** The newest boot. */
  boot?: Boot;
  status: NodeStatus;
  /** What it would boot now. */
  plan: PlanAnswer;
  /** Why DHCP does not answer it, when it does not. */
  ignored?: string;
  /** Whether its BMC says that it is off, when somebody asked. */
  poweredOff?: boolean;
  /** Milliseconds since 1970. */
  now: number;
}

/** `well`: nothing is wrong. `waiting`: nothing unusual yet. `stuck` and `failed`: somebody has to do something. */
export type Verdict = 'well' | 'waiting' | 'stuck' | 'failed';

export interface Why {
  verdict: Verdict;
  /** The rule that found it; the same fault has the same name. */
  rule: string;
  cause: string;
  remedy?: string;
  /** What was seen, and what was not, that says so. */
  evidence: string[];
}

/** What the rules look at. */
export interface Case extends WhyFacts {
  boot: Boot;
  reached: Stage | undefined;
  /** The error the boot is stuck at. */
  error?: BootEvent;
  /** Seconds since the last thing was seen. */
  quiet: number;
}

/** Seconds without news after which a stage is no longer on its way; what real firmware and kernels take, with room. */
const PATIENCE: Record<Stage, number> = {
  offered: 20,
  addressed: 20,
  loader: 45,
  ipxe: 20,
  script: 20,
  kernel: 120,
  initramfs: 90,
  image: 60,
  root: 240,
  up: 0,
};

export function why(facts: WhyFacts): Why {
  const { boot, status, now } = facts;
  if (facts.ignored !== undefined)
    return say('failed', 'ignored', `DHCP does not answer it: ${facts.ignored}.`, 'Clear _no_boot to let it boot.');
  if (status.state === 'up') return upNow(facts);
  if (!boot) return neverSeen(facts);
  if (boot.outcome === 'handed-over') {
    return say('well', 'left-to-its-disk', `It was left to its own disk, as its boot style ${boot.plan?.style} says.`);
  }
  if (status.state === 'down' && boot.outcome === 'up') return heartbeatLost(facts, boot);
  const error = currentError(boot);
  const last = boot.events.at(-1)?.at ?? boot.started;
  const situation: Case = {
    ...facts,
    boot,
    reached: furthestStage(boot),
    quiet: (now - last) / 1000,
    ...(error && { error }),
  };
  return error ? explainError(situation, error) : explainSilence(situation);
}

function upNow({ status, now, name }: WhyFacts): Why {
  const seen =
    status.lastSeen === undefined ? [] : [`its last heartbeat came ${span((now - status.lastSeen) / 1000)} ago`];
  return say('well', 'up', `${name} is up; nothing is wrong.`, undefined, seen);
}

function neverSeen(facts: WhyFacts): Why {
  if ('refusal' in facts.plan) {
    const cause = `It has never asked for an address, and it could not boot if it did: ${facts.plan.refusal}.`;
    return say(
      'failed',
      'nothing-to-boot',
      cause,
      'Set what is missing; `muster node explain` shows where it comes from.',
    );
  }
  if (facts.poweredOff) return poweredOff();
  return say(
    'stuck',
    'never-seen',
    `No packet of ${facts.mac} has ever reached this head.`,
    'Switch it on, let it boot from the network first, and check the MAC address (`muster node unknown` lists machines that ask and are not known), its cable, and the VLAN of its switch port or the relay agent.',
  );
}

function poweredOff(): Why {
  return say('stuck', 'powered-off', 'Its BMC says that it is off.', 'Switch it on: `muster node power on`.');
}

function heartbeatLost({ status, boot, poweredOff: off, now }: WhyFacts, up: Boot): Why {
  if (off) return poweredOff();
  const last = status.lastSeen ?? boot?.ended ?? now;
  return say(
    'stuck',
    'heartbeat-lost',
    `It was up, and its last heartbeat came ${span((now - last) / 1000)} ago: it has crashed or was switched off, its network is gone, or its agent was stopped.`,
    'Look at its console; when it answers to ssh, `systemctl status muster-agent` says more; else power-cycle it.',
    [`boot ${up.id} was up at ${new Date(up.ended ?? up.started).toISOString()}`, 'no DHCP packet came since'],
  );
}

function explainError(situation: Case, error: BootEvent): Why {
  const text = error.error ?? '';
  for (const rule of ERROR_RULES) {
    if (rule.stage && rule.stage !== error.stage) continue;
    if (!rule.says.test(text)) continue;
    return say('failed', rule.name, sentence(text), rule.remedy(situation), evidenceOf(situation));
  }
  const remedy = 'Its timeline and its console say more: `muster node timeline`.';
  return say('failed', `failed-at-${error.stage}`, sentence(text), remedy, evidenceOf(situation));
}

function explainSilence(situation: Case): Why {
  const { reached, quiet } = situation;
  if (situation.poweredOff) return poweredOff();
  if (!reached) return neverSeen(situation);
  const evidence = evidenceOf(situation);
  if (quiet <= PATIENCE[reached]) {
    const cause = `It is booting: stage ${stageNumber(reached)}, ${reached}, ${span(quiet)} ago; nothing is unusual yet.`;
    return say('waiting', 'booting', cause, undefined, evidence);
  }
  const rule = STALL_RULES.find(row => row.after === reached && (row.when?.(situation) ?? true));
  if (rule) return say('stuck', rule.name, rule.cause(situation), rule.remedy, evidence);
  return say(
    'stuck',
    `silent-after-${reached}`,
    `Nothing came after ${reached} for ${span(quiet)}.`,
    undefined,
    evidence,
  );
}

function evidenceOf({ boot, reached, quiet }: Case): string[] {
  const seen = boot.events
    .filter(event => !event.error)
    .slice(-3)
    .map(event => `${event.stage}${event.detail ? `: ${event.detail}` : ''}`);
  return [...seen, ...(reached ? [`nothing since ${span(quiet)}`] : [])];
}

function say(verdict: Verdict, rule: string, cause: string, remedy?: string, evidence: string[] = []): Why {
  return { verdict, rule, cause, ...(remedy && { remedy }), evidence };
}

function sentence(text: string): string {
  const plain = text.trim();
  return `${plain.charAt(0).toUpperCase()}${plain.slice(1)}${/[.!?]$/.test(plain) ? '' : '.'}`;
}

/** `4 s`, `3 min`, `2 h`. */
export function span(seconds: number): string {
  if (seconds < 120) return `${Math.round(seconds)} s`;
  return seconds < 7200 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`;
}
