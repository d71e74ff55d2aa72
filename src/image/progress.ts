// Progress of long work: lines in the specification's form, and a live percentage on a terminal.

export interface Progress {
  /** A line: `Preparing the chroot...`. */
  say(text: string): void;
  /** Runs work of unknown length, and reports how long it took: `elapsed: 0:00:01.0`. */
  timed<T>(work: () => Promise<T>): Promise<T>;
  /** Runs work with known progress: `100.0% complete, elapsed: 0:00:29.6 (62.2% compression)`. */
  measured<T>(
    work: (update: (done: number, total: number) => void) => Promise<T>,
    compression?: (result: T) => number,
  ): Promise<T>;
}

/** `0:00:29.6`, the specification's form of a duration. */
export function elapsedText(milliseconds: number): string {
  const tenths = Math.max(0, Math.round(milliseconds / 100));
  const seconds = Math.floor(tenths / 10);
  const pair = (value: number): string => String(value).padStart(2, '0');
  return `${Math.floor(seconds / 3600)}:${pair(Math.floor(seconds / 60) % 60)}:${pair(seconds % 60)}.${tenths % 10}`;
}

/** Reports nothing. */
export const SILENT: Progress = {
  say: () => {},
  timed: async work => work(),
  measured: async work => work(() => {}),
};
