// A target on loopback for one test, over a file of known bytes, and its notes.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import type { TargetDirectory, TargetNote } from '../../../src/iscsi/directory.ts';
import { type IscsiOptions, IscsiTarget } from '../../../src/iscsi/server.ts';
import type { BlockDevice } from '../../../src/scsi/block-device.ts';
import { Initiator } from './initiator.ts';
import { type OneTarget, serveFile, TARGET } from './one-target.ts';

export interface Served {
  target: IscsiTarget;
  port: number;
  file: string;
  /** The bytes of the disk. */
  content: Buffer;
  device: BlockDevice;
  directory: TargetDirectory;
  notes: TargetNote[];
  /** An initiator that is logged in and has its unit attention behind it. */
  initiator(name?: string): Promise<Initiator>;
}

export interface ServeOptions extends OneTarget {
  bytes?: number;
  options?: Partial<IscsiOptions>;
}

/** Bytes that differ everywhere and are the same in every run. */
export function pattern(length: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let index = 0; index + 4 <= length; index += 4)
    bytes.writeUInt32LE(Math.imul(index + 1, 2654435761) >>> 0, index);
  return bytes;
}

export async function serve(
  t: ExecutionContext,
  { bytes = 1 << 20, options, ...one }: ServeOptions = {},
): Promise<Served> {
  const folder = await mkdtemp(join(tmpdir(), 'muster-iscsi-'));
  const file = join(folder, 'disk.img');
  const content = pattern(bytes);
  await writeFile(file, content);
  const { directory, device } = await serveFile(file, one);
  const notes: TargetNote[] = [];
  const target = new IscsiTarget({ directory, note: note => notes.push(note), ...options });
  const port = await target.listen(0, '127.0.0.1');
  const initiators: Initiator[] = [];
  t.teardown(async () => {
    for (const initiator of initiators) initiator.close();
    await target.close();
    await device.close();
    await rm(folder, { recursive: true });
  });
  return {
    target,
    port,
    file,
    content,
    device,
    directory,
    notes,
    async initiator(name) {
      const initiator = await Initiator.connect(port);
      initiators.push(initiator);
      const status = await initiator.login({ target: one.target ?? TARGET, ...(name ? { initiator: name } : {}) });
      if (status !== 0) throw new Error(`login status ${status.toString(16)}`);
      return initiator.ready();
    },
  };
}
