// `muster node ls`: with `-L` also what each node inherits and from where, what it would boot, and its last report.
import { type Explained, type Inherited, NODES, type ShownStatus } from '../api/nodes.ts';
import { OBJECTS } from '../api/objects.ts';
import { KIND_WORDS } from '../model/kind-words.ts';
import { LIST_OPTIONS, list, secrets } from './list-action.ts';
import { checkFields, isForPrograms, listText, printData } from './listing.ts';
import { isOverview, printNodes } from './overview.ts';
import { chosen } from './selection.ts';
import { action, type Context, type OptionsOf } from './table.ts';

export const nodeList = action({
  ...list,
  takes: 'names',
  summary: 'list the selected nodes, or all: state, since when, address, image, boot config; with -q only their names',
  options: [
    ...LIST_OPTIONS,
    { flags: '--unknown', meaning: 'list machines that requested an address and belong to no node' },
  ],
  examples: [
    'muster node ls',
    'muster node --down ls -q',
    'muster node -i n0 ls -L',
    'muster node --fields ip,groups --table ls',
    'muster node ls --unknown',
  ],
  async run(context) {
    const { given } = context;
    if (given.options.unknown) return (await import('./node-actions.ts')).nodeUnknown.run(context);
    const { long, longLong } = given.options;
    if (!long && !longLong && !isForPrograms(given) && isOverview(context)) {
      await printNodes(context);
      return 0;
    }
    const isPlain = !longLong || given.table || given.fields !== undefined;
    return isPlain ? list.run(context) : listInFull(context);
  },
});

async function listInFull({ client, given, terminal }: Context<OptionsOf<typeof LIST_OPTIONS>>): Promise<number> {
  checkFields('node', given.fields);
  const query = { ...chosen(given, given.words), ...secrets(given) };
  const nodes = await client.call(OBJECTS.list, { kind: 'node', query });
  const explained = byUid(await client.call(NODES.explain, { query }));
  const statuses = byUid(await client.call(NODES.status, { query }));
  if (isForPrograms(given)) {
    printData(
      terminal,
      given,
      nodes.map(node => ({ ...node, ...inData(explained.get(node.uid), statuses.get(node.uid)) })),
    );
    return 0;
  }
  const full = nodes.map(node => ({ ...node, ...inFull(explained.get(node.uid), statuses.get(node.uid)) }));
  terminal.write(listText(full, given, { title: KIND_WORDS.node.title, detail: 'full', now: Date.now() }));
  return 0;
}

function byUid<T extends { uid: string }>(rows: readonly T[]): Map<string, T> {
  return new Map(rows.map(row => [row.uid, row]));
}

/** The same for programs: `attributes` has the node's own ones, and inherited ones are separate. */
function inData(explained: Explained | undefined, status: ShownStatus | undefined): Record<string, unknown> {
  const { uid: _uid, name: _name, hardware, ...state } = status ?? {};
  return {
    ...(explained && { effective_attributes: explained.attributes, boot: explained.words }),
    ...(status && { status: state, hardware }),
  };
}

/** Shown with the fields; absent for a node that has just been deleted. */
function inFull(explained: Explained | undefined, status: ShownStatus | undefined): Record<string, unknown> {
  const attributes = Object.entries(explained?.attributes ?? {}).map(([name, value]) => [name, inheritedText(value)]);
  const { state, reason, lastSeen, facts, hardware } = status ?? {};
  return {
    ...(explained && { attributes: Object.fromEntries(attributes), boot: explained.words }),
    ...(status && {
      status: { state, ...(reason && { reason }), ...(lastSeen && { last_seen: lastSeen }), ...facts },
      hardware,
    }),
  };
}

/** `roram (group gpu; hides rwram of default group DefaultAttribs)` */
function inheritedText({ value, source, shadows }: Inherited): string {
  const hidden = shadows.map(shadow => `${shadow.value} of ${shadow.source}`).join(', ');
  return `${value} (${source}${hidden && `; hides ${hidden}`})`;
}
