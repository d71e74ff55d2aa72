// The packages of an unpacked image, and what changed between two such lists.

import { MusterError } from '../../errors.ts';
import { run, toolFailed } from '../../process/run.ts';
import { ImageRoot } from '../image-root.ts';
import { packageSystem } from './manager.ts';

export interface Package {
  name: string;
  version: string;
  arch: string;
}

/** The paths of an image that suffice to list its packages. */
export const PACKAGE_FILES = ['var/lib/dpkg/status', 'var/lib/rpm', 'usr/lib/sysimage/rpm'];

/** Returns the packages sorted by name; none without a package database. */
export async function listPackages(root: string): Promise<Package[]> {
  const system = await packageSystem(root);
  if (system === undefined) return [];
  const found = system === 'dpkg' ? await dpkgPackages(root) : await rpmPackages(root);
  return found.sort((left, right) => (key(left) < key(right) ? -1 : 1));
}

const key = ({ name, arch, version }: Package): string => `${name}\0${arch}\0${version}`;

async function dpkgPackages(root: string): Promise<Package[]> {
  return readDpkgStatus((await new ImageRoot(root).text('/var/lib/dpkg/status')) ?? '');
}

/** dpkg(1): paragraphs with `Package`, `Version`, `Architecture`, and a `Status` whose third word is `installed`. */
export function readDpkgStatus(text: string): Package[] {
  return text.split(/\n\n+/).flatMap(paragraph => {
    const field = (name: string): string => new RegExp(`^${name}: (.*)$`, 'm').exec(paragraph)?.[1] ?? '';
    if (!field('Status').endsWith(' installed')) return [];
    return [{ name: field('Package'), version: field('Version'), arch: field('Architecture') }];
  });
}

async function rpmPackages(root: string): Promise<Package[]> {
  const image = new ImageRoot(root);
  const path = (await image.has('/usr/lib/sysimage/rpm')) ? '/usr/lib/sysimage/rpm' : '/var/lib/rpm';
  // This machine's rpm opens, locks and creates files there by name, and would follow links.
  for (const name of await image.list(path))
    if (await image.readlink(`${path}/${name}`))
      throw new MusterError('bad-image', `The image's ${path}/${name} is a link; an rpm database has no links.`);
  const format = '%{NAME}\\t%|EPOCH?{%{EPOCH}:}:{}|%{VERSION}-%{RELEASE}\\t%{ARCH}\\n';
  const result = await run('rpm', ['--dbpath', (await image.find(path)) ?? '', '-qa', '--qf', format], {
    package: 'rpm',
    keepBytes: 16 << 20,
  });
  if (result.status !== 0) throw toolFailed('rpm -qa', result);
  return result.stdout
    .split('\n')
    .filter(line => line.includes('\t') && !line.startsWith('gpg-pubkey\t'))
    .map(line => {
      const [name = '', version = '', arch = ''] = line.split('\t');
      return { name, version, arch };
    });
}

export interface PackageChange {
  name: string;
  arch: string;
  /** Versions; empty when the package was not installed. Several versions, as of kernels, are separated by commas. */
  before: string;
  after: string;
}

/** Returns the differences between two lists, by name. */
export function comparePackages(before: readonly Package[], after: readonly Package[]): PackageChange[] {
  const versions = (list: readonly Package[]): Map<string, string[]> => {
    const map = new Map<string, string[]>();
    for (const { name, arch, version } of list)
      map.set(`${name}\0${arch}`, [...(map.get(`${name}\0${arch}`) ?? []), version]);
    return map;
  };
  const [old, now] = [versions(before), versions(after)];
  return [...new Set([...old.keys(), ...now.keys()])].sort().flatMap(id => {
    const [name = '', arch = ''] = id.split('\0');
    const [left, right] = [(old.get(id) ?? []).join(', '), (now.get(id) ?? []).join(', ')];
    return left === right ? [] : [{ name, arch, before: left, after: right }];
  });
}
