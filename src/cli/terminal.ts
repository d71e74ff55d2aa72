// Output to the terminal: text, colours if it is a terminal, and a progress bar on standard error.
import { monotonicNow } from '../clock.ts';
import { progressLibrary } from './lazy.ts';

export interface Terminal {
  write(text: string): void;
  /** Prints a line for people on standard error. */
  say(text: string): void;
  bold(text: string): string;
  red(text: string): string;
  green(text: string): string;
  dim(text: string): string;
  /** Columns of the terminal; unlimited when there is none. */
  width: number;
  /** A progress bar in bytes; without a terminal it shows nothing. */
  progress(title: string): { update(done: number, total: number): void; stop(): void };
}

export function createTerminal(options: { quiet: boolean }): Terminal {
  const colours = process.stdout.isTTY && !process.env['NO_COLOR'];
  const paint = (code: number) => (text: string) => (colours ? `\u001b[${code}m${text}\u001b[0m` : text);
  return {
    write: text => void process.stdout.write(text),
    say: text => {
      if (!options.quiet) process.stderr.write(`${text}\n`);
    },
    bold: paint(1),
    red: paint(31),
    green: paint(32),
    dim: paint(2),
    width: process.stdout.isTTY ? process.stdout.columns : Number.POSITIVE_INFINITY,
    progress: title => bar(title, options.quiet),
  };
}

function bar(title: string, quiet: boolean): { update(done: number, total: number): void; stop(): void } {
  if (!process.stderr.isTTY || quiet) return { update: () => {}, stop: () => {} };
  const begun = monotonicNow();
  const { Presets, SingleBar } = progressLibrary();
  const single = new SingleBar(
    {
      format: `${title} {bar} {percentage}%  {done} of {all}  {rate}/s  {eta_formatted} left`,
      stream: process.stderr,
      hideCursor: true,
      clearOnComplete: true,
    },
    Presets.shades_classic,
  );
  let started = false;
  return {
    update: (done, total) => {
      const rate = humanBytes(done / Math.max((monotonicNow() - begun) / 1000, 0.001));
      const words = { done: humanBytes(done), all: humanBytes(total), rate };
      if (started) single.update(done, words);
      else single.start(total, done, words);
      started = true;
    },
    stop: () => single.stop(),
  };
}

/** `11.3 GiB`, `187.0 KiB`, `12 B`. */
export function humanBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return unit === 0 ? `${Math.round(value)} B` : `${value.toFixed(1)} ${units[unit]}`;
}

/** `0:08:31`, as the specification writes spans of time. */
export function humanSpan(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  return `${hours}:${String(minutes).padStart(2, '0')}:${String(rest).padStart(2, '0')}`;
}

/** Returns a duration in its largest unit: `41 s`, `12 min`, `3 h`, `5 d`. */
export function humanAge(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  if (whole < 100) return `${whole} s`;
  if (whole < 100 * 60) return `${Math.floor(whole / 60)} min`;
  if (whole < 48 * 3600) return `${Math.floor(whole / 3600)} h`;
  return `${Math.floor(whole / 86_400)} d`;
}

/** `2023-01-31 23:07:36 UTC`. */
export function humanTime(milliseconds: number): string {
  return `${new Date(milliseconds).toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}
