// Data as JSON, YAML and CSV, written so that every common reader gets back the same values.

/** Controls and separators that a terminal or a line-based program would act on; JSON may write any character as `\uXXXX`. */
const ESCAPED = /[\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ufffe\uffff]/g;

function escaped(json: string): string {
  return json.replace(ESCAPED, sign => `\\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

export function jsonText(data: unknown, pretty: boolean): string {
  return `${escaped(JSON.stringify(data, null, pretty ? 2 : 0) ?? 'null')}\n`;
}

/** Returns YAML that readers of version 1.1 (PyYAML, Ansible) and 1.2 read alike. */
export function yamlText(data: unknown): string {
  // Through JSON, so that it has only JSON's types.
  return `${nodeLines(JSON.parse(JSON.stringify(data ?? null)), '').join('\n')}\n`;
}

function nodeLines(value: unknown, indent: string): string[] {
  if (Array.isArray(value) && value.length > 0)
    return value.flatMap(item => {
      const [first = '', ...rest] = nodeLines(item, `${indent}  `);
      return [`${indent}- ${first.slice(indent.length + 2)}`, ...rest];
    });
  const entries = isRecord(value) ? Object.entries(value) : [];
  if (entries.length === 0) return [`${indent}${scalarText(value)}`];
  return entries.flatMap(([name, inner]) => {
    const key = `${indent}${stringText(name)}:`;
    if (isRecord(inner) ? Object.keys(inner).length === 0 : !Array.isArray(inner) || inner.length === 0)
      return [`${key} ${scalarText(inner)}`];
    return [key, ...nodeLines(inner, `${indent}  `)];
  });
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function scalarText(value: unknown): string {
  if (Array.isArray(value)) return '[]';
  if (isRecord(value)) return '{}';
  if (typeof value === 'string') return stringText(value);
  // YAML 1.1 needs a point before an exponent; `1e+21` would be a text.
  return typeof value === 'number' ? String(value).replace(/^(-?\d+)e/, '$1.0e') : String(value);
}

/** Begins with letters and has no special meaning: no number, no time such as 52:54:00, no date, no YAML syntax. */
const PLAIN = /^[A-Za-z_/][A-Za-z0-9_./@+-]*( [A-Za-z_/][A-Za-z0-9_./@+-]*)*$/;
/** Words that some reader takes for a boolean, null, or a number. */
const MEANING = /^(y|yes|n|no|on|off|true|false|null|nan|inf|infinity)$/i;

function stringText(text: string): string {
  // A JSON string is a double-quoted YAML string. Readers reject a lone surrogate, which is not a character.
  return PLAIN.test(text) && !MEANING.test(text) ? text : escaped(JSON.stringify(text.replace(/\p{Cs}/gu, '\ufffd')));
}

/**
 * RFC 4180. Quotes every text and no number, so that a reader can tell `"007"` from `7` (Python: QUOTE_NONNUMERIC; LibreOffice: "quoted field as
 * text"). A text that a spreadsheet would evaluate (`=`, `+`, `-`, `@`) gets an apostrophe first, and so does one that begins with an apostrophe.
 */
function csvText(columns: readonly string[], rows: readonly (readonly unknown[])[]): string {
  const line = (cells: readonly unknown[]): string => `${cells.map(csvCell).join(',')}\r\n`;
  return [columns, ...rows].map(line).join('');
}

function csvCell(value: unknown): string {
  if (typeof value === 'number') return String(value);
  const text = cellText(value);
  const safe = /^['=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return `"${safe.replaceAll('"', '""')}"`;
}

/** Writes lists with commas, as `update` accepts them, if that is unambiguous; otherwise, and for objects, writes JSON. */
function cellText(value: unknown): string {
  if (value === null || value === undefined) return '';
  if (Array.isArray(value) && value.every(item => typeof item === 'string' && /^[^,[\]"]+$/.test(item)))
    return value.join(',');
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

/** Returns any data as CSV: a row for each item, and a column for each name in any of them. */
export function csvOf(data: unknown): string {
  const rows = [data].flat().map(item => (isRecord(item) ? item : { value: item }));
  const columns = [...new Set(rows.flatMap(row => Object.keys(row)))];
  return csvText(
    columns,
    rows.map(row => columns.map(column => (Object.hasOwn(row, column) ? row[column] : undefined))),
  );
}
