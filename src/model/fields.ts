// From an administrator's input to the fields of an object: names become UIDs, values are checked, nothing unknown passes.
import type { z } from 'zod';
import { MusterError } from '../errors.ts';
import { issueText } from '../issue.ts';
import { isSecretName, MASK, maskPassword, maskUrls } from '../masking.ts';
import { didYouMean } from '../nearest.ts';
import { attributeProblem } from './attributes.ts';
import type { Cluster } from './cluster.ts';
import { type FieldMeta, fieldsOf, KINDS, type Kind, oneOf, oneOfCapital } from './kinds.ts';
import { selectOne } from './select.ts';

/** Field values from the command line or the API: texts, or JSON. */
export type Input = Record<string, unknown>;

/** Returns the checked values of the given fields; others stay absent. */
export function readFields(cluster: Cluster, kind: Kind, input: Input): Record<string, unknown> {
  const rows = new Map(fieldsOf(kind).map(row => [row.name, row]));
  const result: Record<string, unknown> = {};
  for (const [name, given] of Object.entries(input)) {
    const row = rows.get(name);
    if (!row) throw unknownField(kind, name, [...rows.keys()]);
    if (row.meta.readOnly) {
      throw new MusterError(
        'read-only-field',
        `The field '${name}' of ${oneOf(kind)} is kept by muster: ${row.meaning}.`,
      );
    }
    const value = row.meta.refers ? resolveReference(cluster, row.meta.refers, given) : given;
    result[name] = parse(kind, name, row.schema, row.meta, value);
  }
  checkAttributes(cluster, kind, result['attributes']);
  return result;
}

/** Returns every field that an administrator can set, from the input and the defaults of the rest; for `replace`. */
export function readAllFields(cluster: Cluster, kind: Kind, input: Input): Record<string, unknown> {
  const given = readFields(cluster, kind, input);
  const result: Record<string, unknown> = {};
  for (const { name, schema, meta } of fieldsOf(kind)) {
    if (Object.hasOwn(given, name)) result[name] = given[name];
    else if (meta.required) throw missingField(kind, name);
    // Stored files have a separate way in, and muster's own fields are not the caller's to replace.
    else if (!meta.readOnly && !meta.file) {
      const fallback = schema.safeParse(undefined);
      if (fallback.success) result[name] = fallback.data;
    }
  }
  return result;
}

export function missingField(kind: Kind, name: string): MusterError {
  const meaning = fieldsOf(kind).find(row => row.name === name)?.meaning;
  return new MusterError('bad-value', `${oneOfCapital(kind)} needs ${name}=…: ${meaning}.`);
}

function parse(kind: Kind, name: string, schema: z.ZodType, meta: FieldMeta, value: unknown): unknown {
  if (meta.file && typeof value === 'string' && value !== '') {
    throw new MusterError(
      'bad-value',
      `${KINDS[kind].label}: ${name}='${value}' must be a local file: write ${name}=@${value}`,
    );
  }
  const parsed = schema.safeParse(meta.file && value === '' ? null : value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const isHidden = meta.secret !== undefined && meta.secret !== 'urls';
  const shown = isHidden
    ? ''
    : maskUrls(typeof value === 'string' ? `=${quoted(value)}` : `=${JSON.stringify(value, maskSecret)}`);
  throw new MusterError('bad-value', `${KINDS[kind].label}: ${name}${shown} ${issueText(issue)}`);
}

/** For JSON: values with a secret name become stars. */
function maskSecret(name: string, value: unknown): unknown {
  return isSecretName(name) ? MASK : value;
}

function quoted(text: string): string {
  return `'${maskPassword(text)}'`;
}

/** A name, UID or prefix, or a list of them, as UIDs. */
function resolveReference(cluster: Cluster, kind: Kind, value: unknown): unknown {
  if (value === '') return '';
  if (Array.isArray(value)) return [...new Set(value.map(item => resolveReference(cluster, kind, item)))];
  if (typeof value !== 'string') return value;
  const parts = value.split(',').map(part => part.trim());
  if (parts.length === 1) return selectOne(cluster, kind, value).uid;
  return [...new Set(parts.filter(part => part !== '').map(part => selectOne(cluster, kind, part).uid))];
}

function checkAttributes(cluster: Cluster, kind: Kind, attributes: unknown): void {
  if (typeof attributes !== 'object' || attributes === null) return;
  for (const [name, value] of Object.entries(attributes)) {
    const problem = attributeProblem(name, String(value), cluster, kind);
    if (problem) throw problem;
  }
}

function unknownField(kind: Kind, name: string, names: string[]): MusterError {
  const hint = didYouMean(name, names, `the fields are ${names.join(', ')}`);
  const attribute = name.startsWith('_') ? ' Attributes are changed with `set`.' : '';
  return new MusterError('unknown-field', `${oneOfCapital(kind)} has no field '${name}'; ${hint}${attribute}`);
}
