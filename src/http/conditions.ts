// The conditions of a request (RFC 9110 §13): whether the file is sent, and whether only a part.
import type { IncomingHttpHeaders } from 'node:http';

/** What distinguishes versions of a file. */
export interface Validators {
  /** A strong entity tag, with its quotes. */
  etag: string;
  /** Milliseconds since 1970; undefined without a date. */
  modified?: number | undefined;
}

export type Condition =
  /** `ranged`: whether a Range header counts. */
  { send: true; ranged: boolean } | { send: false; status: 304 | 412 };

/** Of a GET or HEAD, in the order of precedence of RFC 9110 §13.2.2. */
export function judge(headers: IncomingHttpHeaders, validators: Validators): Condition {
  if (!passes(headers, validators)) return { send: false, status: 412 };
  if (!isNews(headers, validators)) return { send: false, status: 304 };
  return { send: true, ranged: holdsForRange(headers['if-range'], validators) };
}

function passes(headers: IncomingHttpHeaders, { etag, modified }: Validators): boolean {
  const match = headers['if-match'];
  // RFC 9110 §13.1.1: strong comparison, so a weak tag matches nothing
  if (match !== undefined) return isAny(match) || tagsOf(match).includes(etag);
  const since = dateOf(headers['if-unmodified-since']);
  // RFC 9110 §13.1.4: MUST be ignored without a date, its own or the file's
  return since === undefined || modified === undefined || seconds(modified) <= since;
}

function isNews(headers: IncomingHttpHeaders, { etag, modified }: Validators): boolean {
  const match = headers['if-none-match'];
  // RFC 9110 §13.1.2: weak comparison
  if (match !== undefined) return !isAny(match) && !tagsOf(match).some(tag => tag.replace(/^W\//, '') === etag);
  const since = dateOf(headers['if-modified-since']);
  return since === undefined || modified === undefined || seconds(modified) > since;
}

/**
 * RFC 9110 §13.1.5: strong comparison. A date never matches: it is a strong validator only if the file is known not to have
 * changed twice in that second; the whole file is sent then, which is always right.
 */
function holdsForRange(value: string | string[] | undefined, { etag }: Validators): boolean {
  return value === undefined || (typeof value === 'string' && value.trim() === etag);
}

function isAny(value: string): boolean {
  return value.trim() === '*';
}

/** RFC 9110 §8.8.3: a tag may have commas inside its quotes. */
function tagsOf(value: string): string[] {
  return value.match(/(?:W\/)?"[^"]*"/g) ?? [];
}

/** RFC 9110 §5.6.7, the current form and the two obsolete ones; undefined for anything else. */
function dateOf(value: string | undefined): number | undefined {
  if (value === undefined || !/^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)/.test(value)) return undefined;
  // asctime() names no zone and means UTC
  const milliseconds = Date.parse(value.endsWith('GMT') ? value : `${value} GMT`);
  return Number.isNaN(milliseconds) ? undefined : seconds(milliseconds);
}

/** HTTP dates have whole seconds. */
function seconds(milliseconds: number): number {
  return Math.floor(milliseconds / 1000);
}
