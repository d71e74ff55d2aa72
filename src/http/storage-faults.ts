// What is wrong with a file of the head's own that a node asked for: in words for the timeline, and for the log, which a node that
// asks again and again must not fill.
import type { FastifyRequest } from 'fastify';
import { reasonOf } from '../errors.ts';
import { type Log, LogLimiter } from '../log.ts';
import { ShortFile } from './send-file.ts';

/** @param what the file as people call it: `stored kernel`. `why` knows the sentence (boot/why-errors). */
export function storageFault(what: string, error: unknown): string {
  return error instanceof ShortFile
    ? `the head's ${what} has ${error.there} of ${error.wanted} bytes`
    : `the head cannot read the ${what}: ${reasonOf(error)}`;
}

const limiter = new LogLimiter();

/** One line for each peer, fault and second. */
export function tellFault(
  log: Pick<Log, 'error'>,
  { ip }: Pick<FastifyRequest, 'ip'>,
  problem: string,
  more: Record<string, unknown> = {},
  lines = limiter,
): void {
  const dropped = lines.allow(`${ip} ${problem}`);
  if (dropped !== undefined) log.error({ peer: ip, ...more, ...(dropped > 0 && { dropped }) }, problem);
}
