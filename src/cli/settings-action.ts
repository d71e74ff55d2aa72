// `clusterctl --get-distro`, `--set-distro NAME`: the settings of the cluster, one row each.
import { OBJECTS } from '../api/objects.ts';
import { MusterError } from '../errors.ts';
import type { Kind } from '../model/kind-words.ts';
import { printChanged } from './differences.ts';
import { isForPrograms, printData } from './listing.ts';
import { dryRun } from './selection.ts';
import type { Action, Option } from './table.ts';

interface Setting {
  /** `distro` of `--get-distro`. */
  option: string;
  /** The field of the cluster object. */
  field: string;
  /** As the specification prints it: `Default distro: CentOS`. */
  label: string;
  value: string;
  names?: Kind;
}

const SETTINGS: readonly Setting[] = [
  { option: 'distro', field: 'default_distro', label: 'Default distro', value: '<name>', names: 'distro' },
  { option: 'group', field: 'default_group', label: 'Default group', value: '<name>', names: 'attrib' },
  { option: 'naming', field: 'default_pool', label: 'Default naming pool', value: '<name>', names: 'pool' },
  { option: 'accept-nodes', field: 'accept_new_nodes', label: 'Accept new nodes', value: '<true|false>' },
  { option: 'cluster-name', field: 'cluster_name', label: 'Cluster name', value: '<text>' },
];

const OPTIONS: readonly Option[] = SETTINGS.flatMap(({ option, label, value, names }) => [
  { flags: `--get-${option}`, meaning: `show the ${lower(label)}` },
  {
    flags: `--set-${option} ${value}`,
    meaning: option === 'accept-nodes' ? 'set whether unknown machines become nodes' : `change the ${lower(label)}`,
    ...(names && { takes: { names } }),
    ...(option === 'accept-nodes' && { takes: { words: ['True', 'False'] } }),
  },
]);

export const clusterSettings: Action = {
  name: 'cluster',
  summary: 'settings of the whole cluster; its repos, distros and naming pools',
  options: OPTIONS,
  examples: [
    'muster cluster --get-distro',
    'muster cluster --set-distro CentOS6',
    'muster cluster --set-accept-nodes True',
    'muster cluster distros ls -l',
  ],
  async run(context) {
    const { client, given, terminal } = context;
    const body: Record<string, string> = {};
    // Their names come from the table, like the options.
    const values = new Map(Object.entries(given.options ?? {}));
    for (const { option, field } of SETTINGS) {
      const value = values.get(camelCase(`set-${option}`));
      if (typeof value === 'string') body[field] = value;
    }
    const asked = SETTINGS.filter(({ option }) => values.get(camelCase(`get-${option}`)) === true);
    const changes = Object.keys(body).length > 0;
    if (!changes && asked.length === 0)
      throw new MusterError(
        'bad-usage',
        "'muster cluster' needs an action, or --get-… or --set-…; see 'muster cluster --help'.",
      );
    if (changes) {
      const query = { all: 'true', ...dryRun(given) };
      printChanged(context, await client.call(OBJECTS.update, { kind: 'cluster', query, body }));
    }
    if (asked.length === 0) return 0;
    const [settings] = await client.call(OBJECTS.list, { kind: 'cluster' });
    const found = asked.map(({ label, field }) => ({ label, field, value: settings?.[field] ?? '' }));
    if (isForPrograms(given)) printData(terminal, given, Object.fromEntries(found.map(row => [row.field, row.value])));
    else for (const { label, value } of found) terminal.write(`${label}: ${value === '' ? 'none' : String(value)}\n`);
    return 0;
  },
};

function lower(label: string): string {
  return label.charAt(0).toLowerCase() + label.slice(1);
}

function camelCase(option: string): string {
  return option.replace(/-([a-z])/g, (_whole, letter: string) => letter.toUpperCase());
}
