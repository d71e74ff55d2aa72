// What an answer of a Redfish service means: its message, whether it is busy, and what became of a login.
import type { IncomingHttpHeaders } from 'node:http';
import { type Body, listOf, objectOf, pathOf } from './body.ts';

export interface RedfishReply {
  status: number;
  headers: IncomingHttpHeaders;
  body: Body;
}

/** The message of an error (DSP0266 §8.6), else the status. */
export function messageOf(reply: RedfishReply): string {
  const { message } = errorOf(reply);
  return message === '' ? `HTTP status ${reply.status}` : message.slice(0, 300);
}

/** Messages and message IDs in one text, for what can only be told by them. */
function wordsOf(reply: RedfishReply): string {
  return errorOf(reply).words;
}

function errorOf({ body }: RedfishReply): { message: string; words: string } {
  const error = objectOf(body['error']);
  const more = error['@Message.ExtendedInfo'] ?? body['@Message.ExtendedInfo'];
  // A list by the specification; some send the one message itself.
  const infos = (Array.isArray(more) ? listOf(more) : [more]).map(objectOf);
  const texts = (...values: unknown[]): string[] =>
    values.filter(value => typeof value === 'string' && value !== '').map(String);
  const messages = texts(...infos.map(info => info['Message']), error['message']);
  const ids = texts(...infos.map(info => info['MessageId']), error['code']);
  return { message: messages[0] ?? ids[0] ?? '', words: [...messages, ...ids].join(' ') };
}

/** Statuses of a service that cannot answer now (DSP0266 §7.12), and those of a web server whose service behind it is restarting. */
export function isBusy({ status }: RedfishReply, method: string): boolean {
  if (status === 429 || status === 503) return true;
  return method === 'GET' && (status === 500 || status === 502 || status === 504);
}

/** How long it wants to be left alone, in milliseconds (RFC 9110 §10.2.3): seconds, or a date. @param now of the wall clock */
export function retryAfterMs({ headers }: RedfishReply, now: number): number | undefined {
  const value = headers['retry-after']?.trim();
  if (value === undefined || value === '') return undefined;
  if (/^\d{1,6}$/.test(value)) return Number(value) * 1000;
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}

/** A tag of a resource that is required and missing, or is not the present one (DSP0266 §7.9). */
export function isWrongTag(reply: RedfishReply): boolean {
  if (reply.status === 412 || reply.status === 428) return true;
  return reply.status === 400 && /precondition|etag|if-match/i.test(wordsOf(reply));
}

export interface Session {
  token: string;
  /** What is deleted at the end. */
  location: string | undefined;
}

/**
 * What a POST to the sessions led to: a session; `none` where the service has no sessions there; `full` when all are in use; `refused`
 * for the name or the password.
 */
export type LoginOutcome = { session: Session } | 'none' | 'full' | 'refused';

/** Services say the same thing by very different statuses: with 400, 401 and 403 their words decide. */
export function loginOutcome(reply: RedfishReply): LoginOutcome {
  const { status, headers, body } = reply;
  const token = headers['x-auth-token'];
  if (status < 300 && typeof token === 'string' && token !== '')
    return { session: { token, location: pathOf(headers.location) ?? pathOf(body['@odata.id']) } };
  const words = wordsOf(reply);
  const isFull = /session/i.test(words) && /limit|maximum|exceed|too many|in use|no more|full/i.test(words);
  if (isFull || status === 429 || status === 503) return 'full';
  if (status === 401 || status === 403) return 'refused';
  if (status === 400 && /unauthori[sz]ed|credential|password|invalid user|login|privilege/i.test(words))
    return 'refused';
  return 'none';
}
