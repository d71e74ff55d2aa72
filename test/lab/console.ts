// A shell on the serial console of a virtual node: commands typed, their output read.
import { gunzipSync } from 'node:zlib';
import type { Machine } from '../../lab/machine.ts';

/** The image's autologin shell comes after `up`, in its own time. */
const SHELL_MS = 240_000;
/** Without an answer after this time, it is printed again. */
const ANSWER_MS = 60_000;
/** An answer that arrives damaged is printed again. */
const PRINTS = 5;

export interface Answer {
  status: number;
  /** Standard output and error. */
  output: string;
}

let commands = 0;

/** Runs a command once, and prints what it wrote until it arrives undamaged. */
export async function runInside(node: Machine, command: string): Promise<Answer> {
  await node.waitForSerial(/root@\w+:~# /, { timeoutMs: SHELL_MS, from: node.consoleStart });
  commands += 1;
  const number = commands;
  const start = node.serial.length();
  const [said, file] = [`/run/console-${number}.said`, `/run/console-${number}`];
  // The console repeats what is typed: the quotes in the marks make only their output match.
  const print = `echo BE""GIN; gzip -c ${file} | od -An -v -tx1; echo E""ND`;
  const frame = `{ echo ${number} $?; cat ${said}; } >${file}`;
  await node.serial.type(`{ ${command}; } >${said} 2>&1; ${frame}; ${print}\n`);
  let problem: unknown = new Error(`${node.name}: what '${command}' wrote arrived damaged ${PRINTS} times`);
  for (let printed = 0, from = start; printed < PRINTS; printed += 1) {
    if (printed > 0) await node.serial.type(`${print}\n`);
    try {
      await node.waitForSerial(/E+N+D+\s/, { timeoutMs: ANSWER_MS, from });
    } catch (error) {
      if (node.ended()) throw error;
      problem = error;
    }
    const answer = findAnswer(node.serial.text().slice(start), number);
    if (answer) return answer;
    from = node.serial.length();
  }
  throw problem;
}

/**
 * Finds what a command wrote between two marks: its number, its status and its output, packed by gzip, in hex. On a busy machine an
 * emulated UART sends a byte twice now and then. In a pair of hex digits that cannot be mistaken: `66e` is `6e`, and `666` is `66`.
 */
export function findAnswer(text: string, number: number): Answer | undefined {
  for (const [, hex = ''] of text.matchAll(/B+E+G+I+N+\s([\s\da-f]*)E+N+D+\s/g)) {
    const [, of, status, output = ''] = /^(\d+) (\d+)\n([\s\S]*)$/.exec(unpacked(hex) ?? '') ?? [];
    if (Number(of) === number) return { status: Number(status), output: output.replaceAll('\r', '') };
  }
  return undefined;
}

/** Returns undefined when the checksum that gzip adds is wrong. */
function unpacked(hex: string): string | undefined {
  const pairs = hex.split(/\s+/).map(token => token.replace(/(.)\1+/g, '$1').padEnd(Math.min(token.length, 2), token));
  try {
    return gunzipSync(Buffer.from(pairs.join(''), 'hex')).toString();
  } catch {
    return undefined;
  }
}
