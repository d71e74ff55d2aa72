// Narrows the selected objects by `?state=up` and `?select=EXPRESSION`.
import { createContext, Script } from 'node:vm';
import type { NodeState } from '../boot/states.ts';
import type { Statuses } from '../boot/status.ts';
import { MusterError } from '../errors.ts';
import { effectiveAttributes } from '../model/attributes.ts';
import type { Cluster, Entry } from '../model/cluster.ts';
import { type Expression, holds, type Path, parseExpression, pathsOf } from '../model/expression.ts';
import { fieldsOf, type Kind, oneOfCapital, type Value } from '../model/kinds.ts';
import { maskAttribute } from '../model/secrets.ts';
import { nearest } from '../nearest.ts';
import { show } from './show.ts';

export interface Facts {
  cluster: Cluster;
  statuses: Pick<Statuses, 'of'>;
}

/** An administrator's regular expression must not block boots: the whole selection is aborted after this time. */
const LIMIT_MS = 1000;

/** Names that every object has besides its fields. */
const BOOKKEEPING = ['uid', 'revision', 'created', 'modified'];
/** Names that nodes have besides their fields. */
const OF_NODES = ['status', 'hardware'];

/** Returns the objects in a state; only nodes have one. */
export function inState<K extends Kind>(
  facts: Facts,
  kind: K,
  entries: readonly Entry<K>[],
  states: readonly string[],
): Entry<K>[] {
  if (kind !== 'node')
    throw new MusterError('bad-usage', `${oneOfCapital(kind)} is neither up nor down; only nodes have a state.`);
  return entries.filter(entry => states.includes(facts.statuses.of(entry.uid).state satisfies NodeState));
}

/** Returns the objects for which the expression holds. */
export function fitting<K extends Kind>(facts: Facts, kind: K, entries: readonly Entry<K>[], text: string): Entry<K>[] {
  const expression = parseExpression(text);
  checkPaths(kind, expression);
  return withinTime(() => entries.filter(entry => holds(expression, path => valueAt(facts, entry, path))));
}

function checkPaths(kind: Kind, expression: Expression): void {
  const names = [...fieldsOf(kind).map(row => row.name), ...BOOKKEEPING, ...(kind === 'node' ? OF_NODES : [])];
  for (const { name, key } of pathsOf(expression)) {
    if (names.includes(name) || (name.startsWith('_') && key === undefined)) continue;
    const close = nearest(name, names);
    const meant = close ? `did you mean '${close}'?` : `there are ${names.join(', ')}.`;
    const attribute = kind === 'node' && !close ? ` Write an attribute as attributes[${name}].` : '';
    throw new MusterError('bad-selection', `${oneOfCapital(kind)} has no '${name}' to select by; ${meant}${attribute}`);
  }
}

/** Fields as they are shown; for nodes also attributes after inheritance and the facts of the last heartbeat. */
function valueAt({ cluster, statuses }: Facts, entry: Entry, { name, key }: Path): unknown {
  if (entry.kind === 'node') {
    if (name === 'status' || name === 'hardware') return factOf(statuses, entry.uid, name, key);
    const attribute = name === 'attributes' ? key : name.startsWith('_') ? name : undefined;
    if (attribute !== undefined) {
      const value = effectiveAttributes(cluster, entry.value as Value<'node'>).get(attribute)?.value;
      // As it is shown, so that nobody can find a hidden value by trial.
      return value && maskAttribute(cluster, attribute, value);
    }
  }
  const value = name.startsWith('_') ? inner(entry.value, 'attributes') : inner(show(cluster, entry), name);
  return name.startsWith('_') ? inner(value, name) : key === undefined ? value : inner(value, key);
}

function factOf(
  statuses: Facts['statuses'],
  uid: string,
  name: 'status' | 'hardware',
  key: string | undefined,
): unknown {
  const { state, facts, hardware, reason, lastSeen } = statuses.of(uid);
  const all = name === 'hardware' ? hardware : { ...facts, state, reason, last_seen: lastSeen };
  return key === undefined ? (name === 'status' ? state : Object.values(all)) : inner(all, key);
}

function inner(value: unknown, key: string): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
  return (value as Record<string, unknown>)[key];
}

/** Runs the work and aborts it when its time is over, even inside a regular expression. */
function withinTime<T>(work: () => T): T {
  let result: T | undefined;
  const context = createContext({
    work: () => {
      result = work();
    },
  });
  try {
    new Script('work()').runInContext(context, { timeout: LIMIT_MS });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_SCRIPT_EXECUTION_TIMEOUT') throw error;
    throw new MusterError('bad-selection', `The selection took longer than ${LIMIT_MS} ms; write a simpler pattern.`);
  }
  return result as T;
}
