// Passes a site's proxies to programs.

/** Names of environment variables. */
export const PROXY_NAMES: readonly string[] = [
  'http_proxy',
  'https_proxy',
  'ftp_proxy',
  'no_proxy',
  'HTTP_PROXY',
  'HTTPS_PROXY',
  'NO_PROXY',
];

/** Returns the name and the value of the variable for URLs of a scheme. */
export function proxyFor(
  scheme: 'http' | 'https',
  env: NodeJS.ProcessEnv,
): { name: string; value: string } | undefined {
  const name = [`${scheme}_proxy`, `${scheme.toUpperCase()}_PROXY`].find(one => env[one]);
  return name === undefined ? undefined : { name, value: env[name] ?? '' };
}
