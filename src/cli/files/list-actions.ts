// `muster files` that read no contents: list, show, history. They load fast.
import { FILE_SETS, type SetRow, type SetUse } from '../../api/file-sets.ts';
import { OBJECTS, type Shown } from '../../api/objects.ts';
import { SHIPPED_SETS } from '../../model/shipped-sets.ts';
import { own } from '../../own.ts';
import { fetchShown, LIST_OPTIONS, list } from '../list-action.ts';
import { isForPrograms, printData } from '../listing.ts';
import { isOverview, printRows } from '../overview.ts';
import { type Action, action, type Context } from '../table.ts';
import { humanBytes, humanTime } from '../terminal.ts';
import { findSet } from './find-set.ts';
import { onlySet } from './words.ts';

interface Version {
  number: number;
  sha256: string;
  size: number;
  mtime: number;
  files: number;
  secret: boolean;
  who: string;
  why: string;
}

/** Returns the versions of a set, the current one last. */
export const versionsOf = (object: Shown): Version[] => (object['versions'] ?? []) as Version[];
const contentOf = (object: Shown): Version | undefined => (object['content'] ?? undefined) as Version | undefined;

export const filesList = action({
  name: 'list',
  aliases: ['ls'],
  words: '[names...]',
  takes: 'names',
  summary: 'list file sets: their files, sizes, versions, and what uses them',
  options: LIST_OPTIONS,
  examples: ['muster files ls', 'muster files ls -l hosts', 'muster files ls --json'],
  async run(context) {
    const { client, given } = context;
    const { long, longLong } = given.options;
    if (long || longLong || given.fields || given.table || !isOverview(context)) return list.run(context);
    const uses = await client.call(FILE_SETS.uses);
    const objects = await ownSets(context, uses);
    const isNarrowed = given.words.length + given.ids.length + given.select.length > 0;
    const isChosen = ({ name, shipped }: SetUse): boolean =>
      shipped !== undefined && (!isNarrowed || given.words.includes(name));
    const shipped = uses.filter(isChosen);
    const byName = new Map(uses.map(use => [use.name, use]));
    if (isForPrograms(given)) {
      const own = objects.map(object => {
        const { named_by: used_by, nodes } = byName.get(object.name) ?? {};
        return { ...object, used_by, nodes };
      });
      const others = shipped.map(({ name, named_by: used_by, nodes, shipped: description }) => {
        return { name, description, shipped: true, used_by, nodes };
      });
      printData(context.terminal, given, [...own, ...others]);
      return 0;
    }
    const rows = objects.map(object => {
      const content = contentOf(object);
      const version = versionsOf(object).at(-1);
      const files = [String(content?.files ?? 0), humanBytes(content?.size ?? 0), version ? `v${version.number}` : '-'];
      return [...files, ...useCells(byName.get(object.name))];
    });
    const all = [...objects, ...shipped.map(({ name }) => ({ name, uid: '-' }))];
    const shippedRows = shipped.map(use => ['-', '-', 'shipped', ...useCells(use)]);
    printRows(context, ['FILES', 'SIZE', 'VERSION', 'NODES', 'NAMED BY'], all, [...rows, ...shippedRows]);
    return 0;
  },
});

/** Returns the sets that are objects. A name of a set that comes with muster selects none. */
async function ownSets(context: Context, uses: readonly SetUse[]): Promise<Shown[]> {
  const { words } = context.given;
  const own = words.filter(word => !uses.some(({ name, shipped }) => name === word && shipped !== undefined));
  return words.length > 0 && own.length === 0 ? [] : fetchShown(context, own);
}

function useCells(use: SetUse | undefined): string[] {
  const { nodes = 0, named_by = [] } = use ?? {};
  return [`${nodes} ${nodes === 1 ? 'node' : 'nodes'}`, named_by.slice(0, 4).join(', ')];
}

export const filesShow: Action = {
  name: 'show',
  words: '<name>',
  takes: 'names',
  summary: 'show a file set and the files in it',
  examples: ['muster files show hosts', 'muster files show hosts --json'],
  async run(context) {
    const { client, given, terminal } = context;
    const id = onlySet(context, 'show hosts');
    const object = await findSet(context, id);
    const files = await client.call(FILE_SETS.tree, { params: { id: object?.uid ?? id } });
    if (!object) {
      const words = own(SHIPPED_SETS, id) ?? '';
      if (isForPrograms(given)) printData(terminal, given, { name: id, description: words, shipped: true, files });
      else
        terminal.write(
          `${id}: comes with muster; muster files clone ${id} ${id} makes a copy to change\n${words}\n${rowsText(files)}`,
        );
      return 0;
    }
    if (isForPrograms(given)) {
      printData(terminal, given, { ...object, files });
      return 0;
    }
    const version = versionsOf(object).at(-1);
    const facts = [
      ...(version ? [`v${version.number} of ${humanTime(version.mtime)} by ${version.who}`] : ['no files yet']),
      ...(object['frozen'] === true ? ['frozen'] : []),
      ...(object['parent'] ? [`cloned from ${String(object['parent'])}`] : []),
    ];
    terminal.write(`${object.name}: ${facts.join(', ')}\n`);
    if (object['description']) terminal.write(`${String(object['description'])}\n`);
    terminal.write(rowsText(files));
    return 0;
  },
};

const LETTERS = { file: '-', folder: 'd', link: 'l' } as const;

/** As `ls -l` prints files. */
function rowsText(files: readonly SetRow[]): string {
  const owners = files.map(({ owner, group }) => `${owner} ${group}`);
  const width = Math.max(0, ...owners.map(text => text.length));
  const lines = files.map(({ type, mode, size, path, target, secret, xattrs }, at) => {
    const marks = [...(secret ? ['secret'] : []), ...(xattrs.length > 0 ? [xattrs.join(' ')] : [])];
    const name = `${path}${type === 'folder' ? '/' : ''}${type === 'link' ? ` -> ${target}` : ''}`;
    const ending = marks.length > 0 ? `  (${marks.join(', ')})` : '';
    return `${LETTERS[type]}${mode}  ${(owners[at] ?? '').padEnd(width)}  ${String(size).padStart(8)}  ${name}${ending}\n`;
  });
  return lines.join('');
}

export const filesHistory: Action = {
  name: 'history',
  words: '<name>',
  takes: 'names',
  summary: 'show the versions of a file set: when, by which user, with which command',
  examples: ['muster files history hosts'],
  async run(context) {
    const { client, given, terminal } = context;
    const id = onlySet(context, 'history hosts');
    const versions = versionsOf(await client.call(OBJECTS.get, { kind: 'files', params: { id } }));
    if (isForPrograms(given)) {
      printData(terminal, given, versions);
      return 0;
    }
    if (versions.length === 0) terminal.write('No version yet.\n');
    for (const { number, mtime, who, files, size, why } of [...versions].reverse())
      terminal.write(
        `${`v${number}`.padEnd(5)} ${humanTime(mtime)}  ${who}  ${files} files, ${humanBytes(size)}  ${why}\n`,
      );
    return 0;
  },
};
