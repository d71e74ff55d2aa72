// The output of a node's console, in a file of limited size and the previous one.
import { createWriteStream, openSync, renameSync, statSync, type WriteStream } from 'node:fs';

/** A full file becomes `FILE.1` and replaces the previous one: a node that writes without end keeps its newest lines. Bytes. */
const CONSOLE_LOG_LIMIT = 4 << 20;
/** The most that may wait for a slow disk; the rest is left out of the log and counted there. Bytes. */
const WAITING_LIMIT = 1 << 20;

export class ConsoleLog {
  private readonly file: string;
  private readonly limit: number;
  /** Undefined while the disk refuses the file. */
  private stream: WriteStream | undefined;
  private size: number;
  private dropped = 0;

  /** Opens the file to append to it. Disk errors never reach the console. */
  constructor(file: string, limit = CONSOLE_LOG_LIMIT) {
    this.file = file;
    this.limit = limit;
    this.size = statSync(file, { throwIfNoEntry: false })?.size ?? 0;
    this.stream = open(file);
  }

  write(bytes: Buffer | string): void {
    const length = Buffer.byteLength(bytes);
    if ((this.stream?.writableLength ?? 0) > WAITING_LIMIT) {
      this.dropped += length;
      return;
    }
    if (this.dropped > 0) {
      const note = `\n--- ${this.dropped} bytes left out: the disk was too slow ---\n`;
      this.dropped = 0;
      this.put(note, Buffer.byteLength(note));
    }
    this.put(bytes, length);
  }

  /** Resolves when all is written, or the disk has failed. */
  async end(): Promise<void> {
    const { stream } = this;
    if (!stream || stream.destroyed) return;
    await new Promise<void>(resolve => {
      stream.once('close', () => resolve());
      stream.end();
    });
  }

  private put(bytes: Buffer | string, length: number): void {
    if (this.size > 0 && this.size + length > this.limit) this.turn();
    this.size += length;
    this.stream?.write(bytes);
  }

  private turn(): void {
    // What still waits goes to the old file: its descriptor stays with it.
    this.stream?.end();
    try {
      renameSync(this.file, `${this.file}.1`);
    } catch {
      // If the rename fails, the file is started again: its limit matters more than its content.
    }
    this.stream = open(this.file, 'w');
    this.size = 0;
  }
}

/** Opened at once, so that an immediate rename moves this file. */
function open(file: string, flags: 'a' | 'w' = 'a'): WriteStream | undefined {
  let fd: number;
  try {
    fd = openSync(file, flags, 0o600);
  } catch {
    return undefined;
  }
  const stream = createWriteStream(file, { fd });
  // A full disk must not end the console.
  stream.on('error', () => {});
  return stream;
}
