// A row of the admin API's table: an operation, and the types that follow from it.
import type { z } from 'zod';
import type { Zod } from '../issue.ts';
import { KIND_WORDS, type Kind } from '../model/kind-words.ts';

type Schema = (z: Zod) => z.ZodType;

/** Who may do it: for now, everyone who may open the socket. */
export const MAY_IN_WORDS = {
  read: 'see objects, states and reports; passwords only with `secrets=true`',
  change: 'change objects, attributes, settings and stored files',
  operate: 'switch nodes, open their consoles, run commands on them',
  copy: 'copy data with secrets as a whole: a backup, the files of a node',
} as const;

export interface Operation {
  method: 'GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE';
  /** Below `/api/v1`. `:id` is a parameter; `{one}` and `{many}` are the names of a kind. */
  path: string;
  /** One operation exists for each of these kinds. */
  kinds?: readonly Kind[];
  query?: Readonly<Record<string, Schema>>;
  /** A JSON body, or bytes that are read as they arrive. */
  body?: Schema | 'bytes';
  /** The error code for a wrong value in the body; `bad-usage` when absent. */
  wrong?: 'bad-value';
  /** For `json` the type of `data`, for `lines` of one line. */
  output?: Schema;
  /** `{"success": true, "data": …}`, JSON objects, one per line, as they arrive, or a media type. */
  reply: 'json' | 'lines' | `${string}/${string}`;
  /** Bytes of lines that a caller may leave unread before it is disconnected; 64 MiB when absent. */
  unread?: number;
  /** Answers 201 unless it is a dry run. */
  creates?: true;
  /** The ETag is the revision of the object. */
  etag?: true;
  /** `If-Match` is obeyed. */
  ifMatch?: true;
  may: keyof typeof MAY_IN_WORDS;
  /** The text in the audit trail for a caller that gives none; `{many}` and fields of the body are filled in. */
  audit?: string | ((body: unknown) => string);
  /** One sentence; `{label}`, `{a label}` and `{many}` are names of the kind. */
  summary: string;
  /** A body. */
  example?: unknown;
}

/** Every JSON answer. */
export type Reply<T> = { success: true; data: T } | { success: false; reason: string; code: string; hint?: string };

/** How lines end: complete, or with the reason why not. */
export type EndLine = { type: 'end' } | { type: 'error'; code: string; reason: string };

/** What most rows have in common. */
export const READ = { method: 'GET', reply: 'json', may: 'read' } as const;

/** Operations of one noun, by name. */
export type Operations = Readonly<Record<string, Operation>>;

type Made<S> = S extends (z: Zod) => infer T ? (T extends z.ZodType ? T : never) : never;
/** The output type of a schema. */
export type Out<S> = z.output<Made<S>>;
/** The type of `data`, or of a line. */
export type Data<O> = O extends { output: infer S } ? Out<S> : null;

type ParamsIn<P> = P extends `${string}:${infer N}/${infer Rest}`
  ? N | ParamsIn<`/${Rest}`>
  : P extends `${string}:${infer N}`
    ? N
    : never;
export type Params<O extends Operation> = Readonly<Record<ParamsIn<O['path']>, string>>;
export type KindOf<O> = O extends { kinds: readonly (infer K)[] } ? K : undefined;
export type Query<O> = O extends { query: infer Q } ? { readonly [N in keyof Q]: Out<Q[N]> } : object;
export type Body<O> = O extends { body: 'bytes' }
  ? import('node:stream').Readable
  : O extends { body: infer S }
    ? Out<S>
    : undefined;

type Words = string | readonly string[] | undefined;
/** The parts of a request, of any operation. */
export interface Parts {
  kind?: Kind;
  params?: Readonly<Record<string, string>>;
  query?: Readonly<Record<string, Words>>;
  body?: unknown;
  /** The entity tag that the object must still have. */
  ifMatch?: string;
}
/** The parts that a caller of this operation gives. */
export type Given<O extends Operation> = Parts &
  (O extends { kinds: readonly (infer K)[] } ? { kind: K } : { kind?: undefined }) &
  ([ParamsIn<O['path']>] extends [never] ? { params?: undefined } : { params: Params<O> }) &
  (O extends { body: Schema } ? { body: z.input<Made<O['body']>> } : { body?: undefined }) & {
    query?: O extends { query: infer Q } ? { readonly [N in keyof Q]?: Words } : undefined;
  };

/** Returns the path of an operation in the form of routers. */
export function pathOf({ path }: Operation, kind?: Kind): string {
  const { one = '', many = '' } = kind ? KIND_WORDS[kind] : {};
  return `/api/v1${path.replace('{one}', one).replace('{many}', many)}`;
}

/** Returns the path and query of one request. */
export function urlOf(operation: Operation, { kind, params, query = {} }: Parts): string {
  const path = pathOf(operation, kind).replace(/:(\w+)/g, (_all, name: string) =>
    encodeURIComponent(params?.[name] ?? ''),
  );
  const search = new URLSearchParams();
  for (const [name, values] of Object.entries(query))
    for (const value of [values ?? []].flat()) search.append(name, value);
  return search.size > 0 ? `${path}?${search}` : path;
}
