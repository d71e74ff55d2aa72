// What the server counts, in memory that the thread of the server and the event loop share.

const NAMES = ['active', 'finished', 'failed', 'refused', 'ignored', 'bytes'] as const;

export interface TftpCounts {
  /** Transfers now. */
  active: number;
  finished: number;
  failed: number;
  /** Requests answered with an error. */
  refused: number;
  /** Packets that came to nothing: repeated requests, malformed ones, those beyond the bounds. */
  ignored: number;
  /** Bytes of file content delivered by finished transfers. */
  bytes: number;
}

export class Counts {
  /** One double for each name; written by one thread alone. */
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
