// Compressed streams, recognised by their first bytes.
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { MusterError } from '../errors.ts';
import { stream } from '../process/run.ts';

/** The format for each magic number, and its unpacker; without a command, this program unpacks it. */
export const PACKED: readonly { magic: string; command?: readonly string[] }[] = [
  { magic: '1f8b' },
  { magic: '28b52ffd', command: ['zstd', '-dcq'] },
  { magic: 'fd377a585a00', command: ['xz', '-dcq'] },
  { magic: '5d0000', command: ['xz', '-dcq', '--format=lzma'] },
  { magic: '02214c18', command: ['lz4', '-dcq'] },
  { magic: '425a68', command: ['bzip2', '-dcq'] },
];

/** Returns the Debian package of an unpacker. */
export function packageOf(program: string): string {
  return program === 'xz' ? 'xz-utils' : program;
}

/** Unpacks a file while it is read. Await `ended` after the last byte: it throws the unpacker's error. */
export interface Unpacked {
  output: Readable;
  ended(): Promise<void>;
  /** Stops reading early. */
  stop(): void;
}

export async function openUnpacked(file: string, signal?: AbortSignal): Promise<Unpacked> {
  const handle = await open(file, 'r');
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(6), 0, 6, 0);
  await handle.close();
  const magic = buffer.toString('hex', 0, bytesRead);
  const packed = PACKED.find(row => magic.startsWith(row.magic));
  const input = createReadStream(file, { highWaterMark: 1 << 18, ...(signal && { signal }) });
  if (!packed?.command) {
    const output = packed ? input.pipe(createGunzip({ chunkSize: 1 << 18 })) : input;
    if (packed) input.once('error', error => output.destroy(error));
    return { output, ended: async () => {}, stop: () => void input.destroy() };
  }
  const [program = '', ...args] = packed.command;
  const { output, ended } = stream(program, args, { input, package: packageOf(program), ...(signal && { signal }) });
  // The reader gets the error first.
  ended.catch(() => {});
  return {
    output,
    async ended() {
      const { status, stderr } = await ended;
      if (status === 0) return;
      throw new MusterError('bad-value', `${program} says: ${stderr.trim().split('\n')[0] || `status ${status}`}`);
    },
    stop() {
      output.destroy();
      input.destroy();
    },
  };
}
