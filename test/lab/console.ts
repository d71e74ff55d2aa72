// A shell on the serial console of a virtual node: commands typed, their output read.
import type { Machine } from '../../lab/machine.ts';

/** The image's autologin shell comes after `up`, in its own time. */
const SHELL_MS = 240_000;

let number = 0;

/** Types a command and comes back with what it wrote (standard output and error) and its exit status. */
export async function runInside(node: Machine, command: string): Promise<{ status: number; output: string }> {
  await node.waitForSerial(/root@\w+:~# /, { timeoutMs: SHELL_MS, from: node.consoleStart });
  number += 1;
  const from = node.serial.length();
  // The console repeats what is typed: the marks are written so that only their output has this form.
  await node.serial.type(`echo BE""GIN${number}; { ${command}; } 2>&1; echo E""ND${number}=$?\n`);
  const mark = new RegExp(`BEGIN${number}\\r?\\n([\\s\\S]*?)END${number}=(\\d+)`);
  const found = await node.waitForSerial(mark, { timeoutMs: SHELL_MS, from });
  return { status: Number(found[2]), output: (found[1] ?? '').replaceAll('\r', '') };
}
