// Answers requests about what nodes do.
import type { NODES, ShownStatus, Waited } from '../../api/nodes.ts';
import type { Query } from '../../api/operation.ts';
import { MusterError } from '../../errors.ts';
import { explain } from '../explain.ts';
import { filesExplainer } from '../explain-files.ts';
import type { Handlers } from '../handler.ts';
import { overviewOf } from '../overview.ts';
import { planeFor } from '../plane.ts';
import type { AdminPorts } from '../ports.ts';
import { audited, listed, selected } from '../requests.ts';
import { whyOf } from '../why-facts.ts';

export const nodeHandlers: Handlers<typeof NODES> = {
  status: ({ query }, ports) =>
    listed(ports, 'node', query).map(({ uid, value }) => ({ uid, name: value.name, ...ports.statuses.of(uid) })),
  overview: ({ query }, ports) => listed(ports, 'node', query).map(node => overviewOf(ports, node)),
  explain: async ({ query }, ports) => {
    const withFiles = filesExplainer(ports);
    const all = listed(ports, 'node', query).map(async node =>
      withFiles(node, explain(ports.cluster, node, planeFor(ports, node), query.secrets)),
    );
    return Promise.all(all);
  },
  why: async ({ query }, ports) => whyOf(ports, listed(ports, 'node', query)),
  enroll: async (asked, ports) => {
    const { query, body } = asked;
    const nodes = selected(ports, 'node', query);
    await audited(ports, asked, nodes);
    const lines = nodes.map(async ({ uid, value: { name, ip } }) => {
      const made = await ports.enrolment.line(uid, body.seconds);
      ports.log.info({ node: name }, `a token was made that enrols ${name}`);
      return { uid, name, ip, ...made };
    });
    return Promise.all(lines);
  },
  waitfor: async ({ query, gone }, ports) => waitFor(ports, query, gone),
  unknown: (_asked, ports) => ports.unknown(),
};

/** Selects the nodes once. A node created later is not waited for, and a node deleted meanwhile ends the wait, because it never gets there. */
async function waitFor(ports: AdminPorts, query: Query<typeof NODES.waitfor>, gone: AbortSignal): Promise<Waited> {
  const { wanted, timeout } = query;
  const ids = selected(ports, 'node', query).map(node => node.uid);
  if (ids.length === 0) throw new MusterError('bad-usage', 'The selection is empty: there is nothing to wait for.');
  const names = new Map(ids.map(uid => [uid, ports.cluster.get('node', uid)?.value.name ?? uid]));
  const deleted = (): string[] => ids.flatMap(uid => (ports.cluster.get('node', uid) ? [] : [names.get(uid) ?? uid]));
  const isReached = (): boolean => deleted().length === 0 && ids.every(uid => ports.statuses.of(uid).state === wanted);
  const isOver = (): boolean => isReached() || deleted().length > 0;
  if (!isOver()) await until(ports, timeout * 1000, gone, isOver);
  const missing = deleted();
  const nodes = ids.flatMap((uid): ShownStatus[] => {
    const node = ports.cluster.get('node', uid);
    return node ? [{ uid, name: node.value.name, ...ports.statuses.of(uid) }] : [];
  });
  return { reached: isReached(), nodes, ...(missing.length > 0 && { deleted: missing }) };
}

/** Waits until the condition holds, the time is over or the caller disconnects. Checks on each event. */
async function until(
  ports: AdminPorts,
  milliseconds: number,
  gone: AbortSignal,
  condition: () => boolean,
): Promise<void> {
  return new Promise(resolve => {
    const end = (): void => {
      clearTimeout(timer);
      stop();
      resolve();
    };
    const timer = setTimeout(end, milliseconds);
    const stop = ports.watch(() => {
      if (condition()) end();
    });
    gone.addEventListener('abort', end, { once: true });
  });
}
