// INI as yum's .repo files and node lists have it: sections, `name = value`, and indented lines that go on with the value.
import { MusterError } from '../errors.ts';

export interface Section {
  name: string;
  values: Record<string, string>;
}

/** The sections in order. A line that is neither is `bad-value` with its number. With `top`, lines before the first section are one of that name. */
export function readIni(text: string, source: string, top?: string): Section[] {
  const sections: Section[] = top === undefined ? [] : [{ name: top, values: noValues() }];
  let last: string | undefined;
  for (const [position, line] of text.split(/\r?\n/).entries()) {
    const where = `${source}:${position + 1}`;
    if (/^\s*([#;].*)?$/.test(line)) continue;
    const current = sections.at(-1);
    if (/^\s/.test(line) && current && last !== undefined) {
      current.values[last] = `${current.values[last]} ${line.trim()}`.trim();
      continue;
    }
    const title = /^\[([^\]]+)\]\s*([#;].*)?$/.exec(line.trim())?.[1]?.trim();
    if (title !== undefined) {
      if (sections.some(section => section.name === title))
        throw bad(where, `the section [${title}] stands there twice`);
      sections.push({ name: title, values: noValues() });
      last = undefined;
      continue;
    }
    const pair = /^([^=:\s][^=:]*?)\s*[=:]\s*(.*)$/.exec(line.trim());
    if (!pair) throw bad(where, `'${line.trim()}' is neither [section] nor name=value`);
    if (!current) throw bad(where, `'${line.trim()}' stands before the first [section]`);
    last = pair[1] ?? '';
    current.values[last] = pair[2] ?? '';
  }
  return sections;
}

/** Names from a file may be those of every object's own, such as `constructor`. */
const noValues = (): Record<string, string> => Object.create(null) as Record<string, string>;

function bad(where: string, why: string): MusterError {
  return new MusterError('bad-value', `${where}: ${why}.`);
}
