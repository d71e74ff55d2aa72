// From the file sets of a node and its values to its files: later sets hide earlier ones, and parent folders are implied.
import { createHash } from 'node:crypto';
import { reasonOf } from '../errors.ts';
import type { Entry } from '../model/cluster.ts';
import { printable } from '../printable.ts';
import type { Refused } from '../refused.ts';
import { madeFiles, type RenderPorts } from './made.ts';
import type { LeftOut, Rendered, RenderedEntry } from './rendered.ts';
import type { Made, MadeFile } from './result-cache.ts';
import type { OnChange, SetEntry, StageScript } from './set-content.ts';
import { failureText, type TemplateFailure } from './template-protocol.ts';
import { checkPath, compareBytes, isAccount } from './tree.ts';
import type { TemplateValues } from './values.ts';
import { type RenderSet, type Visible, visibleEntries } from './visible.ts';

/** Bytes of all files of a node. */
const MOST_BYTES = 256 * 1024 * 1024;
/** Failures that a refusal names. */
const NAMED = 3;

/** Renders the files of one node. Refuses with the set, the file, the line and the reason. */
export async function renderFiles(
  sets: readonly RenderSet[],
  node: Entry<'node'>,
  values: TemplateValues,
  ports: RenderPorts,
): Promise<Rendered | Refused> {
  const world = values.world();
  const subject = values.of(node);
  const visible = visibleEntries(sets);
  const made = await madeFiles(visible, { world, subject }, ports);
  const built = builtEntries(visible, made);
  if ('refused' in built) return built;
  const tree = withFolders(built.entries);
  if ('refused' in tree) return tree;
  return { entries: tree.entries, ...joined(sets), leftOut: built.leftOut };
}

function builtEntries(
  visible: readonly Visible[],
  made: ReadonlyMap<Visible, Made>,
): { entries: Map<string, RenderedEntry>; leftOut: LeftOut[] } | Refused {
  const entries = new Map<string, RenderedEntry>();
  const leftOut: LeftOut[] = [];
  const failures: TemplateFailure[] = [];
  for (const one of visible) {
    const { set, entry } = one;
    const result = entry.isTemplate ? made.get(one) : { files: [] };
    if (!result || 'failed' in result) {
      const failed = result?.failed ?? { ...nowhere(one), reason: 'the template was not rendered' };
      if (entry.rules.optional) leftOut.push({ path: entry.path, set, reason: failureText(failed) });
      else failures.push(failed);
      continue;
    }
    const written = entry.isTemplate ? result.files.map(file => madeEntry(one, file)) : [plainEntry(one)];
    for (const file of written) {
      const reason = put(entries, file);
      if (reason !== undefined) failures.push({ ...nowhere(one), reason });
    }
  }
  if (failures.length > 0) return { refused: failuresText(failures) };
  const bytes = [...entries.values()].reduce((sum, { content }) => sum + content.length, 0);
  if (bytes > MOST_BYTES) return { refused: `the files of the node have ${bytes} bytes; ${MOST_BYTES} are the limit` };
  return { entries, leftOut };
}

function nowhere({ set, entry }: Visible): Omit<TemplateFailure, 'reason'> {
  return { template: `${set}:${entry.path}${entry.isTemplate ? '.tmpl' : ''}`, line: 0, column: 0 };
}

function failuresText(failures: readonly TemplateFailure[]): string {
  const more = failures.length > NAMED ? `; and ${failures.length - NAMED} more` : '';
  return `${failures.slice(0, NAMED).map(failureText).join('; ')}${more}`;
}

/** Adds an entry; returns why it cannot be there. It replaces one of an earlier set, but not one of the same set. */
function put(entries: Map<string, RenderedEntry>, entry: RenderedEntry): string | undefined {
  const { path, owner, group, origin } = entry;
  try {
    checkPath(path);
  } catch (error) {
    return reasonOf(error);
  }
  const account = [owner, group].find(name => !isAccount(name));
  if (account !== undefined) return `'${printable(account, 40)}' is no name of an owner or group`;
  const before = entries.get(path);
  if (before?.origin.set === origin.set)
    return `${path} is written by ${before.origin.file} and ${origin.file} of the set; remove one`;
  entries.set(path, entry);
  return undefined;
}

function plainEntry({ set, entry }: Visible): RenderedEntry {
  const isFile = entry.type === 'file';
  return {
    ...common(entry),
    type: entry.type,
    path: entry.path,
    content: entry.content,
    sha256: isFile ? sha256Of(entry) : '',
    target: entry.target,
    origin: { set, file: entry.path },
  };
}

/** An entry never changes. */
const digests = new WeakMap<SetEntry, string>();

function sha256Of(entry: SetEntry): string {
  const known = digests.get(entry) ?? createHash('sha256').update(entry.content).digest('hex');
  digests.set(entry, known);
  return known;
}

function madeEntry({ set, entry }: Visible, { path, content, sha256, mode, owner, group }: MadeFile): RenderedEntry {
  return {
    ...common(entry),
    type: 'file',
    path: path ?? entry.path,
    content,
    sha256,
    target: '',
    ...(mode !== undefined && { mode }),
    ...(owner !== undefined && { owner }),
    ...(group !== undefined && { group }),
    origin: { set, file: `${entry.path}.tmpl` },
  };
}

type Common = Omit<RenderedEntry, 'type' | 'path' | 'content' | 'sha256' | 'target' | 'origin'>;

function common({ mode, owner, group, xattrs, rules }: SetEntry): Common {
  const others = xattrs.filter(([name]) => rules.context === undefined || name !== 'security.selinux');
  const context = rules.context === undefined ? [] : [['security.selinux', Buffer.from(rules.context)] as const];
  return {
    mode: rules.mode ?? mode,
    owner: rules.owner ?? owner,
    group: rules.group ?? group,
    xattrs: [...others, ...context],
    merge: rules.merge,
    secret: rules.secret,
    optional: rules.optional,
    keepsLocalEdits: rules.localEdits === 'keep',
  };
}

/** Adds the folders that no set has, and sorts by path. */
function withFolders(entries: Map<string, RenderedEntry>): { entries: RenderedEntry[] } | Refused {
  for (const entry of [...entries.values()])
    for (let at = entry.path.lastIndexOf('/'); at > 0; at = entry.path.lastIndexOf('/', at - 1)) {
      const path = entry.path.slice(0, at);
      const known = entries.get(path);
      if (known?.type === 'folder') break;
      if (known) {
        const { set, file } = entry.origin;
        return { refused: `${set}:${file}: ${path} is a ${known.type} of the set ${known.origin.set}, and no folder` };
      }
      entries.set(path, impliedFolder(path, entry));
    }
  return { entries: [...entries.values()].sort((left, right) => compareBytes(left.path, right.path)) };
}

/** A folder that no set has: the image's own folder, such as /root or /tmp, keeps its mode and owner. */
function impliedFolder(path: string, { origin }: RenderedEntry): RenderedEntry {
  return {
    ...{ type: 'folder', path, mode: 0o755, owner: 'root', group: 'root', content: Buffer.alloc(0), sha256: '' },
    ...{ target: '', xattrs: [], merge: 'replace', secret: false, optional: false, keepsLocalEdits: true, origin },
  };
}

/** Returns the scripts and changes of all sets. A script is named `SET/NAME`, so that two sets may have one of the same name. */
function joined(sets: readonly RenderSet[]): { scripts: StageScript[]; changes: OnChange[] } {
  const scripts = sets.flatMap(({ name: set, content }) =>
    content.scripts.map(script => ({ ...script, name: `${set}/${script.name}` })),
  );
  const changes = sets.flatMap(({ name: set, content }) =>
    content.changes.map(change => (change.action === 'run' ? { ...change, what: `${set}/${change.what}` } : change)),
  );
  return { scripts, changes };
}
