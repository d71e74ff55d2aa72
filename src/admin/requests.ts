// Reading requests of the admin API: who asks, which objects, which options.
import type { FastifyRequest } from 'fastify';
import { MusterError } from '../errors.ts';
import { maskCommand } from '../masking.ts';
import type { Cluster, Entry } from '../model/cluster.ts';
import { KINDS, type Kind } from '../model/kinds.ts';
import { secretAttributes } from '../model/secrets.ts';
import { select } from '../model/select.ts';
import { type Facts, fitting, inState } from './narrow.ts';
import { type PeerUsers, whoIs } from './peer-user.ts';

export type Query = Record<string, string | string[] | undefined>;

const known = new WeakMap<FastifyRequest['raw'], string>();

/** Asks the kernel who the caller is, before anything is done for him. */
export function identify(request: FastifyRequest, users: PeerUsers): void {
  const who = whoIs(claimedBy(request), users.uidOf(request.raw.socket), uid => users.nameOf(uid));
  known.set(request.raw, who);
}

/** The caller, for the audit trail: as the kernel knows him, or else by his own word. */
export function whoOf(request: FastifyRequest): string {
  return known.get(request.raw) ?? claimedBy(request);
}

function claimedBy(request: FastifyRequest): string {
  const user = request.headers['x-muster-user'];
  return typeof user === 'string' && /^[\w.@-]{1,64}$/.test(user) ? user : 'unknown';
}

/** The command in the caller's words, for the audit trail; what looks like a password is masked. */
export function whatOf(cluster: Cluster, request: FastifyRequest, fallback: string): string {
  const words = request.headers['x-muster-command'];
  if (typeof words !== 'string') return fallback;
  try {
    return maskCommand(decodeURIComponent(words), secretAttributes(cluster));
  } catch {
    return fallback;
  }
}

export function isDryRun(query: Query): boolean {
  return query['dry_run'] === 'true';
}

/** Whether passwords are to be shown as they are: `secrets=true`. */
export function isOpen(query: Query): boolean {
  return query['secrets'] === 'true';
}

/** The objects that the query names: `id=…`, `all=true`, `state=up`, `select=EXPRESSION`. None of them is an error, so that nothing is changed by omission. */
export function selected<K extends Kind>(facts: Facts, kind: K, query: Query): readonly Entry<K>[] {
  if (!isSelecting(query)) throw new MusterError('bad-usage', 'Nothing is selected: give id=… or all=true.');
  return listed(facts, kind, query);
}

/** Exactly one object, for what makes sense of no more. */
export function selectedOne<K extends Kind>(facts: Facts, kind: K, query: Query): Entry<K> {
  const entries = selected(facts, kind, query);
  const [entry] = entries;
  if (entry && entries.length === 1) return entry;
  throw new MusterError(
    'ambiguous-id',
    `The selection names ${entries.length} ${KINDS[kind].many}; expected exactly one.`,
  );
}

/** As above for what only reads: without a selection it is all. */
export function listed<K extends Kind>(facts: Facts, kind: K, query: Query): readonly Entry<K>[] {
  const ids = [query['id'] ?? []].flat();
  let entries: readonly Entry<K>[] = ids.length > 0 ? select(facts.cluster, kind, ids) : facts.cluster.all(kind);
  const states = [query['state'] ?? []].flat();
  if (states.length > 0) entries = inState(facts, kind, entries, states);
  for (const expression of [query['select'] ?? []].flat()) entries = fitting(facts, kind, entries, expression);
  return entries;
}

export function isSelecting(query: Query): boolean {
  return query['all'] === 'true' || ['id', 'state', 'select'].some(name => query[name] !== undefined);
}

export function objectBody(body: unknown): Record<string, unknown> {
  if (typeof body === 'object' && body !== null && !Array.isArray(body)) return body as Record<string, unknown>;
  throw new MusterError('bad-usage', 'The body must be a JSON object of fields.');
}
