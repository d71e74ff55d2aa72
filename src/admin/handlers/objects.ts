// Answers requests about objects.
import type { Changed, OBJECTS } from '../../api/objects.ts';
import { planClone, planCreate, planReplace, planUpdate } from '../../model/changes.ts';
import type { Entry } from '../../model/cluster.ts';
import { planDelete } from '../../model/deletion.ts';
import type { Input } from '../../model/fields.ts';
import { fieldsOf, type Kind } from '../../model/kinds.ts';
import { selectOne } from '../../model/select.ts';
import type { Asker, Handlers } from '../handler.ts';
import type { AdminPorts } from '../ports.ts';
import { change, listed, selected, selectedOne } from '../requests.ts';
import { sealedVersions } from '../sealed-versions.ts';
import { show } from '../show.ts';
import { splitUploads, withUploads } from '../stored-files.ts';

/** More names than this are of no use at a prompt. */
const MOST_NAMES = 1000;

type Changing = Asker & { query: { dry_run: boolean } };

async function changeFields(
  ports: AdminPorts,
  asked: Changing & { body: Input },
  kind: Kind,
  choose: () => readonly Entry[],
  planFields: typeof planUpdate = planUpdate,
): Promise<Changed> {
  const { fields, uploads } = splitUploads(kind, asked.body);
  return withUploads(ports, kind, asked.query.dry_run ? [] : [uploads], {
    // Finds frozen objects and wrong values before the upload is stored.
    before: () => planFields(ports.context, kind, choose(), fields),
    run: async ([fixed], store) => {
      const withSealed = await sealedVersions(ports, choose(), fixed?.['content'], store);
      return change(ports, asked, choose, entries =>
        withSealed(planFields(ports.context, kind, entries, fields, fixed)),
      );
    },
  });
}

async function remove(
  ports: AdminPorts,
  asked: Changing & { query: { force: boolean } },
  choose: () => readonly Entry[],
): Promise<Changed> {
  return change(ports, asked, choose, entries => planDelete(ports.cluster, entries, asked.query.force));
}

async function create(ports: AdminPorts, asked: Changing & { body: Input | Input[]; kind: Kind }): Promise<Changed> {
  const { kind, body, who, what } = asked;
  const dryRun = asked.query.dry_run;
  const parts = [body].flat().map(one => splitUploads(kind, one));
  const inputs = parts.map(part => part.fields);
  return withUploads(ports, kind, dryRun ? [] : parts.map(part => part.uploads), {
    // Finds refused names and values before any upload is stored.
    before: () => planCreate(ports.context, kind, inputs),
    run: async fixed =>
      ports.commander.perform({ who, what, dryRun, plan: () => planCreate(ports.context, kind, inputs, fixed) }),
  });
}

const one = ({ cluster }: AdminPorts, { kind, params }: { kind: Kind; params: { id: string } }) => [
  selectOne(cluster, kind, params.id),
];
const settings = ({ cluster }: AdminPorts) => [selectOne(cluster, 'cluster', 'cluster')];

export const objectHandlers: Handlers<typeof OBJECTS> = {
  list: ({ kind, query }, ports) => listed(ports, kind, query).map(entry => show(ports.cluster, entry, query.secrets)),
  get: ({ kind, params, query }, { cluster }) => show(cluster, selectOne(cluster, kind, params.id), query.secrets),
  settings: (_asked, { cluster }) => show(cluster, selectOne(cluster, 'cluster', 'cluster')),
  meta: ({ kind }) =>
    fieldsOf(kind).map(({ name, meta, meaning }) => ({
      name,
      meaning,
      required: meta.required === true,
      read_only: meta.readOnly === true,
      file: meta.file === true,
      ...(meta.refers && { refers: meta.refers }),
    })),
  names: ({ kind, query }, { cluster }) => {
    const names: string[] = [];
    for (const { value } of cluster.all(kind)) {
      if (value.name.startsWith(query.prefix)) names.push(value.name);
      if (names.length >= MOST_NAMES) break;
    }
    return names;
  },
  create: async (asked, ports) => create(ports, asked),
  clone: async (asked, ports) =>
    change(
      ports,
      asked,
      () => [selectedOne(ports, asked.kind, asked.query)],
      ([entry]) => planClone(ports.context, entry as Entry, asked.body),
    ),
  update: async (asked, ports) =>
    changeFields(ports, asked, asked.kind, () => selected(ports, asked.kind, asked.query)),
  updateOne: async (asked, ports) => changeFields(ports, asked, asked.kind, () => one(ports, asked)),
  updateSettings: async (asked, ports) => changeFields(ports, asked, 'cluster', () => settings(ports)),
  replace: async (asked, ports) =>
    changeFields(ports, asked, asked.kind, () => selected(ports, asked.kind, asked.query), planReplace),
  replaceOne: async (asked, ports) => changeFields(ports, asked, asked.kind, () => one(ports, asked), planReplace),
  replaceSettings: async (asked, ports) => changeFields(ports, asked, 'cluster', () => settings(ports), planReplace),
  delete: async (asked, ports) => remove(ports, asked, () => selected(ports, asked.kind, asked.query)),
  deleteOne: async (asked, ports) => remove(ports, asked, () => one(ports, asked)),
};
