// Reads the release of a kernel file, like file(1).
import { open } from 'node:fs/promises';
import { MusterError } from '../errors.ts';

/** How many bytes of a file to search for an uncompressed banner. */
const SEARCHED = 64 << 20;

/**
 * `6.1.0-28-amd64`. Returns the release; the kernel is the file or a range of it. Linux/x86 boot protocol: "HdrS" at 0x202, the version text at [0x20e] + 0x200. An arm64 Image ("ARM\x64" at 56)
 * or a plain EFI kernel has its banner somewhere inside. Anything else is `bad-kernel`.
 */
export async function kernelRelease(
  path: string,
  range: { offset: number; size: number } = { offset: 0, size: Number.POSITIVE_INFINITY },
): Promise<string> {
  const handle = await open(path, 'r');
  try {
    const start = Buffer.alloc(0x10000);
    const { bytesRead } = await handle.read(start, 0, Math.min(start.length, range.size), range.offset);
    const head = start.subarray(0, bytesRead);
    if (isX86(head)) return x86Release(head);
    if (isArm64(head) || head.toString('latin1', 0, 2) === 'MZ') return await bannerRelease(handle, range);
  } finally {
    await handle.close();
  }
  throw new MusterError(
    'bad-kernel',
    'The file is not a Linux kernel: it has no x86 boot header and no arm64 or EFI header.',
  );
}

function isX86(head: Buffer): boolean {
  return head.length > 0x230 && head.toString('latin1', 0x202, 0x206) === 'HdrS' && head.readUInt16LE(0x1fe) === 0xaa55;
}

function x86Release(head: Buffer): string {
  const pointer = head.readUInt16LE(0x20e);
  const at = pointer + 0x200;
  const end = head.indexOf(0, at);
  if (pointer === 0 || end < 0)
    throw new MusterError('bad-kernel', 'The kernel has no version text in its boot header.');
  return firstWord(head.toString('latin1', at, Math.min(end, at + 256)));
}

/** Documentation/arch/arm64/booting.rst: magic 0x644d5241 at byte 56. */
function isArm64(head: Buffer): boolean {
  return head.length >= 64 && head.readUInt32LE(56) === 0x644d5241;
}

async function bannerRelease(
  handle: Awaited<ReturnType<typeof open>>,
  range: { offset: number; size: number },
): Promise<string> {
  const chunk = Buffer.alloc(1 << 20);
  let tail = Buffer.alloc(0);
  const end = Math.min(SEARCHED, range.size);
  for (let position = 0; position < end; ) {
    const length = Math.min(chunk.length, end - position);
    const { bytesRead } = await handle.read(chunk, 0, length, range.offset + position);
    if (bytesRead === 0) break;
    position += bytesRead;
    const text = Buffer.concat([tail, chunk.subarray(0, bytesRead)]);
    const at = text.indexOf('Linux version ');
    if (at >= 0 && text.length - at > 128) return firstWord(text.toString('latin1', at + 14, at + 128));
    tail = Buffer.from(text.subarray(-256));
  }
  throw new MusterError(
    'bad-kernel',
    "The file looks like an EFI or arm64 kernel, but contains no 'Linux version'; muster cannot read a compressed kernel.",
  );
}

function firstWord(text: string): string {
  const [word = ''] = text.split(/\s/);
  if (!/^[\x21-\x7e]{1,200}$/.test(word))
    throw new MusterError('bad-kernel', "The kernel's version text cannot be read.");
  return word;
}
