// Questions to the person at the terminal. Without a terminal, the caller's default is the answer.
import { createInterface } from 'node:readline/promises';

export function isInteractive(): boolean {
  return process.stdin.isTTY === true && process.stderr.isTTY === true;
}

/** Asks for one of several letters; an empty answer is the first. `(K)eep changes or (d)iscard? [kd]`. */
export async function askLetter(question: string, letters: string): Promise<string> {
  for (;;) {
    const answer = (await ask(`${question} [${letters}] `)).trim().toLowerCase();
    const letter = answer === '' ? letters[0] : letters.split('').find(one => one === answer[0]);
    if (letter !== undefined) return letter;
  }
}

export async function askYes(question: string, usual: boolean): Promise<boolean> {
  for (;;) {
    const answer = (await ask(`${question} [${usual ? 'Yn' : 'yN'}] `)).trim().toLowerCase();
    if (answer === '') return usual;
    if (/^(y|yes|n|no)$/.test(answer)) return answer.startsWith('y');
  }
}

/** Asks for a text; an empty answer is `usual`. */
export async function askText(question: string, usual: string): Promise<string> {
  const answer = (await ask(`${question}${usual === '' ? '' : ` [${usual}]`}: `)).trim();
  return answer === '' ? usual : answer;
}

async function ask(question: string): Promise<string> {
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  // At the end of input, every answer is the default.
  const closed = new Promise<string>(resolve => lines.once('close', () => resolve('')));
  // Ctrl-C is not an answer: it goes to the signal's handler, or else ends the program as usual.
  const interrupted = new Promise<never>((_resolve, reject) =>
    lines.once('SIGINT', () => {
      process.stderr.write('\n');
      if (!process.emit('SIGINT', 'SIGINT')) process.exit(130);
      reject(new Error('Interrupted.'));
    }),
  );
  try {
    return await Promise.race([lines.question(question), closed, interrupted]);
  } finally {
    lines.close();
  }
}
