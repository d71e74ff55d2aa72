// What a node reports: iPXE's failure, reports of its initramfs, heartbeats of its agent. They are checked, and change its boot.
import { type Boot, furthestStage } from '../boot.ts';
import { namedClaim } from '../claims.ts';
import { type EventFacts, faultOfNode, STORAGE } from '../faults.ts';
import { hardwareFacts } from '../hardware-facts.ts';
import { type Problem, STAGES, type Stage, stageNumber } from '../journey.ts';
import { SYSTEM_FACTS } from '../system-facts.ts';
import { factsOfNodesWords } from '../why-legacy.ts';
import { factsBelow, readFacts } from './facts.ts';
import { filesSection } from './node-files.ts';
import type { BootsInSight } from './ports.ts';
import { type Answer, refuse, say } from './question.ts';
import type { Admitted } from './who.ts';

/** The stages that the initramfs may report: the head itself sees the others. */
const REPORTED: readonly Stage[] = ['initramfs', 'image', 'root'];

/** iPXE could not boot, and starts again. */
export function failed({ question, params, session, boot, plan }: Admitted['session']): Answer {
  const code = /^[\w-]{1,16}$/.exec(params['code'] ?? '')?.[0].replace(/^0x/, '') ?? '';
  // The head knows more than iPXE if its own storage is at fault.
  const own = boot.events.findLast(({ stage, fault }) => stage === 'kernel' && fault && STORAGE.includes(fault))?.error;
  const error = `iPXE could not get or start kernel and initramfs in five tries${code && ` (https://ipxe.org/${code})`}${own ? `: ${own}` : ''}`;
  const about = code ? { about: { name: code } } : {};
  const note = { stage: 'kernel', session, peer: question.peer, error, fault: 'loader-gave-up', ...about } as const;
  return say('ok\n', {
    effects: [
      { do: 'note', note },
      { do: 'log', level: 'warn', more: { node: plan.node.name }, text: error },
    ],
  });
}

/**
 * A report of the watcher has `status.…`; one of the initramfs: `stage`, `detail`, `error` with `fault`, `uptime`, and the values
 * of the fault.
 */
export function report({ question, session, plan }: Admitted['session']): Answer {
  const facts = readFacts(question.body ?? '');
  const stage = REPORTED.find(name => name === facts.get('stage'));
  if (!stage) return say(`stage=${facts.get('stage') ?? ''} is none of ${REPORTED.join(', ')}\n`, { status: 400 });
  const about = { stage, session, peer: question.peer, by: 'node' } as const;
  const system = factsBelow(facts, 'status');
  if (Object.keys(system).length > 0) {
    const known = Object.entries(system).filter(([name]) => SYSTEM_FACTS.has(name));
    const detail = 'the system runs, and its agent is not up yet';
    return say('ok\n', {
      effects: [{ do: 'note', note: { ...about, detail, system: Object.fromEntries(known) } }],
    });
  }
  const error = facts.get('error');
  const uptime = facts.get('uptime');
  const detail = [facts.get('detail'), uptime && `${uptime} s after the kernel started`].filter(Boolean).join(', ');
  const note = { ...about, ...(detail && { detail }), ...(error && problemOf(stage, error, facts)) };
  const text = `report: ${error ? `${stage}: ${error}` : stage}`;
  return say('ok\n', {
    effects: [
      { do: 'note', note },
      { do: 'log', level: 'info', more: { node: plan.node.name }, text },
    ],
  });
}

/** Returns a fault of the closed list; ignores a name that a node may not use. An initramfs of an older muster sends text alone. */
function problemOf(
  stage: Stage,
  error: string,
  facts: ReadonlyMap<string, string>,
): Problem & Pick<EventFacts, 'about'> {
  const fault = faultOfNode(facts.get('fault'));
  if (!fault) return { fault: 'node-failed', ...factsOfNodesWords(stage, error), error };
  const [name, have, want] = [facts.get('name'), facts.get('have'), facts.get('want')];
  const about = { ...(name && { name }), ...(have && { have: amount(have) }), ...(want && { want: amount(want) }) };
  return { error, fault, about };
}

/** Returns a number if the text is one: bytes, seconds. */
function amount(text: string): string | number {
  return /^\d{1,15}$/.test(text) ? Number(text) : text;
}

/** The most events of one heartbeat that the timeline gets. */
const MOST_EVENTS = 20;

/** A heartbeat is answered with the node's attributes, and with the index of its files when it has file sets. */
export async function heartbeat({ context, question, facts, boot }: Admitted['token']): Promise<Answer> {
  if (hasBootedAgain(context.boots, boot)) return refuse(410, 'the node has booted again since');
  const attributes = context.attributesIni(boot.node);
  if (attributes === undefined) return refuse(410, 'the node was deleted');
  const [hardware, status] = [hardwareFacts(factsBelow(facts, 'hardware')), factsBelow(facts, 'status')];
  const period = context.statusSeconds(boot.node) * 1000;
  // The agent reports how the reloads and scripts of a change ended
  const events = Object.values(factsBelow(facts, 'event'))
    .slice(0, MOST_EVENTS)
    .map(detail => ({ do: 'tell', boot, note: { stage: 'up', peer: question.peer, by: 'node', detail } }) as const);
  if (hasStartedAgain(context.boots, boot, status)) {
    const detail = 'its system has started again';
    events.push({ do: 'tell', boot, note: { stage: 'up', peer: question.peer, by: 'node', detail } });
  }
  const claimHash = namedClaim(facts.get('claim_hash'));
  const files = await filesSection(context, boot, status);
  return say(attributes + files, {
    effects: [{ do: 'beat', boot, hardware, status, period, ...(claimHash && { claimHash }) }, ...events],
  });
}

/** Returns whether an installed system has rebooted since its last heartbeat: it keeps its identity, so only its uptime shows that. */
function hasStartedAgain({ beats }: BootsInSight, boot: Boot, status: Readonly<Record<string, string>>): boolean {
  if (boot.plan?.style !== 'installed') return false;
  const [before, now] = [beats.of(boot)?.facts['uptime'], status['uptime']].map(text => Number(text ?? Number.NaN));
  return before !== undefined && now !== undefined && now < before;
}

/** Returns whether a newer boot replaced this one: not while this one's heartbeats continue, whatever was seen of another. */
function hasBootedAgain(boots: Pick<BootsInSight, 'current' | 'beats'>, boot: Boot): boolean {
  const current = boots.current(boot.node);
  if (!current || current === boot || boots.beats.isAlive(boot)) return false;
  // An installed system comes back after every boot that left it to its disk
  if (boot.plan?.style === 'installed') return boots.beats.isAlive(current);
  return stageNumber(furthestStage(current) ?? STAGES[0]) >= stageNumber('initramfs');
}
