// The cluster on one board: the number of nodes in each state and at each stage, and the nodes to check first.
import type { BOOTS, Board, BoardRow, Transfer } from '../api/boots.ts';
import type { Query } from '../api/operation.ts';
import { furthestStage } from '../boot/boot.ts';
import { STAGES, type Stage } from '../boot/journey.ts';
import { NODE_STATES, type NodeState, STATE_RANK } from '../boot/states.ts';
import type { Entry } from '../model/cluster.ts';
import type { AdminPorts } from './ports.ts';
import { whyAtOnce } from './why-facts.ts';

/** A node that is up but cannot work comes after those that failed. */
const TROUBLED = STATE_RANK.failed + 0.5;

interface Seen {
  node: Entry<'node'>;
  state: NodeState;
  stage: Stage | undefined;
  rank: number;
  /** Seconds since the last sign of life from the node, and since its boot began; absent when there was none. */
  quiet?: number;
  seconds?: number;
}

/** Makes one pass over all nodes and runs `why` only for the rows that are shown, so that 10,000 nodes cost little. */
export function boardOf(ports: AdminPorts, query: Query<typeof BOOTS.board>): Board {
  const states = Object.fromEntries(NODE_STATES.map(state => [state, 0])) as Board['states'];
  const stages = Object.fromEntries(STAGES.map(stage => [stage, 0])) as Board['stages'];
  const power = { on: 0, off: 0, unknown: 0 };
  const seen: Seen[] = [];
  for (const node of ports.cluster.all('node')) {
    const one = look(ports, node);
    states[one.state] += 1;
    power[ports.statuses.power(node.uid, one.state) ?? 'unknown'] += 1;
    if (one.stage && (one.state === 'booting' || one.state === 'failed')) stages[one.stage] += 1;
    if (query.state !== undefined && one.state !== query.state) continue;
    if (query.match === '' || node.value.name.includes(query.match)) seen.push(one);
  }
  if (query.sort !== 'name') seen.sort(query.sort === 'trouble' ? byTrouble : byTime);
  const transfers = ports.transfers();
  const sending = new Map(transfers.map(transfer => [transfer.node, transfer]));
  const shown = seen.slice(query.first, query.first + query.rows);
  const { name, version, uptime } = ports.health();
  return {
    at: ports.now(),
    head: name,
    version,
    uptime,
    nodes: ports.cluster.count('node'),
    states,
    stages,
    power,
    images: totalOf(transfers),
    matched: seen.length,
    rows: shown.map(one => rowOf(ports, one, sending.get(one.node.value.name))),
  };
}

function look({ boots, statuses }: AdminPorts, node: Entry<'node'>): Seen {
  const boot = statuses.currentBoot(node.uid);
  const { state, silence, reason } = statuses.of(node.uid);
  const quiet = Math.min(
    silence ?? Number.POSITIVE_INFINITY,
    boot ? boots.quiet(boot) / 1000 : Number.POSITIVE_INFINITY,
  );
  return {
    node,
    state,
    stage: boot && furthestStage(boot),
    rank: state === 'up' && reason !== undefined ? TROUBLED : STATE_RANK[state],
    ...(Number.isFinite(quiet) && { quiet }),
    ...(boot && { seconds: boots.age(boot) / 1000 }),
  };
}

function byTrouble(left: Seen, right: Seen): number {
  return left.rank - right.rank || byTime(left, right);
}

/** The longest silent come first; those that never sent anything, last. */
function byTime(left: Seen, right: Seen): number {
  return (right.quiet ?? -1) - (left.quiet ?? -1);
}

function rowOf(ports: AdminPorts, seen: Seen, transfer: Transfer | undefined): BoardRow {
  const { node, state, stage, quiet, seconds } = seen;
  const { verdict, rule, cause, remedy } = whyAtOnce(ports, node, transfer);
  const power = ports.statuses.power(node.uid, state);
  return {
    uid: node.uid,
    name: node.value.name,
    state,
    ...(stage && { stage }),
    ...(quiet !== undefined && { quiet }),
    ...(seconds !== undefined && { seconds }),
    ...(power && { power }),
    verdict,
    rule,
    cause,
    ...(remedy && { remedy }),
    ...(transfer && { transfer }),
  };
}

function totalOf(transfers: readonly Transfer[]): Board['images'] {
  const running = transfers.filter(({ state }) => state === 'running');
  const rate = running.reduce((sum, item) => sum + (item.rate ?? 0), 0);
  const left = transfers.reduce((sum, item) => sum + item.size - item.done, 0);
  return {
    running: running.length,
    queued: transfers.length - running.length,
    rate,
    left,
    ...(rate > 0 && { seconds: left / rate }),
  };
}
