// Reads INI as in yum's .repo files and node lists: sections, `name = value`, and indented lines that continue the value.
import { MusterError } from '../errors.ts';

export interface Section {
  name: string;
  values: Record<string, string>;
}

/** Returns the sections in order. Throws `bad-value` with the line number for any other line. With `top`, lines before the first section form one of that name. */
export function readIni(text: string, source: string, top?: string): Section[] {
  const sections: Section[] = top === undefined ? [] : [{ name: top, values: noValues() }];
  let last: string | undefined;
  for (const [position, line] of text.split(/\r?\n/).entries()) {
    const where = `${source}:${position + 1}`;
    const strange = /[^\P{Cc}\t]/u.exec(line)?.[0];
    if (strange !== undefined) throw bad(where, `the line has the control character ${codeOf(strange)}; remove it`);
    if (/^\s*([#;].*)?$/.test(line)) continue;
    const current = sections.at(-1);
    if (/^\s/.test(line) && current && last !== undefined) {
      current.values[last] = `${current.values[last]} ${line.trim()}`.trim();
      continue;
    }
    const title = /^\[([^\]]+)\]\s*([#;].*)?$/.exec(line.trim())?.[1]?.trim();
    if (title !== undefined) {
      if (sections.some(section => section.name === title)) throw bad(where, `the section [${title}] appears twice`);
      sections.push({ name: title, values: noValues() });
      last = undefined;
      continue;
    }
    const pair = /^([^=:\s][^=:]*?)\s*[=:]\s*(.*)$/.exec(line.trim());
    if (!pair) throw bad(where, `'${line.trim()}' is neither [section] nor name=value`);
    if (!current) throw bad(where, `'${line.trim()}' comes before the first [section]`);
    last = pair[1] ?? '';
    current.values[last] = pair[2] ?? '';
  }
  return sections;
}

/** Names from a file may equal properties of every object, such as `constructor`. */
const noValues = (): Record<string, string> => Object.create(null) as Record<string, string>;

const codeOf = (sign: string): string => `U+${sign.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}`;

function bad(where: string, why: string): MusterError {
  return new MusterError('bad-value', `${where}: ${why}.`);
}
