// Progress of image work in the specification's words; on a terminal, the line is updated in place.
import { monotonicNow } from '../clock.ts';
import { elapsedText, type Progress } from '../image/progress.ts';
import type { Terminal } from './terminal.ts';

/** How often a progress line is updated, in milliseconds. */
const TICK_MS = 200;

/** Returns a text that overwrites the line; no wider than the terminal, because a wrapped line cannot be overwritten. */
export function movingLine(text: string, columns: number): string {
  return `\r\u001b[K${`  ${text}`.slice(0, columns > 1 ? columns - 1 : undefined)}`;
}

export function progressLines(terminal: Terminal, quiet: boolean): Progress {
  const moves = process.stderr.isTTY && !quiet;
  /** Overwrites the line; `last` leaves it there. */
  const line = (text: string, last: boolean): void => {
    if (moves) process.stderr.write(last ? `\r\u001b[K  ${text}\n` : movingLine(text, process.stderr.columns));
    else if (last) terminal.say(`  ${text}`);
  };
  const ticking = async <T>(text: () => string, work: () => Promise<T>): Promise<T> => {
    const timer = moves ? setInterval(() => line(text(), false), TICK_MS) : undefined;
    try {
      return await work();
    } catch (error) {
      if (moves) process.stderr.write('\n');
      throw error;
    } finally {
      clearInterval(timer);
    }
  };
  return {
    say: text => terminal.say(text),
    async timed(work) {
      const begun = monotonicNow();
      const elapsed = (): string => `elapsed: ${elapsedText(monotonicNow() - begun)}`;
      const result = await ticking(elapsed, work);
      line(elapsed(), true);
      return result;
    },
    async measured(work, compression) {
      const begun = monotonicNow();
      let share = 0;
      const text = (): string => {
        const elapsed = monotonicNow() - begun;
        const remaining = share > 0 && share < 1 ? ` remaining: ${elapsedText((elapsed / share) * (1 - share))}` : '';
        return `${(share * 100).toFixed(1)}% complete, elapsed: ${elapsedText(elapsed)}${remaining}`;
      };
      const result = await ticking(text, async () =>
        work((done, total) => {
          share = total > 0 ? Math.min(1, done / total) : 0;
        }),
      );
      share = 1;
      line(compression ? `${text()} (${(compression(result) * 100).toFixed(1)}% compression)` : text(), true);
      return result;
    },
  };
}
