// What a route is for, said beside the route: the OpenAPI document is made of it.
import { STATE_WORDS } from '../boot/states.ts';
import type { Kind } from '../model/kinds.ts';

/** A JSON schema, or the fields of a kind of object: `one` a new one, `many` one or a list, `some` any of its fields. */
export type Body = { kind: Kind; fields: 'one' | 'many' | 'some' } | Record<string, unknown>;

export interface About {
  summary: string;
  /** Names of query parameters, of those in `PARAMETERS`. */
  query?: readonly (keyof typeof PARAMETERS)[];
  body?: Body;
  /** What `data` holds: an object or a list of objects of a kind, or words. */
  data?: { kind: Kind; list: boolean } | string;
  /** Whether `If-Match` is obeyed. */
  ifMatch?: boolean;
  /** The answer is no `success`/`data` but this media type. */
  raw?: string;
}

declare module 'fastify' {
  interface FastifyContextConfig {
    about?: About;
  }
}

/** The options of a route that say what it is for. */
export function about(summary: string, more: Omit<About, 'summary'> = {}): { config: { about: About } } {
  return { config: { about: { summary, ...more } } };
}

export const PARAMETERS = {
  id: 'an identifier, may repeat: name, UID, UID prefix; nodes also MAC, IP, index, n[0-3,7], %group',
  all: '`true`: all objects of the kind',
  state: `nodes in this state, may repeat: ${STATE_WORDS}`,
  select: 'an expression over fields, attributes and status, may repeat: status[ram_free] < 1GB',
  dry_run: '`true`: answer what would be changed, and change nothing',
  secrets: '`true`: show passwords too',
  force: '`true`: delete also what others refer to; they lose the reference',
  after: 'only lines after this sequence number',
  limit: 'at most this many lines, the newest; 100 when not given',
  node: 'only lines that changed this node',
  uid: 'only lines that changed the object of this UID, also one that is deleted since',
  wanted: 'the state to wait for; up when not given',
  timeout: 'seconds to wait at most; 60 when not given, 3600 at most',
  offset: 'the first byte of the body within the upload',
  size: 'bytes of the whole',
  prefix: 'only names that begin like this',
  sort: 'the order: trouble, quiet (the longest silent first), name',
  first: 'how many rows are left out before the first that is answered',
  rows: 'how many rows; 50 when not given, 500 at most',
  match: 'only nodes whose name has this in it',
} as const;

export const SELECTION = ['id', 'all', 'state', 'select'] as const;
