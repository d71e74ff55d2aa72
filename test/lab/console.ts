// A shell on the serial console of a virtual node: commands typed, their output read.
import { createHash } from 'node:crypto';
import type { Machine } from '../../lab/machine.ts';

/** The image's autologin shell comes after `up`, in its own time. */
const SHELL_MS = 240_000;
/** Without an answer after this time, it is printed again. */
const ANSWER_MS = 60_000;
/** On a busy machine an emulated UART drops or repeats a byte now and then, and a kernel message may stand anywhere. */
const PRINTS = 5;

export interface Answer {
  status: number;
  /** Standard output and error. */
  output: string;
}

let number = 0;

/** Runs a command once, and prints what it wrote until it arrives undamaged. */
export async function runInside(node: Machine, command: string): Promise<Answer> {
  await node.waitForSerial(/root@\w+:~# /, { timeoutMs: SHELL_MS, from: node.consoleStart });
  number += 1;
  const [begin, end, file] = [`BEGIN${number}`, `END${number}`, `/run/console-${number}`];
  const start = node.serial.length();
  // The console repeats what is typed: the quotes in the marks make only their output match.
  const parts = [`"${quoted(begin)}"`, `"$(cat ${file}.status)"`, `"$(md5sum <${file})"`, `"$(base64 -w0 ${file})"`];
  const print = `printf '\\n%s' ${parts.join(' ')} "${quoted(end)}"; echo`;
  await node.serial.type(`{ ${command}; } >${file} 2>&1; echo $? >${file}.status; ${print}\n`);
  let problem: unknown = new Error(`${node.name}: what '${command}' wrote arrived damaged ${PRINTS} times`);
  for (let printed = 0, from = start; printed < PRINTS; printed += 1) {
    if (printed > 0) await node.serial.type(`${print}\n`);
    try {
      await node.waitForSerial(new RegExp(end), { timeoutMs: ANSWER_MS, from });
    } catch (error) {
      if (node.ended()) throw error;
      problem = error;
    }
    const answer = findAnswer(node.serial.text().slice(start), begin, end);
    if (answer) return answer;
    from = node.serial.length();
  }
  throw problem;
}

const quoted = (mark: string): string => `${mark.slice(0, 2)}""${mark.slice(2)}`;

/** Finds what a command wrote between two marks: its status, the MD5 digest of its output, the output in base64. */
export function findAnswer(text: string, begin: string, end: string): Answer | undefined {
  const whole = new RegExp(`${begin}\\s+(\\d+)\\s+([0-9a-f]{32})\\s+-\\s+([A-Za-z0-9+/=]*)\\s+${end}`, 'g');
  for (const [, status, digest, base64 = ''] of text.matchAll(whole)) {
    const output = Buffer.from(base64, 'base64');
    if (createHash('md5').update(output).digest('hex') !== digest) continue;
    return { status: Number(status), output: output.toString().replaceAll('\r', '') };
  }
  return undefined;
}
