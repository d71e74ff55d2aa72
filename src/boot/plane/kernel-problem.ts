// Whether the kernel that a node would get can run on it: checked before its script is written.
import { open } from 'node:fs/promises';
import type { LoaderName } from '../../config-values.ts';
import { kernelMismatch, LOADER_HEAD } from '../loader-format.ts';
import type { PlaneContext } from './ports.ts';

/** Kernels known to run on an architecture, oldest first: in a storm all nodes get the same. Others are checked again. */
const fitting = new Set<string>();
const MOST_FITTING = 64;

/** Returns undefined when it can, and when nobody knows: an unreadable file is reported when it is fetched. */
export async function kernelProblem(
  ports: Pick<PlaneContext, 'plan' | 'blobPath'>,
  node: string,
  arch: LoaderName | undefined,
): Promise<string | undefined> {
  const answer = ports.plan(node);
  if (arch === undefined || 'refused' in answer || !answer.plan.kernel) return undefined;
  const { bootConfig, kernel } = answer.plan;
  const path = ports.blobPath(kernel.blob);
  const pair = `${path} ${kernel.offset} ${arch}`;
  if (fitting.has(pair)) return undefined;
  const head = await firstBytes(path, kernel.offset).catch(() => undefined);
  if (!head) return undefined;
  const mismatch = kernelMismatch(head, arch);
  if (mismatch) return `the kernel of the boot config ${bootConfig.name} ${mismatch}`;
  remember(pair);
  return undefined;
}

function remember(pair: string): void {
  fitting.add(pair);
  const oldest = fitting.size > MOST_FITTING ? fitting.values().next().value : undefined;
  if (oldest !== undefined) fitting.delete(oldest);
}

async function firstBytes(path: string, offset: number): Promise<Buffer> {
  const handle = await open(path, 'r');
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(LOADER_HEAD), 0, LOADER_HEAD, offset);
    return buffer.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}
