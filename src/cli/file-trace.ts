// `muster boot explain NODE --file PATH`: a file as the node gets it, with the origin of each line.
import { NODE_FILES, type TracedNodeFile } from '../api/node-files.ts';
import { MusterError } from '../errors.ts';
import { isForPrograms, printData } from './listing.ts';
import { chosen } from './selection.ts';
import type { Context } from './table.ts';
import { visible, visibleLine } from './visible.ts';

/** Prints the file for each selected node; returns the exit status. */
export async function explainFile(context: Context, path: string, words: readonly string[]): Promise<number> {
  const { client, given, terminal } = context;
  const selection = chosen(given, words);
  if (Object.keys(selection).length === 0)
    throw new MusterError('bad-usage', "'--file' needs a node: muster boot explain n37 --file /etc/hosts");
  const query = { ...selection, path: path.startsWith('/') ? path : `/${path}` };
  const files = await client.call(NODE_FILES.file, { query });
  if (isForPrograms(given)) printData(terminal, given, files);
  else terminal.write(files.map(file => fileText(terminal, file)).join('\n'));
  return files.every(({ lines }) => lines !== undefined) ? 0 : 1;
}

function fileText(terminal: Context['terminal'], file: TracedNodeFile): string {
  const { name, path, set, secret, hidden = [], lines = [], refusal } = file;
  if (refusal !== undefined) return `${terminal.bold(name)} ${path}: ${terminal.red(visible(refusal))}\n`;
  if (set === undefined) return `${terminal.bold(name)} ${path}: no file set of the node has this file\n`;
  const hides = hidden.length > 0 ? `, which hides that of ${hidden.join(', ')}` : '';
  const head = `${terminal.bold(name)} ${path} from the file set ${set}${hides}${secret ? '; it is secret' : ''}`;
  const places = lines.map(placeOf);
  const width = Math.min(60, Math.max(0, ...places.map(({ length }) => length)));
  const rows = lines.map(({ text }, at) => `  ${terminal.dim((places[at] ?? '').padEnd(width))}  ${visibleLine(text)}`);
  return `${[head, ...rows].join('\n')}\n`;
}

/** `base:/etc/hosts.tmpl:3 attributes.rack (group gpu)`. */
function placeOf({ template, line, reads }: NonNullable<TracedNodeFile['lines']>[number]): string {
  const values = reads.map(({ name, source }) => (source === undefined ? name : `${name} (${source})`));
  return visible([`${template}:${line}`, ...values].join(' '));
}
