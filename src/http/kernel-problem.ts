// Whether the kernel that a node would get can run on it at all: asked before its script is written.
import { open } from 'node:fs/promises';
import { kernelMismatch, LOADER_HEAD } from '../boot/loader-format.ts';
import type { LoaderName } from '../config-values.ts';
import type { BootPlanePorts } from './ports.ts';

/** Undefined when it can, and when nobody knows: a file that cannot be read is told of when it is fetched. */
export async function kernelProblem(
  ports: Pick<BootPlanePorts, 'plan' | 'blobPath'>,
  node: string,
  arch: LoaderName | undefined,
): Promise<string | undefined> {
  const answer = ports.plan(node);
  if (arch === undefined || 'refusal' in answer || !answer.plan.kernel) return undefined;
  const { bootConfig, kernel } = answer.plan;
  const head = await firstBytes(ports.blobPath(kernel.blob), kernel.offset).catch(() => undefined);
  const mismatch = head && kernelMismatch(head, arch);
  return mismatch && `the kernel of the boot config ${bootConfig.name} ${mismatch}`;
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
