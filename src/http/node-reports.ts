// What a node says: reports of its initramfs and heartbeats of its agent, checked, and what they do to its boot.
import type { Boot } from '../boot/boot.ts';
import { furthestStage } from '../boot/boot.ts';
import type { Boots } from '../boot/boots.ts';
import { type EventFacts, faultOfNode } from '../boot/faults.ts';
import { type Problem, STAGES, type Stage, stageNumber } from '../boot/journey.ts';
import type { Statuses } from '../boot/status.ts';
import { SYSTEM_FACTS } from '../boot/system-facts.ts';
import { factsOfNodesWords } from '../boot/why-legacy.ts';
import { factsBelow, readFacts } from './facts.ts';

/** The stages that the initramfs may report: the others are seen by the head itself. */
const REPORTED: readonly Stage[] = ['initramfs', 'image', 'root'];

export type Answer = { status: number; text: string; log?: string };

/** A report of the watcher brings `status.…`; one of the initramfs: `stage`, `detail`, `error` with `fault`, `uptime`, and the values of the fault. */
export function takeReport(boots: Boots, session: string, body: string, peer: string): Answer {
  const facts = readFacts(body);
  const stage = facts.get('stage') as Stage | undefined;
  if (!stage || !REPORTED.includes(stage)) {
    return { status: 400, text: `stage=${stage ?? ''} is none of ${REPORTED.join(', ')}\n` };
  }
  const system = factsBelow(facts, 'status');
  if (Object.keys(system).length > 0) {
    const known = Object.entries(system).filter(([name]) => SYSTEM_FACTS.has(name));
    const detail = 'the system runs, and its agent is not up yet';
    boots.note({ stage: 'root', session, peer, by: 'node', detail, system: Object.fromEntries(known) });
    return { status: 200, text: 'ok\n' };
  }
  const error = facts.get('error');
  const uptime = facts.get('uptime');
  const detail = [facts.get('detail'), uptime && `${uptime} s after the kernel started`].filter(Boolean).join(', ');
  boots.note({
    stage,
    session,
    peer,
    by: 'node',
    ...(detail && { detail }),
    ...(error && problemOf(stage, error, facts)),
  });
  return { status: 200, text: 'ok\n', log: error ? `${stage}: ${error}` : stage };
}

/** A fault of the closed list; a name that a node may not use is ignored. An initramfs of an older muster has words alone. */
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

/** What is a number is one: bytes, seconds. */
function amount(text: string): string | number {
  return /^\d{1,15}$/.test(text) ? Number(text) : text;
}

/** A heartbeat: the boot it belongs to, or the refusal. `attributesIni` renders the reply for the node. */
export function takeHeartbeat(
  ports: {
    boots: Boots;
    statuses: Statuses;
    attributesIni(node: string): string | undefined;
    statusSeconds(node: string): number;
  },
  body: string,
  peer: string,
): Answer & { firstOf?: Boot } {
  const facts = readFacts(body);
  const boot = ports.boots.byHeartbeatToken(facts.get('token') ?? '');
  if (!boot?.plan) return { status: 403, text: 'unknown token\n' };
  if (boot.plan.node.ip !== peer) return { status: 403, text: 'the token belongs to another address\n' };
  if (hasBootedAgain(ports.boots, boot)) return { status: 410, text: 'the node has booted again since\n' };
  const reply = ports.attributesIni(boot.node);
  if (reply === undefined) return { status: 410, text: 'the node was deleted\n' };
  const isFirst = ports.boots.up(boot, factsBelow(facts, 'hardware'));
  ports.statuses.beat(boot, factsBelow(facts, 'status'), ports.statusSeconds(boot.node) * 1000);
  return { status: 200, text: reply, ...(isFirst && { firstOf: boot }) };
}

/** Whether a newer boot took the place of this one: not while the heartbeats of this one go on, whatever was seen of another. */
function hasBootedAgain(boots: Boots, boot: Boot): boolean {
  const current = boots.current(boot.node);
  if (!current || current === boot || boots.beats.isAlive(boot)) return false;
  return stageNumber(furthestStage(current) ?? STAGES[0]) >= stageNumber('initramfs');
}
