// Query parameters that several operations share.
import { STATE_WORDS } from '../boot/states.ts';
import type { Zod } from '../issue.ts';
import type { Query } from './operation.ts';

const words = (z: Zod) =>
  z
    .union([z.string(), z.array(z.string())])
    .transform(given => [given].flat())
    .optional();

const flag = (z: Zod) =>
  z
    .enum(['true', 'false'], 'must be true or false')
    .optional()
    .transform(given => given === 'true');

/** A query has texts alone, and Number reads '', '0x0' and '1e2' as well. */
const digits = (form: RegExp) => (given: unknown) =>
  typeof given === 'string' && !form.test(given) ? Number.NaN : given;

/** Seconds, given as text. */
export const seconds = (z: Zod, most: number) => {
  const text = `must be seconds, from 0 to ${most}`;
  return z.preprocess(digits(/^\d+(\.\d+)?$/), z.coerce.number(text).min(0, text).max(most, text));
};

/** A whole number, given as text. */
export const whole = (z: Zod, least: number, most = Number.MAX_SAFE_INTEGER) => {
  const text = `must be a whole number from ${least} ${most === Number.MAX_SAFE_INTEGER ? 'on' : `to ${most}`}`;
  return z.preprocess(digits(/^\d+$/), z.coerce.number(text).int(text).min(least, text).max(most, text));
};

export const SELECTION = {
  id: (z: Zod) =>
    words(z).describe('an identifier, repeatable: name, UID, UID prefix; nodes also MAC, IP, index, n[0-3,7], %group'),
  all: (z: Zod) => flag(z).describe('`true`: all objects of the kind'),
  state: (z: Zod) => words(z).describe(`nodes in this state, repeatable: ${STATE_WORDS}`),
  select: (z: Zod) =>
    words(z).describe('an expression over fields, attributes and status, repeatable: status[ram_free] < 1GB'),
};
export type Selection = Query<{ query: typeof SELECTION }>;

export const DRY_RUN = {
  dry_run: (z: Zod) => flag(z).describe('`true`: report what would change, and change nothing'),
};
export const SECRETS = { secrets: (z: Zod) => flag(z).describe('`true`: show passwords too') };
export const FORCE = {
  force: (z: Zod) => flag(z).describe('`true`: delete even objects that others refer to; those lose the reference'),
};
