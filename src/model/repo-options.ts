// Options of a yum repository that muster passes on unchanged (dnf.conf(5), yum.conf(5), zypper(8)): into the repository file
// that makes an image, and into that of the image.

/** Options of a repository file that have fields in a repo. */
export const REPO_FIELDS = ['name', 'baseurl', 'mirrorlist', 'metalink', 'gpgkey', 'gpgcheck', 'enabled'] as const;

/** Passed on. */
export const REPO_OPTIONS: readonly string[] = [
  ...[
    'cost',
    'priority',
    'module_hotfixes',
    'exclude',
    'excludepkgs',
    'includepkgs',
    'repo_gpgcheck',
    'localpkg_gpgcheck',
  ],
  ...['proxy', 'proxy_auth_method', 'proxy_sslverify', 'proxy_sslcacert', 'sslverify', 'sslverifystatus', 'sslcacert'],
  ...[
    'bandwidth',
    'throttle',
    'minrate',
    'timeout',
    'retries',
    'ip_resolve',
    'max_parallel_downloads',
    'fastestmirror',
  ],
  ...[
    'metadata_expire',
    'metadata_expire_filter',
    'mirrorlist_expire',
    'enablegroups',
    'deltarpm',
    'deltarpm_percentage',
  ],
  ...['zchunk', 'countme', 'user_agent', 'type', 'failovermethod', 'keepalive', 'http_caching', 'enabled_metadata'],
  ...['autorefresh', 'keeppackages', 'path', 'gpgcakey', 'ui_repoid_vars'],
];

/** Not passed on, and why. */
export const REPO_REFUSED: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    ['username', 'password', 'proxy_username', 'proxy_password', 'sslclientcert', 'sslclientkey']
      .concat('proxy_sslclientcert', 'proxy_sslclientkey')
      .map(name => [
        name,
        'muster keeps no passwords and keys of repositories: every node could read them in its image',
      ]),
  ),
  skip_if_unavailable: 'an image is made of all its repositories, or the one that is missing is named',
};

/** Returns what is wrong with an option of a repo, `NAME=VALUE`; undefined when nothing is. */
export function repoOptionProblem(text: string): string | undefined {
  const [, name = ''] = /^([a-z_]+)=[^\p{Cc}]*$/u.exec(text) ?? [];
  if (name === '') return `'${text}' must be NAME=VALUE in one line`;
  if ((REPO_FIELDS as readonly string[]).includes(name)) return `'${name}' has its own field`;
  if (Object.hasOwn(REPO_REFUSED, name)) return `'${name}' is not kept: ${REPO_REFUSED[name]}`;
  if (name === 'proxy' && text.includes('@')) return `'proxy' is not kept: ${REPO_REFUSED['proxy_password']}`;
  return REPO_OPTIONS.includes(name) ? undefined : `'${name}' is no option of a yum repository`;
}
