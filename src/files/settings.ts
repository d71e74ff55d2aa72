// `.fileset/set.toml`: how the files of a set are used. Its keys, and the sentence for each mistake.
import { parse, TomlError } from 'smol-toml';
import { z } from 'zod';
import { issueText } from '../issue.ts';
import { didYouMean } from '../nearest.ts';
import { own } from '../own.ts';
import { SCRIPT_STAGES } from './set-content.ts';
import { lineOf } from './toml-lines.ts';
import { badFiles, isAccount } from './tree.ts';

/** The name of the file in a set. */
export const SETTINGS = '/.fileset/set.toml';

const account = z.string().refine(isAccount, 'must be the name of a user or group, or a number');
const path = z.string().regex(/^\/\P{Cc}+$/u, 'must be an absolute path');
const unit = z.string().regex(/^[A-Za-z0-9:_.@\\-]{1,255}$/, 'must be the name of a systemd unit');
const scriptName = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,100}$/, 'must be the name of a file in .fileset/scripts');
const use = { optional: z.boolean(), secret: z.boolean(), local_edits: z.enum(['replace', 'keep']) };

const file = z.strictObject({
  optional: use.optional.optional(),
  secret: use.secret.optional(),
  local_edits: use.local_edits.optional(),
  owner: account.optional(),
  group: account.optional(),
  mode: z
    .string('must be a text of octal digits, such as "0644"')
    .regex(/^[0-7]{3,4}$/, 'must be octal digits, such as "0644"')
    .transform(text => Number.parseInt(text, 8))
    .optional(),
  context: z
    .string()
    .regex(/^[A-Za-z0-9_.-]+:[A-Za-z0-9_.-]+:[A-Za-z0-9_.-]+(:[A-Za-z0-9_.,:-]+)?$/, 'must be an SELinux context')
    .optional(),
  merge: z.enum(['replace', 'names', 'block']).default('replace'),
});

const onChange = z
  .strictObject({
    paths: z.array(path).min(1, 'must name a path at least'),
    reload: z.array(unit).default([]),
    restart: z.array(unit).default([]),
    run: scriptName.optional(),
  })
  .refine(({ reload, restart, run }) => reload.length + restart.length > 0 || run !== undefined, {
    error: 'must have reload, restart or run',
  });

const script = z.strictObject({
  stage: z.enum(SCRIPT_STAGES),
  file: scriptName,
  required: z.boolean().default(false),
  seconds: z.int().min(1).max(3600).default(60),
});

const settings = z.strictObject({
  optional: use.optional.default(false),
  secret: use.secret.default(false),
  local_edits: use.local_edits.default('replace'),
  files: z.record(path, file).default({}),
  on_change: z.array(onChange).default([]),
  scripts: z.array(script).default([]),
});
export type Settings = z.infer<typeof settings>;

/** The keys of each table, for the nearest right one. */
const KEYS: Readonly<Record<string, readonly string[]>> = {
  '': Object.keys(settings.shape),
  files: Object.keys(file.shape),
  on_change: Object.keys(onChange.shape),
  scripts: Object.keys(script.shape),
};

/** Reads the text; throws `bad-files` with the line, the key, and what it must be. */
export function readSettings(text: string): Settings {
  const given = tomlOf(text);
  const result = settings.safeParse(given);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  if (issue === undefined) throw badFiles('.fileset/set.toml: it is wrong');
  const path = issue.code === 'unrecognized_keys' ? [...issue.path, ...issue.keys.slice(0, 1)] : issue.path;
  throw badFiles(`${placeIn(text, path)}: ${sentence(issue, valueAt(given, issue.path))}`);
}

/** Returns `.fileset/set.toml, line 3` for the key at a path. */
export function placeIn(text: string, path: readonly PropertyKey[]): string {
  const line = lineOf(text, path);
  return line === undefined ? '.fileset/set.toml' : `.fileset/set.toml, line ${line}`;
}

function valueAt(given: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (inner, key) =>
      typeof inner === 'object' && inner !== null && Object.hasOwn(inner, key)
        ? (inner as Record<PropertyKey, unknown>)[key]
        : undefined,
    given,
  );
}

function tomlOf(text: string): unknown {
  try {
    return parse(text);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const why = (error.message.split('\n')[0] ?? '').replace(/^Invalid TOML document: /, '');
    throw badFiles(`.fileset/set.toml, line ${error.line}, column ${error.column}: ${why}.`);
  }
}

function sentence(issue: z.core.$ZodIssue, value: unknown): string {
  const where = issue.path
    .map(part => (typeof part === 'number' ? `(entry ${part + 1})` : `'${String(part)}'`))
    .join(' ');
  if (issue.code === 'unrecognized_keys') {
    const [key = ''] = issue.keys;
    const keys = own(KEYS, String(issue.path[0] ?? '')) ?? [];
    const hint = didYouMean(key, keys, `the keys are ${keys.join(', ')}.`);
    return `${where === '' ? '' : `${where}: `}there is no key '${key}'; ${hint}`;
  }
  // What is wrong with a key of a record is below the record's issue.
  const inner = issue.code === 'invalid_key' ? issue.issues[0] : issue;
  const text = issueText(inner, value);
  return `${where || 'it'} ${text}${text.endsWith('?') ? '' : '.'}`;
}
