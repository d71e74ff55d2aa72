// What answers an operation of the admin API: one function for each row of its table.
import type { ServerResponse } from 'node:http';
import type { Readable } from 'node:stream';
import type { Body, Data, KindOf, Operation, Operations, Params, Query } from '../api/operation.ts';
import type { AdminPorts } from './ports.ts';

/** Who asks, for the audit trail. */
export interface Asker {
  who: string;
  /** The command in the caller's words. */
  what: string;
  ifMatch?: string | undefined;
}

/** A request whose parts have been checked. */
export interface Asked<O extends Operation> extends Asker {
  kind: KindOf<O>;
  params: Params<O>;
  query: Query<O>;
  body: Body<O>;
  /** RFC 9110 §9.3.2: only the head of the answer is wanted. */
  isHead: boolean;
  /** Aborted when the caller hangs up. */
  gone: AbortSignal;
}

/** Sends lines until it resolves. */
export type Lines<T> = (tell: (line: T) => void, gone: AbortSignal) => Promise<void>;

/** A body of another type, or what writes the whole answer itself. */
export type Raw =
  | { headers?: Readonly<Record<string, string | number>>; body?: string | Readable }
  | ((raw: ServerResponse) => Promise<void>);

type Reply<O> = O extends { reply: 'json' } ? Data<O> : O extends { reply: 'lines' } ? Lines<Data<O>> : Raw;

type Handler<O extends Operation> = (asked: Asked<O>, ports: AdminPorts) => Reply<O> | Promise<Reply<O>>;

/** A function for each operation of a noun, none missing and none too many. */
export type Handlers<R extends Operations> = { readonly [N in keyof R]: Handler<R[N]> };
