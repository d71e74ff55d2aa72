// The head's own recent failures, kept in memory for `why`; bounded, equal ones are counted.
import type { FailureKind, FailureLog, HeadFailure } from '../boot/evidence.ts';
import { monotonicNow } from '../clock.ts';
import { MusterError, reasonOf, systemCode } from '../errors.ts';
import { Latest } from '../latest.ts';
import { own } from '../own.ts';

/** Failures kept, the newest. */
const KEPT = 500;

/** The kind of failure by the code of a system error. */
const KINDS: Readonly<Record<string, FailureKind>> = {
  ENOSPC: 'disk-full',
  EDQUOT: 'disk-full',
  'disk-full': 'disk-full',
  EROFS: 'read-only',
  EIO: 'disk-broken',
  EUCLEAN: 'disk-broken',
  ESTALE: 'disk-broken',
  EMFILE: 'no-descriptors',
  ENFILE: 'no-descriptors',
  ENOMEM: 'no-memory',
  ENOBUFS: 'no-memory',
  ERR_MEMORY_ALLOCATION_FAILED: 'no-memory',
  ERR_WORKER_OUT_OF_MEMORY: 'no-memory',
  'store-failed': 'database',
  SQLITE_FULL: 'disk-full',
  SQLITE_IOERR: 'disk-broken',
  SQLITE_CORRUPT: 'database',
  SQLITE_NOTADB: 'database',
  SQLITE_READONLY: 'read-only',
  SQLITE_CANTOPEN: 'database',
  SQLITE_NOMEM: 'no-memory',
  ENETDOWN: 'network',
  ENETUNREACH: 'network',
  EHOSTUNREACH: 'network',
  EADDRNOTAVAIL: 'network',
  ENODEV: 'network',
  EPERM: 'filtered',
};

export class HeadFailures implements FailureLog {
  private readonly now: () => number;
  /** With the moment instead of the time since. */
  private readonly kept = new Latest<string, Omit<HeadFailure, 'ago'> & { moment: number }>(KEPT);

  constructor(now = monotonicNow) {
    this.now = now;
  }

  failed({ deed, what, error, node, kind = kindOf(error) }: Parameters<FailureLog['failed']>[0]): void {
    const key = `${node ?? ''} ${deed} ${kind} ${what}`;
    const times = (this.kept.get(key)?.times ?? 0) + 1;
    const failure = { moment: this.now(), kind, deed, what, error: reasonOf(error), times };
    this.kept.set(key, node === undefined ? failure : { ...failure, node });
  }

  get size(): number {
    return this.kept.size;
  }

  /**
   * Returns what concerns a node, the newest last: its own failures and those of no node.
   * @param within seconds: what is older is left out
   */
  of(node: string, within: number): HeadFailure[] {
    const now = this.now();
    return [...this.kept.values()]
      .filter(one => (one.node ?? node) === node)
      .map(({ moment, ...rest }) => ({ ...rest, ago: (now - moment) / 1000 }))
      .filter(({ ago }) => ago <= within);
  }
}

/** Returns the kind of the innermost error that has one. */
export function kindOf(error: unknown): FailureKind {
  const causes: unknown[] = [];
  for (let cause = error; cause instanceof Error && causes.length < 8; cause = cause.cause) causes.push(cause);
  for (const cause of causes.toReversed()) {
    const code = cause instanceof MusterError ? cause.code : systemCode(cause);
    const kind = code === undefined ? undefined : own(KINDS, code);
    if (kind) return kind;
  }
  return 'other';
}
