// The commands that fill the lab's cluster, and how the lab runs them: the only place with command lines.
import { join } from 'node:path';
import { MusterError } from '../src/errors.ts';
import { packageRoot } from '../src/package-root.ts';
import { type RunResult, run } from '../src/process/run.ts';
import type { CachePlan } from './image-cache.ts';

/** The installed command line, as a program. */
export const COMMAND = join(packageRoot, 'dist/src/cli/bin.js');

/** Runs `muster` with these arguments against the daemon behind `socket`. Any status is a result. */
export async function muster(socket: string, words: readonly string[], signal?: AbortSignal): Promise<RunResult> {
  return await run(process.execPath, [COMMAND, ...words], {
    env: { MUSTER_SOCKET: socket },
    ...(signal && { signal }),
  });
}

export interface ClusterPlan {
  style: string;
  /** Hardware addresses, in the order of the nodes. */
  macs: readonly string[];
  files: Pick<CachePlan, 'image' | 'kernel' | 'initramfs'>;
  /** Attributes of every node besides `_boot_config`. */
  attributes?: Readonly<Record<string, string>>;
  /** Further kernel parameters. */
  cmdline?: string;
  /** The lab's socket for power control: see `power`. */
  power?: string;
}

/**
 * norandmaps: QEMU's emulation translates a program again for each address it is loaded at, and drops translations one by one
 * when memory is reused. With randomised addresses the start of systemd takes minutes.
 *
 * no_timer_check: on a busy machine an emulated timer is late, and the kernel's test of it at the start then ends in a panic.
 */
export const CMDLINE: readonly string[] = ['console=ttyS0,115200', 'quiet', 'norandmaps', 'no_timer_check'];

/** Returns the arguments of `muster`, line by line, that make an empty cluster boot. */
export function clusterCommands(plan: ClusterPlan): string[][] {
  const { image, kernel, initramfs } = plan.files;
  const cmdline = [...CMDLINE, ...(plan.cmdline ? [plan.cmdline] : [])].join(' ');
  const attributes = Object.entries({ _boot_config: 'DefaultBoot', ...plan.attributes });
  return [
    ['image', 'create', 'name=DefaultImage', `content=@${image}`],
    [
      ...['boot', 'create', 'name=DefaultBoot', `kernel=@${kernel}`, `initramfs=@${initramfs}`],
      ...['image=DefaultImage', `boot_style=${plan.style}`, `cmdline=${cmdline}`],
    ],
    ['attrib', 'set', ...attributes.map(([name, value]) => `${name}=${value}`)],
    ...plan.macs.map((mac, index) => [
      ...['node', 'create', `name=n${index}`, `index=${index}`, `mac=${mac}`],
      ...(plan.power ? [`power_uri=lab://${plan.power}/n${index}`] : []),
    ]),
  ];
}

/** Runs them one after the other; the first failure is the error. */
export async function fillCluster(socket: string, plan: ClusterPlan, signal?: AbortSignal): Promise<void> {
  for (const words of clusterCommands(plan)) {
    const { status, stderr, stdout } = await muster(socket, words, signal);
    if (status === 0) continue;
    const said = (stderr || stdout).trim();
    throw new MusterError('tool-failed', `'muster ${words.join(' ')}' ended with status ${status}: ${said}`);
  }
}
