// Whether the initramfs that a node would get can do what its boot needs: checked before its script is written.
import type { Refused } from '../../refused.ts';
import { INITRAMFS_LEVEL, readMark } from '../../wire/initramfs-mark.ts';
import { type BootPlan, type PlannedFiles, takesFiles } from '../boot-plan.ts';
import type { PlaneContext } from './ports.ts';

/**
 * Returns why it cannot, and the name of the boot config. Undefined when it can, and when the file cannot be read: that is reported when
 * the node fetches it.
 */
export async function initramfsProblem(
  { plan, bootFileHead }: Pick<PlaneContext, 'plan' | 'bootFileHead'>,
  node: string,
  files: PlannedFiles | undefined,
): Promise<(Refused & { name: string }) | undefined> {
  const answer = plan(node);
  if ('refused' in answer || !answer.plan.initramfs || !takesFiles(answer.plan)) return undefined;
  const { bootConfig, initramfs } = answer.plan;
  const needs = [...(files ? ['file sets'] : []), ...newNeeds(answer.plan)];
  const [need] = needs;
  if (need === undefined) return undefined;
  const head = await bootFileHead(initramfs);
  if (!head) return undefined;
  const { level, tls } = readMark(head);
  const name = bootConfig.name;
  if (level < INITRAMFS_LEVEL)
    return {
      name,
      refused: `the initramfs of the boot config ${name} is older than ${needs.join(' and ')}, and the node would start without; run 'muster mkramfs --update ${name}'`,
    };
  if (files?.secret && files.beforeRoot && !tls)
    return {
      name,
      refused: `a script of stage before-root comes with secrets over TLS, and the initramfs of the boot config ${name} has no program for it; install openssl or curl in the image, then run 'muster mkramfs --update ${name}'`,
    };
  return undefined;
}

/** Returns what the plan needs, besides files, that an initramfs without a mark cannot do. */
function newNeeds({ style, layout, ignition }: BootPlan): string[] {
  // It knows one disk with plain partitions, in style disked
  const isPlain =
    !layout ||
    (style === 'disked' &&
      layout.mounts.length === 0 &&
      layout.disks.length === 1 &&
      /^[^ (]+ [^ :@?]+( |$)/.test(layout.disks.join()));
  return [...(isPlain ? [] : ['its _disk_layout']), ...(ignition ? ['_ignition'] : [])];
}
