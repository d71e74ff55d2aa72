// What is wrong with a file of the head's own that a node asked for: in words for the timeline, and for the log, which a node that
// asks again and again must not fill.
import type { FastifyRequest } from 'fastify';
import type { About, BootFileName } from '../boot/faults.ts';
import { reasonOf, systemCode } from '../errors.ts';
import { type Log, LogLimiter } from '../log.ts';
import { ShortFile } from './send-file.ts';

export interface StorageFault {
  error: string;
  fault: 'short-file' | 'unreadable-file';
  file: BootFileName;
  about?: About;
}

/** @param what the file as people call it: `stored kernel` */
export function storageFault(what: string, file: BootFileName, error: unknown): StorageFault {
  if (error instanceof ShortFile) {
    const { there, wanted } = error;
    return {
      error: `the head's ${what} has ${there} of ${wanted} bytes`,
      fault: 'short-file',
      file,
      about: { have: there, want: wanted },
    };
  }
  const code = systemCode(error);
  return {
    error: `the head cannot read the ${what}: ${reasonOf(error)}`,
    fault: 'unreadable-file',
    file,
    ...(code !== undefined && { about: { name: code } }),
  };
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
