// Whether the kernel that a node would get can run on it: checked before its script is written.
import type { LoaderName } from '../../config-values.ts';
import { kernelMismatch } from '../loader-format.ts';
import type { PlaneContext } from './ports.ts';

/** Returns undefined when it can, and when nobody knows: an unreadable file is reported when it is fetched. */
export async function kernelProblem(
  { plan, bootFileHead }: Pick<PlaneContext, 'plan' | 'bootFileHead'>,
  node: string,
  arch: LoaderName | undefined,
): Promise<string | undefined> {
  const answer = plan(node);
  if (arch === undefined || 'refused' in answer || !answer.plan.kernel) return undefined;
  const { bootConfig, kernel } = answer.plan;
  const head = await bootFileHead(kernel);
  const mismatch = head && kernelMismatch(head, arch);
  return mismatch && `the kernel of the boot config ${bootConfig.name} ${mismatch}`;
}
