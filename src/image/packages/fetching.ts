// Single files of repositories, asked for by this program itself: what a server has, and keys.
import { reasonOf } from '../../errors.ts';
import { PROXY_NAMES } from '../../process/proxies.ts';

/** What is waited for an answer, in milliseconds; a key is small, and comes with it. */
const ANSWER_MS = 15_000;

export const NO_ANSWER = `no answer in ${ANSWER_MS / 1000} s`;

/** By GET: some servers know no HEAD. */
export async function ask(url: string): Promise<Response> {
  return fetch(url, { signal: AbortSignal.timeout(ANSWER_MS) });
}

/** Why there was no answer: `fetch` itself says "fetch failed", and keeps the reason. It knows no proxy either, as package managers do. */
export function whyNot(error: unknown, env: NodeJS.ProcessEnv = process.env): string {
  const { name, cause } = error as Error;
  const reason = name === 'TimeoutError' ? NO_ANSWER : reasonOf(cause instanceof Error ? cause : error);
  const proxy = PROXY_NAMES.find(one => /^https?_/i.test(one) && env[one]);
  return proxy === undefined ? reason : `${reason} (asked without ${proxy}, which only package managers use)`;
}
