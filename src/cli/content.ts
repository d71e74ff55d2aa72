// `--content @FILE`: objects from JSON, YAML, INI or plain lines, as records of fields.
import { MusterError } from '../errors.ts';
import { parseMac } from '../wire/mac.ts';
import { readIni } from './ini.ts';
import { yamlLibrary } from './lazy.ts';

export type Fields = Record<string, unknown>;

/** Returns the objects of a file's text; `source` names it in errors. The first character shows its format. */
export function readContent(text: string, source: string): Fields[] {
  const begin = text.trimStart()[0];
  if (begin === undefined) throw bad(source, 'is empty');
  if (begin === '{' || isJsonList(text)) return records(parseJson(text, source), source);
  if (/^\s*\[[^\]"{}]+\]\s*$/m.test(firstLine(text))) return iniRecords(text, source);
  if (/^(---|-\s|[\w-]+:(\s|$))/.test(firstLine(text)) && !parseMac(firstLine(text).split(/\s/)[0] ?? ''))
    return records(parseYamlText(text, source), source);
  return lineRecords(text, source);
}

/** `[` begins a JSON list or an INI section; in a list, an object, a text, or the end follows. */
function isJsonList(text: string): boolean {
  return /^\s*\[\s*[[{"\]]/.test(text);
}

function firstLine(text: string): string {
  return text.split(/\r?\n/).find(line => line.trim() !== '' && !/^\s*[#;]/.test(line)) ?? '';
}

function parseJson(text: string, source: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw bad(source, `is not JSON: ${(error as Error).message}`);
  }
}

function parseYamlText(text: string, source: string): unknown {
  try {
    return yamlLibrary().parse(text, { maxAliasCount: 100 });
  } catch (error) {
    throw bad(source, `is not YAML: ${(error as Error).message.split('\n')[0]}`);
  }
}

/** A list of objects, one object, or objects by name. */
function records(data: unknown, source: string): Fields[] {
  if (Array.isArray(data)) return data.map((item, position) => recordAt(item, source, position));
  const record = recordAt(data, source, 0);
  const values = Object.values(record);
  const named = values.length > 0 && values.every(value => isRecord(value)) && !('attributes' in record);
  return named ? Object.entries(record).map(([name, fields]) => ({ name, ...(fields as Fields) })) : [record];
}

function recordAt(item: unknown, source: string, position: number): Fields {
  if (isRecord(item)) return item;
  throw bad(source, `item ${position + 1} must be an object of fields, but is ${JSON.stringify(item).slice(0, 60)}`);
}

function isRecord(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A section is an object with its name; `attributes.x = y`, or a name with `_`, is an attribute. */
function iniRecords(text: string, source: string): Fields[] {
  return readIni(text, source).map(({ name, values }) => withAttributes({ name, ...values }));
}

/** A line is an object: `name=value` words, optionally after a MAC address. */
function lineRecords(text: string, source: string): Fields[] {
  const found: Fields[] = [];
  for (const [position, line] of text.split(/\r?\n/).entries()) {
    const trimmed = line.replace(/(^|\s)#.*$/, '').trim();
    if (trimmed !== '') found.push(withAttributes(lineRecord(trimmed, `${source}:${position + 1}`)));
  }
  return found;
}

function lineRecord(line: string, where: string): Record<string, string> {
  const record: Record<string, string> = {};
  for (const [position, word] of (line.match(/(?:[^\s"']|"[^"]*"|'[^']*')+/g) ?? []).entries()) {
    const at = word.indexOf('=');
    if (at > 0) record[word.slice(0, at)] = word.slice(at + 1).replace(/^(["'])(.*)\1$/, '$2');
    else if (position === 0 && parseMac(word)) record['mac'] = word;
    else throw bad(where, `'${word}' is neither name=value nor a MAC address at the beginning of the line`);
  }
  return record;
}

function withAttributes(record: Record<string, string>): Fields {
  const fields: Fields = {};
  const attributes: Record<string, string> = {};
  for (const [name, value] of Object.entries(record)) {
    if (name.startsWith('attributes.')) attributes[name.slice('attributes.'.length)] = value;
    else if (name.startsWith('_')) attributes[name] = value;
    else fields[name] = value;
  }
  return Object.keys(attributes).length > 0 ? { ...fields, attributes } : fields;
}

function bad(source: string, why: string): MusterError {
  return new MusterError('bad-value', `${source}: ${why}.`);
}
