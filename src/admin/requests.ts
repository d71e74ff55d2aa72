// Reading requests of the admin API: who asks, which objects, which options.
import type { FastifyRequest } from 'fastify';
import { MusterError } from '../errors.ts';
import type { Cluster, Entry } from '../model/cluster.ts';
import type { Kind } from '../model/kinds.ts';
import { select } from '../model/select.ts';

export type Query = Record<string, string | string[] | undefined>;

/** The caller by his own word: who may open the socket is trusted with it. For the audit trail. */
export function whoOf(request: FastifyRequest): string {
  const user = request.headers['x-muster-user'];
  return typeof user === 'string' && /^[\w.@-]{1,64}$/.test(user) ? user : 'unknown';
}

/** The command in the caller's words, for the audit trail. */
export function whatOf(request: FastifyRequest, fallback: string): string {
  const words = request.headers['x-muster-command'];
  return typeof words === 'string' && words.length <= 4096 ? decodeURIComponent(words) : fallback;
}

export function isDryRun(query: Query): boolean {
  return query['dry_run'] === 'true';
}

/** The objects that `?id=…` names; `?all=true` is all of them; neither is an error, so that nothing is changed by omission. */
export function selected<K extends Kind>(cluster: Cluster, kind: K, query: Query): Entry<K>[] {
  const ids = [query['id'] ?? []].flat();
  if (query['all'] === 'true') return cluster.all(kind);
  if (ids.length === 0) throw new MusterError('bad-usage', 'Nothing is selected: give id=… or all=true.');
  return select(cluster, kind, ids);
}

export function objectBody(body: unknown): Record<string, unknown> {
  if (typeof body === 'object' && body !== null && !Array.isArray(body)) return body as Record<string, unknown>;
  throw new MusterError('bad-usage', 'The body must be a JSON object of fields.');
}
