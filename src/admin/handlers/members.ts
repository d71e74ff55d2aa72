// Answers requests about the members of nodes, groups and distros.
import type { MEMBERS } from '../../api/members.ts';
import type { Changed } from '../../api/objects.ts';
import type { Selection } from '../../api/parameters.ts';
import { MusterError } from '../../errors.ts';
import { planAttributes, planCreate, planGroups, planUpdate } from '../../model/changes.ts';
import type { Entry } from '../../model/cluster.ts';
import { select, selectOne } from '../../model/select.ts';
import type { Asker, Handlers } from '../handler.ts';
import type { AdminPorts } from '../ports.ts';
import { change, isSelecting, selected } from '../requests.ts';

/** More names than this are of no use at a prompt. */
const MOST_NAMES = 1000;

type Changing = Asker & { query: { dry_run: boolean } };

/** The specification: `set` on attribute groups without a selection acts on the default group. */
function targets(ports: AdminPorts, kind: 'node' | 'attrib', query: Selection): readonly Entry[] {
  if (kind === 'node' || isSelecting(query)) return selected(ports, kind, query);
  const group = ports.cluster.get('attrib', ports.cluster.settings?.default_group ?? '');
  if (!group)
    throw new MusterError(
      'not-ready',
      'There is no default group; create an attribute group and set it as default_group, or give -i.',
    );
  return [group];
}

async function set(
  ports: AdminPorts,
  asked: Changing & { kind: 'node' | 'attrib'; body: Record<string, string | null> },
  choose: () => readonly Entry[],
): Promise<Changed> {
  if (Object.keys(asked.body).length === 0)
    throw new MusterError('bad-usage', 'No attribute is given: write name=value, or a name to clear.');
  return change(ports, asked, choose, entries => planAttributes(ports.context, asked.kind, entries, asked.body));
}

async function joinOrLeave(
  ports: AdminPorts,
  asked: Changing,
  choose: () => readonly Entry<'node'>[],
  names: readonly string[] = [],
  joins: boolean,
): Promise<Changed> {
  if (names.length === 0)
    throw new MusterError('bad-usage', 'No attribute group is given: the body must be a list of names.');
  return change(ports, asked, choose, nodes =>
    planGroups(ports.cluster, nodes, select(ports.cluster, 'attrib', names), joins),
  );
}

export const memberHandlers: Handlers<typeof MEMBERS> = {
  set: async (asked, ports) => set(ports, asked, () => targets(ports, asked.kind, asked.query)),
  setOne: async (asked, ports) => set(ports, asked, () => [selectOne(ports.cluster, asked.kind, asked.params.id)]),
  used: (_asked, { cluster }) => {
    const names = new Set<string>();
    for (const kind of ['attrib', 'node'] as const)
      for (const { value } of cluster.all(kind)) {
        for (const name of Object.keys(value.attributes)) names.add(name);
        if (names.size >= MOST_NAMES) break;
      }
    return [...names].sort();
  },
  changeGroups: async (asked, ports) => {
    const { join, leave } = asked.body;
    return joinOrLeave(ports, asked, () => selected(ports, 'node', asked.query), join ?? leave, join !== undefined);
  },
  joinGroups: async (asked, ports) =>
    joinOrLeave(ports, asked, () => [selectOne(ports.cluster, 'node', asked.params.id)], asked.body, true),
  replaceGroups: async (asked, ports) =>
    change(
      ports,
      asked,
      () => [selectOne(ports.cluster, 'node', asked.params.id)],
      nodes => planUpdate(ports.context, 'node', nodes, { groups: asked.body }),
    ),
  importDistro: async ({ who, what, query, body }, { commander, context, cluster }) => {
    const { repos, present, ...distro } = body;
    return commander.perform({
      who,
      what,
      dryRun: query.dry_run,
      plan: () => {
        const made = planCreate(context, 'repo', repos);
        const kept = select(cluster, 'repo', present).map(entry => entry.uid);
        const whole = planCreate(context, 'distro', [distro], [{ repos: [...made.uids, ...kept] }]);
        return { changes: [...made.changes, ...whole.changes], uids: [...made.uids, ...whole.uids] };
      },
    });
  },
};
