// The server's counters, in memory shared by its thread and the event loop.

const NAMES = ['active', 'finished', 'failed', 'refused', 'ignored', 'bytes'] as const;

export interface TftpCounts {
  /** Current transfers. */
  active: number;
  finished: number;
  failed: number;
  /** Requests answered with an error. */
  refused: number;
  /** Packets without effect: repeated requests, malformed ones, those beyond the limits. */
  ignored: number;
  /** Bytes of file content delivered by finished transfers. */
  bytes: number;
}

export class Counts {
  /** One double for each name; only one thread writes. */
  readonly values: Float64Array<ArrayBufferLike>;

  /** @param values of another `Counts` that share theirs with this one */
  constructor(
    values: Float64Array<ArrayBufferLike> = new Float64Array(
      new SharedArrayBuffer(NAMES.length * Float64Array.BYTES_PER_ELEMENT),
    ),
  ) {
    this.values = values;
  }

  add(name: keyof TftpCounts, more = 1): void {
    const at = NAMES.indexOf(name);
    this.values[at] = (this.values[at] ?? 0) + more;
  }

  set(name: keyof TftpCounts, value: number): void {
    this.values[NAMES.indexOf(name)] = value;
  }

  now(): TftpCounts {
    const [active = 0, finished = 0, failed = 0, refused = 0, ignored = 0, bytes = 0] = this.values;
    return { active, finished, failed, refused, ignored, bytes };
  }
}
