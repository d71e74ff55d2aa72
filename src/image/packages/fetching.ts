// Fetches single files of repositories directly: tests for files, and keys.
import { reasonOf } from '../../errors.ts';
import { proxyFor } from '../../process/proxies.ts';

/** How long to wait for an answer, in milliseconds. It includes the content, because keys are small. */
const ANSWER_MS = 15_000;

export const NO_ANSWER = `no answer in ${ANSWER_MS / 1000} s`;

export interface Answer {
  ok: boolean;
  status: number;
  headers: { get(name: string): string | null };
  body: { cancel(): Promise<void> } | null;
  arrayBuffer(): Promise<ArrayBuffer>;
}

/** Uses GET, because some servers do not support HEAD, and the site's proxies, like package managers. */
export async function ask(url: string, env: NodeJS.ProcessEnv = process.env): Promise<Answer> {
  const { href, headers } = withoutLogin(url);
  const signal = AbortSignal.timeout(ANSWER_MS);
  if (!proxyFor('http', env) && !proxyFor('https', env)) return fetch(href, { signal, headers });
  // Loaded here because it takes 0.1 s
  const { EnvHttpProxyAgent, fetch: fetchBy } = await import('undici');
  const [httpProxy, httpsProxy] = [proxyFor('http', env)?.value, proxyFor('https', env)?.value];
  const noProxy = env['no_proxy'] ?? env['NO_PROXY'];
  const dispatcher = new EnvHttpProxyAgent({
    // Many proxies allow CONNECT only to port 443; https uses CONNECT in any case
    proxyTunnel: false,
    ...(httpProxy && { httpProxy }),
    ...(httpsProxy && { httpsProxy }),
    ...(noProxy && { noProxy }),
  });
  return fetchBy(href, { dispatcher, signal, headers });
}

/** `fetch` accepts no login in a URL; package managers send it as this header (RFC 7617 §2). */
function withoutLogin(url: string): { href: string; headers: Record<string, string> } {
  const parsed = new URL(url);
  const { username, password } = parsed;
  if (username === '' && password === '') return { href: url, headers: {} };
  [parsed.username, parsed.password] = ['', ''];
  const login = Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`).toString('base64');
  return { href: parsed.href, headers: { authorization: `Basic ${login}` } };
}

/** Returns why there was no answer: `fetch` only reports "fetch failed" and hides the reason. Names a proxy, because it may be at fault. */
export function whyNot(url: string, error: unknown, env: NodeJS.ProcessEnv = process.env): string {
  const { name, cause } = error as Error;
  const reason = name === 'TimeoutError' ? NO_ANSWER : reasonOf(cause instanceof Error ? cause : error);
  const proxy = proxyFor(url.startsWith('https:') ? 'https' : 'http', env);
  return proxy === undefined ? reason : `${reason} (through the proxy of ${proxy.name}, unless no_proxy excludes it)`;
}
