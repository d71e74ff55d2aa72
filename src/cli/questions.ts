// Questions to the person at the terminal. Where there is none, the answer that the caller names is taken.
import { createInterface } from 'node:readline/promises';

export function isInteractive(): boolean {
  return process.stdin.isTTY === true && process.stderr.isTTY === true;
}

/** One letter of several; an empty answer is the first letter. `(K)eep changes or (d)iscard? [kd]`. */
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

/** A text; an empty answer is `usual`. */
export async function askText(question: string, usual: string): Promise<string> {
  const answer = (await ask(`${question}${usual === '' ? '' : ` [${usual}]`}: `)).trim();
  return answer === '' ? usual : answer;
}

async function ask(question: string): Promise<string> {
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  // The end of input answers everything with what is usual.
  const closed = new Promise<string>(resolve => lines.once('close', () => resolve('')));
  // Ctrl-C answers nothing: it is for whoever handles the signal, else it ends the program as it does elsewhere.
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
