// The names that a template sees. Each read is recorded, an unknown name is an error, and secrets are for secret files only.
import { nearest } from '../nearest.ts';
import type { NodeValues, Read, Values } from './template-protocol.ts';

/** A name that does not exist, or a value that the template may not have. */
class NameError extends Error {}

/** Tables whose keys differ from node to node: a missing key is false in `if`, and the filter `default` replaces it. */
const OPEN_TABLES = ['attributes', 'origins', 'hardware'];
/** What LiquidJS looks for in every object. */
const PROBED = ['size', 'first', 'last', 'toLiquid', 'then', 'valueOf', 'toString', 'next', 'length'];

export class Reads {
  /** In the order of the first read. */
  readonly all = new Map<string, Read>();
  /** Since the last line of the output. */
  private recent = new Set<string>();

  note(name: string, identity?: string): void {
    if (!this.all.has(name)) this.all.set(name, identity === undefined ? [name] : [name, identity]);
    this.recent.add(name);
  }

  /** Returns the names that were read since the last call. */
  takeRecent(): string[] {
    const names = [...this.recent];
    this.recent = new Set();
    return names;
  }
}

export interface ScopeRules {
  node: NodeValues;
  shared: Values;
  nodes: readonly Values[];
  secretNames: ReadonlySet<string>;
  /** Whether the file of the template is secret. */
  secret: boolean;
  reads: Reads;
}

/** Returns the scope of one template. */
export function scopeOf({ node, shared, nodes, secretNames, secret, reads }: ScopeRules): object {
  const values: Record<string, unknown> = { ...shared, ...node, nodes };
  const tables = new Map(
    Object.entries(values).flatMap(([name, value]) =>
      value !== null && typeof value === 'object' && !Array.isArray(value)
        ? [[name, tableOf(name, value as Record<string, unknown>, { secretNames, secret, reads })] as const]
        : [],
    ),
  );
  return new Proxy(values, {
    get: (target, key) => {
      if (typeof key === 'symbol' || !Object.hasOwn(target, key)) return undefined;
      const table = tables.get(key);
      if (table) return table;
      reads.note(key);
      return target[key];
    },
    has: (target, key) => Object.hasOwn(target, key),
    getOwnPropertyDescriptor: (target, key) => {
      const found = Reflect.getOwnPropertyDescriptor(target, key);
      if (!found && typeof key === 'string' && !PROBED.includes(key))
        throw new NameError(unknownText(key, Object.keys(target)));
      return found;
    },
    set: () => false,
  });
}

function tableOf(
  name: string,
  values: Record<string, unknown>,
  { secretNames, secret, reads }: Pick<ScopeRules, 'secretNames' | 'secret' | 'reads'>,
): object {
  const isHidden = (key: string): boolean => name === 'attributes' && !secret && secretNames.has(key);
  return new Proxy(values, {
    get: (target, key) => (typeof key === 'string' && Object.hasOwn(target, key) ? target[key] : undefined),
    has: (target, key) => Object.hasOwn(target, key),
    getOwnPropertyDescriptor: (target, key) => {
      if (typeof key === 'symbol') return undefined;
      const found = Reflect.getOwnPropertyDescriptor(target, key);
      if (!reads.all.has(name) && (found || !PROBED.includes(key))) reads.note(`${name}.${key}`);
      if (isHidden(key))
        throw new NameError(
          `the attribute ${key} is secret, and only a template of a secret file may read it; set secret = true for this file in .fileset/set.toml`,
        );
      if (!found && !PROBED.includes(key) && !OPEN_TABLES.includes(name))
        throw new NameError(unknownText(key, Object.keys(target), `${name}.`));
      return found;
    },
    ownKeys: target => {
      reads.note(name);
      return Object.keys(target).filter(key => !isHidden(key));
    },
    set: () => false,
  });
}

/** Returns the text of the error about an unknown name. */
export function unknownText(name: string, known: readonly string[], table = ''): string {
  const near = nearest(name, known);
  return `${table}${name} is unknown${near === undefined ? '' : `; did you mean '${table}${near}'?`}`;
}
