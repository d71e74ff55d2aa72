// An answer of many lines, each a JSON object, sent as they come; the last says how it ended.
import type { FastifyReply } from 'fastify';
import { MusterError, reasonOf } from '../errors.ts';

export const LINES = 'application/x-ndjson';

/** Runs the work and sends what it tells; `signal` comes when the caller hangs up. */
export async function streamed<T extends object>(
  reply: FastifyReply,
  work: (tell: (line: T) => void, signal: AbortSignal) => Promise<void>,
): Promise<FastifyReply> {
  reply.hijack();
  const { raw } = reply;
  const gone = new AbortController();
  raw.on('close', () => gone.abort());
  raw.writeHead(200, { 'Content-Type': LINES, 'Cache-Control': 'no-store' });
  raw.flushHeaders();
  const tell = (line: object): void => {
    // A listener that does not read is let go.
    if (raw.writableLength > 64 << 20) raw.destroy();
    else if (!raw.destroyed) raw.write(`${JSON.stringify(line)}\n`);
  };
  try {
    await work(tell, gone.signal);
    tell({ type: 'end' });
  } catch (error) {
    const code = error instanceof MusterError ? error.code : 'internal';
    tell({ type: 'error', code, reason: reasonOf(error) });
  }
  raw.end();
  return reply;
}
