// One file of a node, line by line: the set, the template and its line, and the values that were read, with their origins.
import type { Entry } from '../model/cluster.ts';
import type { Refused } from '../refused.ts';
import { hiddenFiles } from './hidden.ts';
import { type RenderPorts, sourceOf } from './made.ts';
import { failureText, type WrittenFile } from './template-protocol.ts';
import type { Subject, TemplateValues } from './values.ts';
import { type RenderSet, type Visible, visibleEntries } from './visible.ts';

export interface TracedRead {
  /** `attributes.rack`. */
  name: string;
  /** Of an attribute: `group gpu`. */
  source?: string;
}

export interface TracedLine {
  text: string;
  /** `SET:PATH` of the template, the partial or the file. */
  template: string;
  line: number;
  reads: readonly TracedRead[];
}

export interface TracedFile {
  path: string;
  set: string;
  secret: boolean;
  lines: readonly TracedLine[];
  /** Sets with a file of this path that is not used. */
  hidden: readonly string[];
}

/** Returns the file that a node gets at a path; undefined when no set writes it. Renders the templates that may write it. */
export async function traceFile(
  sets: readonly RenderSet[],
  node: Entry<'node'>,
  values: TemplateValues,
  { templates }: RenderPorts,
  path: string,
): Promise<TracedFile | Refused | undefined> {
  const visible = visibleEntries(sets);
  const own = visible.find(({ entry }) => entry.path === path);
  const subject = values.of(node);
  const hiding = hiddenFiles(sets).find(one => one.path === path)?.sets ?? [];
  // A template of another file may write this one too, and the last set counts
  const writers = visible.filter(one => one === own || one.entry.isTemplate).reverse();
  for (const one of writers) {
    const { set, entry } = one;
    if (!entry.isTemplate) return entry.type === 'file' ? plainLines(one, hiding) : undefined;
    const batch = { world: values.world(), ...subject, templates: [sourceOf(one)], traced: true };
    const [outcome] = await templates.render(batch);
    if (!outcome) return undefined;
    const { result } = outcome;
    if ('failed' in result) {
      if (one === own || writers.length === 1) return { refused: failureText(result.failed) };
      continue;
    }
    const file = one === own ? result.main : result.further.find(further => further.path === path);
    const hidden = own && one !== own ? [own.set, ...hiding] : hiding;
    if (file) return { path, set, secret: entry.rules.secret, lines: linesOf(file, subject), hidden };
  }
  return undefined;
}

function plainLines({ set, entry }: Visible, hidden: readonly string[]): TracedFile {
  const template = `${set}:${entry.path}`;
  const lines = splitLines(entry.content.toString()).map((text, at) => ({ text, template, line: at + 1, reads: [] }));
  return { path: entry.path, set, secret: entry.rules.secret, lines, hidden };
}

function linesOf({ text, origins = [] }: WrittenFile, { values }: Subject): TracedLine[] {
  const sources = values['origins'] as Readonly<Record<string, string>> | undefined;
  const readOf = (name: string): TracedRead => {
    const [table, key = ''] = name.split(/\.(.*)/s);
    const source = table === 'attributes' && sources && Object.hasOwn(sources, key) ? sources[key] : undefined;
    return { name, ...(source !== undefined && { source }) };
  };
  return splitLines(text).map((line, at) => {
    const { template = '', line: number = 0, reads = [] } = origins[at] ?? {};
    return { text: line, template, line: number, reads: reads.map(readOf) };
  });
}

/** The end of the last line begins no line. */
function splitLines(text: string): string[] {
  const lines = text.split('\n');
  return lines.at(-1) === '' ? lines.slice(0, -1) : lines;
}
