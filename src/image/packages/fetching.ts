// Single files of repositories, asked for by this program itself: what a server has, and keys.
import { reasonOf } from '../../errors.ts';

/** What is waited for an answer, in milliseconds; a key is small, and comes with it. */
const ANSWER_MS = 15_000;

export const NO_ANSWER = `no answer in ${ANSWER_MS / 1000} s`;

/** By GET: some servers know no HEAD. */
export async function ask(url: string): Promise<Response> {
  return fetch(url, { signal: AbortSignal.timeout(ANSWER_MS) });
}

/** Why there was no answer: `fetch` itself says "fetch failed", and keeps the reason. */
export function whyNot(error: unknown): string {
  if ((error as Error).name === 'TimeoutError') return NO_ANSWER;
  const { cause } = error as Error;
  return reasonOf(cause instanceof Error ? cause : error);
}
