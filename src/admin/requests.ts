// Reads requests of the admin API: the caller, the objects, and the requested change.
import type { FastifyRequest } from 'fastify';
import type { Changed } from '../api/objects.ts';
import type { Selection } from '../api/parameters.ts';
import { MusterError } from '../errors.ts';
import { maskCommand } from '../masking.ts';
import type { Plan } from '../model/changes.ts';
import type { Cluster, Entry } from '../model/cluster.ts';
import { KINDS, type Kind } from '../model/kinds.ts';
import { secretAttributes } from '../model/secrets.ts';
import { select } from '../model/select.ts';
import { checkIfMatch } from './commander.ts';
import type { Asker } from './handler.ts';
import { type Facts, fitting, inState } from './narrow.ts';
import { type PeerUsers, whoIs } from './peer-user.ts';
import type { AdminPorts } from './ports.ts';

const known = new WeakMap<FastifyRequest['raw'], string>();

/** Asks the kernel for the caller first of all. */
export function identify(request: FastifyRequest, users: PeerUsers): void {
  const who = whoIs(claimedBy(request), users.uidOf(request.raw.socket), uid => users.nameOf(uid));
  known.set(request.raw, who);
}

/** Returns the caller for the audit trail: as the kernel knows it, or else as it names itself. */
export function whoOf(request: FastifyRequest): string {
  return known.get(request.raw) ?? claimedBy(request);
}

function claimedBy(request: FastifyRequest): string {
  const user = request.headers['x-muster-user'];
  return typeof user === 'string' && /^[\w.@-]{1,64}$/.test(user) ? user : 'unknown';
}

/** Returns the command in the caller's words, for the audit trail, with anything that looks like a password masked. */
export function whatOf(cluster: Cluster, request: FastifyRequest, fallback: string): string {
  const words = request.headers['x-muster-command'];
  if (typeof words !== 'string') return fallback;
  try {
    return maskCommand(decodeURIComponent(words), secretAttributes(cluster));
  } catch {
    return fallback;
  }
}

/** Returns the objects that the query names: `id=…`, `all=true`, `state=up`, `select=EXPRESSION`. A query with none of them is an error, so that an omission changes nothing. */
export function selected<K extends Kind>(facts: Facts, kind: K, query: Selection): readonly Entry<K>[] {
  if (!isSelecting(query)) throw new MusterError('bad-usage', 'Nothing is selected: give id=… or all=true.');
  return listed(facts, kind, query);
}

/** Returns exactly one object, for operations that need one. */
export function selectedOne<K extends Kind>(facts: Facts, kind: K, query: Selection): Entry<K> {
  const entries = selected(facts, kind, query);
  const [entry] = entries;
  if (entry && entries.length === 1) return entry;
  throw new MusterError(
    'ambiguous-id',
    `The selection names ${entries.length} ${KINDS[kind].many}; expected exactly one.`,
  );
}

/** The same for operations that only read: without a selection, all objects. */
export function listed<K extends Kind>(facts: Facts, kind: K, query: Omit<Selection, 'all'>): readonly Entry<K>[] {
  const { id = [], state = [], select: expressions = [] } = query;
  let entries: readonly Entry<K>[] = id.length > 0 ? select(facts.cluster, kind, id) : facts.cluster.all(kind);
  if (state.length > 0) entries = inState(facts, kind, entries, state);
  for (const expression of expressions) entries = fitting(facts, kind, entries, expression);
  return entries;
}

export function isSelecting({ all, id, state, select: expressions }: Selection): boolean {
  return all || [id, state, expressions].some(given => given !== undefined);
}

/** Makes one change. Selects the objects and decides the change when it is this command's turn, on the objects of that moment. */
export async function change<T extends Entry>(
  { commander }: Pick<AdminPorts, 'commander'>,
  { who, what, ifMatch, query }: Asker & { query: { dry_run: boolean } },
  choose: () => readonly T[],
  plan: (entries: readonly T[]) => Plan & { broken?: string[] },
): Promise<Changed> {
  return commander.perform({
    who,
    what,
    dryRun: query.dry_run,
    plan: () => {
      const entries = choose();
      checkIfMatch(ifMatch, entries);
      return plan(entries);
    },
  });
}

/** Writes a line of the audit trail about an action that changes no object. */
export async function audited(
  { store }: Pick<AdminPorts, 'store'>,
  { who, what }: Asker,
  entries: readonly Entry[],
): Promise<void> {
  const about = entries.map(({ kind, uid, value }) => ({ kind, uid, name: value.name }));
  await store.commit({ who, what, changes: [], about });
}
