// How a site's proxies are told to programs.

/** Names of the environment. */
export const PROXY_NAMES: readonly string[] = [
  'http_proxy',
  'https_proxy',
  'ftp_proxy',
  'no_proxy',
  'HTTP_PROXY',
  'HTTPS_PROXY',
  'NO_PROXY',
];
