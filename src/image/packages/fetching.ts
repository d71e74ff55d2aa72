// Single files of repositories, asked for by this program itself: what a server has, and keys.
import { reasonOf } from '../../errors.ts';
import { proxyFor } from '../../process/proxies.ts';

/** What is waited for an answer, in milliseconds; a key is small, and comes with it. */
const ANSWER_MS = 15_000;

export const NO_ANSWER = `no answer in ${ANSWER_MS / 1000} s`;

export interface Answer {
  ok: boolean;
  status: number;
  headers: { get(name: string): string | null };
  body: { cancel(): Promise<void> } | null;
  arrayBuffer(): Promise<ArrayBuffer>;
}

/** By GET: some servers know no HEAD. By the site's proxies, as package managers do. */
export async function ask(url: string, env: NodeJS.ProcessEnv = process.env): Promise<Answer> {
  const signal = AbortSignal.timeout(ANSWER_MS);
  if (!proxyFor('http', env) && !proxyFor('https', env)) return fetch(url, { signal });
  // Only here: it takes a tenth of a second to load
  const { EnvHttpProxyAgent, fetch: fetchBy } = await import('undici');
  const [httpProxy, httpsProxy] = [proxyFor('http', env)?.value, proxyFor('https', env)?.value];
  const noProxy = env['no_proxy'] ?? env['NO_PROXY'];
  const dispatcher = new EnvHttpProxyAgent({
    // Many a proxy lets CONNECT through to port 443 alone; https goes by it in any case
    proxyTunnel: false,
    ...(httpProxy && { httpProxy }),
    ...(httpsProxy && { httpsProxy }),
    ...(noProxy && { noProxy }),
  });
  return fetchBy(url, { dispatcher, signal });
}

/** Why there was no answer: `fetch` itself says "fetch failed", and keeps the reason. A proxy may be at fault, and is named. */
export function whyNot(url: string, error: unknown, env: NodeJS.ProcessEnv = process.env): string {
  const { name, cause } = error as Error;
  const reason = name === 'TimeoutError' ? NO_ANSWER : reasonOf(cause instanceof Error ? cause : error);
  const proxy = proxyFor(url.startsWith('https:') ? 'https' : 'http', env);
  return proxy === undefined
    ? reason
    : `${reason} (asked by the proxy of ${proxy.name}, unless no_proxy says otherwise)`;
}
