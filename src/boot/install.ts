// Style live: the installer that a node boots, where it finds its tree and its answers, and its kernel parameters.
import type { Cluster, Entry } from '../model/cluster.ts';
import { BASE_URL, isoPath } from '../model/iso-urls.ts';
import type { Refused } from '../refused.ts';
import { type BootPlan, type InstallerKind, type InstallPlan, type PlannedFile, wholeFile } from './boot-plan.ts';

/** What a node loads, whichever style it is. */
export interface BootFiles {
  kernel: PlannedFile;
  initramfs: PlannedFile;
  /** The kernel's release. */
  release: string;
  install?: InstallPlan;
}

/** Kernel and initramfs come from the repo's ISO image if it has an installer, else from the boot config itself. */
export function planInstall(cluster: Cluster, config: Entry<'boot'>): BootFiles | Refused {
  const { name, kernel, initramfs, kickstart, release } = config.value;
  const repo = config.value.repo === '' ? undefined : cluster.get('repo', config.value.repo);
  if (config.value.repo !== '' && !repo)
    return { refused: `the repo ${config.value.repo} of the boot config ${name} is gone; update repo=NAME` };
  const install = (kind: InstallerKind): InstallPlan => ({
    kind,
    ...(repo && { repo: repoOf(repo) }),
    ...(kickstart !== '' && { kickstart }),
  });
  const iso = repo?.value.iso;
  const found = iso?.installer;
  if (iso && found) {
    const range = ({ offset, size, sha256 }: typeof found.kernel): PlannedFile => ({
      blob: iso.sha256,
      offset,
      size,
      sha256,
    });
    const files = { kernel: range(found.kernel), initramfs: range(found.initramfs) };
    return { ...files, release: found.release, install: install(found.kind) };
  }
  if (kernel && initramfs) {
    const files = { kernel: wholeFile(kernel), initramfs: wholeFile(initramfs) };
    return { ...files, release, install: install(kindOf(kickstart)) };
  }
  return { refused: whyNoInstaller(config, repo) };
}

/** The root of a repo's installation tree: its ISO image's, else its first URL; empty without either. */
export function treeUrl({ value }: Entry<'repo'>): string {
  return value.iso ? BASE_URL + isoPath(value.name) : (value.urls[0] ?? '');
}

function repoOf(repo: Entry<'repo'>): NonNullable<InstallPlan['repo']> {
  const { name, iso } = repo.value;
  const { uid } = repo;
  const url = treeUrl(repo);
  return { uid, name, url, ...(iso && { iso: { blob: iso.sha256, size: iso.size } }) };
}

/** Without an image, the answer file decides which installer it is for. */
function kindOf(kickstart: string): InstallerKind {
  if (/\.(preseed|seed)$/.test(kickstart)) return 'debian';
  return /\.ya?ml$/.test(kickstart) ? 'subiquity' : 'anaconda';
}

function whyNoInstaller(config: Entry<'boot'>, repo: Entry<'repo'> | undefined): string {
  const { name } = config.value;
  const own = `give ${name} kernel=@FILE and initramfs=@FILE of an installer`;
  if (!repo)
    return `the boot config ${name} has nothing to boot as live: update repo=NAME of a repo with an ISO image, or ${own}`;
  const { iso } = repo.value;
  const why = iso
    ? `the ISO image of the repo ${repo.value.name} has no installer: ${iso.reason}`
    : `the repo ${repo.value.name} has no ISO image`;
  return `${why}; ${own}`;
}

/** Returns a URL of a repo as a node can use it; `origin` is the boot plane's, without a trailing slash. */
export function repoUrl(url: string, origin: string): string {
  return url.startsWith(`${BASE_URL}/`) ? origin + url.slice(BASE_URL.length) : url;
}

/** Returns the kernel's command line: the plan's own, preceded by what its installer needs and the plan's own lacks. */
export function commandLine(plan: Pick<BootPlan, 'cmdline' | 'install' | 'ignition' | 'node'>, url: string): string {
  const { install, ignition, cmdline } = plan;
  if (!install) return cmdline;
  const own = new Set(cmdline.split(/\s+/).map(word => word.split('=')[0]));
  const all = [...WORDS[install.kind](install, url, plan.node.mac), ...(ignition ? ignitionWords(url) : [])];
  const words = all.filter(word => !own.has(word.split('=')[0]));
  return [...words, cmdline].filter(word => word !== '').join(' ');
}

/** What Ignition in the initramfs of a system reads; other styles apply it by muster's initramfs. */
const ignitionWords = (url: string): string[] => [
  'ignition.firstboot',
  'ignition.platform.id=metal',
  `ignition.config.url=${url}/ignition`,
];

type Words = (install: InstallPlan, url: string, mac: string) => string[];

const bootInterface = (mac: string): string => `BOOTIF=01-${mac.replaceAll(':', '-')}`;

const WORDS: Record<InstallerKind, Words> = {
  /** Anaconda boot options: the tree without a trailing slash, since it appends `/.treeinfo`. */
  anaconda: ({ repo, kickstart }, url, mac) => {
    const tree = repo && repo.url !== '' ? repoUrl(repo.url, new URL(url).origin).replace(/\/$/, '') : undefined;
    return [
      ...(tree === undefined ? [] : [`inst.repo=${tree}`, `inst.stage2=${tree}`]),
      ...(kickstart === undefined ? [] : [`inst.ks=${url}/kickstart`, 'inst.ks.sendmac']),
      bootInterface(mac),
      'ip=dhcp',
    ];
  },
  /** debian-installer: `url` is preseed/url, `auto` asks nothing before it has the answers. */
  debian: ({ kickstart }, url, mac) => [
    ...(kickstart === undefined ? [] : ['auto=true', 'priority=critical', `url=${url}/kickstart`]),
    'interface=auto',
    bootInterface(mac),
    // A boot network often has no router and no name server, and these questions come before the answers are fetched.
    'netcfg/no_default_route=true',
    `netcfg/get_nameservers=${new URL(url).hostname}`,
  ],
  /** casper fetches the whole image into memory; cloud-init appends `user-data` and `meta-data` to its seed's URL. */
  subiquity: ({ repo, kickstart }, url, mac) => [
    'ip=dhcp',
    ...(repo?.iso ? [`url=${url}/image.iso`, 'cloud-config-url=/dev/null'] : []),
    ...(kickstart === undefined ? [] : ['autoinstall', `ds=nocloud-net;s=${url}/seed/`]),
    bootInterface(mac),
  ],
};

/** Returns `_boot_once` of the node itself: on a group, the first node to boot would take it from the others. */
export function bootOnceOf(node: Entry<'node'>): string | undefined {
  return node.value.attributes['_boot_once'];
}
