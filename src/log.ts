// The logger. Lines are JSON on standard error, or readable text when requested.
import { pino } from 'pino';
import { monotonicNow } from './clock.ts';
import { maskPassword } from './masking.ts';

export type Log = Pick<pino.Logger, 'debug' | 'info' | 'warn' | 'error' | 'child'>;

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export function createLog(level: LogLevel, destination: NodeJS.WritableStream = process.stderr): pino.Logger {
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: label => ({ level: label }) },
      redact: { paths: ['password', 'secret', 'token', '*.password', '*.secret', '*.token'], censor: '***' },
    },
    { write: line => void destination.write(withoutLogins(line)) },
  );
}

/** Hides passwords of URIs in a line: an error's text may quote what somebody entered. */
function withoutLogins(line: string): string {
  if (!/:\/\/[^\s"]*@/.test(line)) return line;
  return line.replace(/[A-Za-z][A-Za-z0-9+.-]*:\/\/[^\s"]*/g, maskPassword);
}

/** A log that says nothing, for tests and one-shot tools. */
export function silentLog(): Log {
  return pino({ level: 'silent' });
}

/**
 * Lets one line per key and second through, so that a hostile peer cannot fill the disk; keys are bounded.
 * Returns undefined from `allow` when the line is to be dropped, else the number of lines dropped since the last one.
 */
export class LogLimiter {
  private readonly seen = new Map<string, { until: number; dropped: number }>();
  private readonly now: () => number;
  private readonly limit: number;

  /** @param now milliseconds of a clock that never goes back: a step back would mute a key for as long */
  constructor(now = monotonicNow, limit = 4096) {
    this.now = now;
    this.limit = limit;
  }

  allow(key: string): number | undefined {
    const now = this.now();
    const entry = this.seen.get(key);
    // For any clock: an entry from the future was made before the clock was set back
    if (entry && entry.until > now && entry.until <= now + 1000) {
      entry.dropped += 1;
      return undefined;
    }
    if (!entry && this.seen.size >= this.limit) this.seen.clear();
    this.seen.set(key, { until: now + 1000, dropped: 0 });
    return entry?.dropped ?? 0;
  }
}
