// The functions that answer operations of the admin API, one for each row of its table.
import type { ServerResponse } from 'node:http';
import type { Readable } from 'node:stream';
import type { Body, Data, KindOf, Operation, Operations, Params, Query } from '../api/operation.ts';
import type { AdminPorts } from './ports.ts';

/** The caller, for the audit trail. */
export interface Asker {
  who: string;
  /** The command in the caller's words. */
  what: string;
  ifMatch?: string | undefined;
}

/** A request with its parts checked. */
export interface Asked<O extends Operation> extends Asker {
  kind: KindOf<O>;
  params: Params<O>;
  query: Query<O>;
  body: Body<O>;
  /** RFC 9110 §9.3.2: the request wants only the head of the answer. */
  isHead: boolean;
  /** Aborted when the caller hangs up. */
  gone: AbortSignal;
}

/** Sends lines until the promise resolves. */
export type Lines<T> = (tell: (line: T) => void, gone: AbortSignal) => Promise<void>;

/** A body of another type, or a function that writes the whole answer itself. */
export type Raw =
  | { headers?: Readonly<Record<string, string | number>>; body?: string | Readable }
  | ((raw: ServerResponse) => Promise<void>);

type Reply<O> = O extends { reply: 'json' } ? Data<O> : O extends { reply: 'lines' } ? Lines<Data<O>> : Raw;

type Handler<O extends Operation> = (asked: Asked<O>, ports: AdminPorts) => Reply<O> | Promise<Reply<O>>;

/** A function for each operation of a noun, none missing and none extra. */
export type Handlers<R extends Operations> = { readonly [N in keyof R]: Handler<R[N]> };
