// The meaning of a Redfish answer: its message, whether the service is busy, and the outcome of a login.
import type { IncomingHttpHeaders } from 'node:http';
import { type Body, listOf, objectOf, pathOf } from './body.ts';

export interface RedfishReply {
  status: number;
  headers: IncomingHttpHeaders;
  body: Body;
}

/** Returns the message of an error (DSP0266 §8.6), else the status. */
export function messageOf(reply: RedfishReply): string {
  const { message } = errorOf(reply);
  return message === '' ? `HTTP status ${reply.status}` : message.slice(0, 300);
}

/** Returns messages and message IDs in one text, where only they distinguish answers. */
function wordsOf(reply: RedfishReply): string {
  return errorOf(reply).words;
}

function errorOf({ body }: RedfishReply): { message: string; words: string } {
  const error = objectOf(body['error']);
  const more = error['@Message.ExtendedInfo'] ?? body['@Message.ExtendedInfo'];
  // A list by the specification; some send the single message itself.
  const infos = (Array.isArray(more) ? listOf(more) : [more]).map(objectOf);
  const texts = (...values: unknown[]): string[] =>
    values.filter(value => typeof value === 'string' && value !== '').map(String);
  const messages = texts(...infos.map(info => info['Message']), error['message']);
  const ids = texts(...infos.map(info => info['MessageId']), error['code']);
  return { message: messages[0] ?? ids[0] ?? '', words: [...messages, ...ids].join(' ') };
}

/** Returns whether the status means a service that cannot answer now (DSP0266 §7.12), or a web server with a restarting service behind it. */
export function isBusy({ status }: RedfishReply, method: string): boolean {
  if (status === 429 || status === 503) return true;
  return method === 'GET' && (status === 500 || status === 502 || status === 504);
}

/** Returns how long it wants to be left alone, in milliseconds (RFC 9110 §10.2.3): seconds, or a date. @param now of the wall clock */
export function retryAfterMs({ headers }: RedfishReply, now: number): number | undefined {
  const value = headers['retry-after']?.trim();
  if (value === undefined || value === '') return undefined;
  if (/^\d{1,6}$/.test(value)) return Number(value) * 1000;
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}

/** Returns whether a required tag of a resource is missing or not current (DSP0266 §7.9). */
export function isWrongTag(reply: RedfishReply): boolean {
  if (reply.status === 412 || reply.status === 428) return true;
  return reply.status === 400 && /precondition|etag|if-match/i.test(wordsOf(reply));
}

export interface Session {
  token: string;
  /** Deleted at the end. */
  location: string | undefined;
}

/**
 * The result of a POST to the sessions: a session; `none` where the service has none; `full` when all are in use; `refused` for
 * the name or the password.
 */
export type LoginOutcome = { session: Session } | 'none' | 'full' | 'refused';

/** Services report the same thing with very different statuses: for 400, 401 and 403 their text decides. */
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
