// An answer of many lines, each a JSON object, sent as they are produced. The last one states the outcome.
import type { ServerResponse } from 'node:http';
import { MusterError, reasonOf } from '../errors.ts';
import type { Lines } from './handler.ts';

export const LINES = 'application/x-ndjson';

/** Runs the work and sends its lines. @param unread bytes that a caller may leave unread before it is disconnected */
export async function streamed(
  raw: ServerResponse,
  work: Lines<object>,
  gone: AbortSignal,
  unread = 64 << 20,
): Promise<void> {
  raw.writeHead(200, { 'Content-Type': LINES, 'Cache-Control': 'no-store' });
  raw.flushHeaders();
  const tell = (line: object): void => {
    if (raw.writableLength > unread) raw.destroy();
    else if (!raw.destroyed) raw.write(`${JSON.stringify(line)}\n`);
  };
  try {
    await work(tell, gone);
    tell({ type: 'end' });
  } catch (error) {
    const code = error instanceof MusterError ? error.code : 'internal';
    tell({ type: 'error', code, reason: reasonOf(error) });
  }
  raw.end();
}
