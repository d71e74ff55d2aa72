// A disk for the SCSI commands: numbered blocks, read into the caller's memory, in two steps so that nobody waits.

/** A disk. Positions and lengths are in bytes and multiples of `blockSize`; the caller has checked that they are inside. */
export interface BlockDevice {
  /** Bytes of one logical block. */
  readonly blockSize: number;
  /** Total bytes, a multiple of `blockSize`. */
  readonly size: number;
  readonly readOnly: boolean;
  /** Returns whether `read` of this range would find its bytes in memory (as far as known). */
  ready(position: number, length: number): boolean;
  /** Brings a range into memory without blocking this thread; the range is `ready` afterwards. Rejects with the disk's error. */
  load(position: number, length: number): Promise<void>;
  /** Fills `target` from `at` with `length` bytes of the disk, at once. Throws the disk's error. */
  read(target: Buffer, at: number, length: number, position: number): void;
  /** Stores all of `data`; later reads see it. Rejects with `NoSpaceError` when the store is full. */
  write(data: Buffer, position: number): Promise<void>;
  /** Makes everything written so far durable. */
  flush(): Promise<void>;
  close(): Promise<void>;
}

/** A writable disk's store has no room for a write. */
export class NoSpaceError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'NoSpaceError';
  }
}

/** The block size that every initiator, BIOS and boot loader can use. */
export const BLOCK_SIZE = 512;
