// Installers end to end: the command line, a living daemon, and real clients (curl, dnf) on its boot plane, each node by an address of its own.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { parse } from 'yaml';
import { AdminClient } from '../../src/api/client.ts';
import { MEMBERS } from '../../src/api/members.ts';
import { OBJECTS } from '../../src/api/objects.ts';
import type { Fields } from '../../src/cli/content.ts';
import type { Kind } from '../../src/model/kind-words.ts';
import { installationTree, layFiles, makeIso } from '../support/iso.ts';
import { findProgram, requireAll } from '../support/require.ts';
import { type Output, TestDaemon } from './daemon.ts';
import { kernelFile } from './files.ts';

const NEEDS = { programs: ['xorriso', 'curl'] };
const KERNEL = kernelFile('5.14.0-427.el9.x86_64');
const INITRAMFS = Buffer.alloc(200_000, 'initramfs ');

/** A daemon with the repo Muster9 of an ISO image, the boot config Install of it, and nodes n0 and n1. */
async function installing(t: ExecutionContext, kickstart = 'basic.ks') {
  const daemon = await TestDaemon.start();
  t.teardown(async () => daemon.stop());
  const done = async (...words: string[]): Promise<string> => {
    const { status, stdout, stderr } = await daemon.run('muster', ...words);
    t.is(status, 0, `${words.join(' ')}: ${stderr}`);
    return stdout;
  };
  mkdirSync(join(daemon.folder, 'kickstarts'));
  layFiles(join(daemon.folder, 'tree'), installationTree(KERNEL, INITRAMFS, { 'sub/link': '->../images/install.img' }));
  const iso = await makeIso(join(daemon.folder, 'tree'), join(daemon.folder, 'Muster-9-dvd.iso'));
  const client = new AdminClient({ socket: daemon.socket });
  t.teardown(async () => client.close());
  const create = async (kind: Kind, body: Fields | Fields[]) => client.call(OBJECTS.create, { kind, body });
  await create('repo', { name: 'Muster9', iso: { upload: (await client.upload(iso, () => {})).id } });
  await create('boot', { name: 'Install', repo: 'Muster9', kickstart, cmdline: 'inst.sshd quiet' });
  const attributes = { _boot_config: 'Install', _boot_style: 'next' };
  await client.call(MEMBERS.set, { kind: 'attrib', body: attributes });
  const nodes = [0, 1].map(index => ({ mac: `52:54:00:54:00:0${index}`, ip: `127.0.0.10${index}` }));
  await create(
    'node',
    nodes.map(node => ({ ...node, attributes: { _boot_once: 'live' } })),
  );
  const base = `http://127.0.0.1:${daemon.port}`;
  const curl = async (node: number, ...words: string[]): Promise<Output> =>
    daemon.run(findProgram('curl') ?? 'curl', '-sS', '--interface', `127.0.0.10${node}`, ...words);
  /** The kernel's words in the node's script, by name. */
  const script = async (node: number): Promise<{ text: string; words: Map<string, string>; url: string }> => {
    const { stdout: text } = await curl(node, `${base}/boot/v1/script`);
    const words = new Map(
      (/^kernel .*$/m.exec(text)?.[0] ?? '').split(' ').map(word => {
        const at = word.indexOf('=');
        return at < 0 ? [word, ''] : [word.slice(0, at), word.slice(at + 1)];
      }),
    );
    return { text, words, url: (words.get('inst.ks') ?? '').replace(/\/kickstart$/, '') };
  };
  const own = (name: string, text: string): void => writeFileSync(join(daemon.folder, 'kickstarts', name), text);
  return { daemon, done, curl, script, own, base, iso };
}

test.serial('an ISO-based repo shows its label and URLs, and its download equals the upload', async t => {
  if (!requireAll(t, NEEDS)) return;
  const { daemon, done, iso } = await installing(t);
  const shown = await done('repo', '-i', 'Muster9', 'ls', '-l');
  t.regex(shown, /isolabel: MUSTER-9-x86_64-dvd\n/);
  t.regex(
    shown,
    /urls\n {6}<BASE_URL>\/isomount\/Muster9\/(BaseOS|AppStream)\/\n {6}<BASE_URL>\/isomount\/Muster9\/\w+\/\n/,
  );
  t.regex(shown, /family: Muster Linux\n/);
  t.is((await daemon.run('scyld-clusterctl', 'repos', '-i', 'Muster9', 'download', 'iso', 'back.iso')).status, 0);
  t.true(readFileSync(join(daemon.folder, 'back.iso')).equals(readFileSync(iso)));
  await done('repo', '-i', 'Muster9', 'update', 'name=Muster94');
  t.regex(
    await done('repo', '-i', 'Muster94', 'ls', '-l'),
    /<BASE_URL>\/isomount\/Muster94\/BaseOS\//,
    'URLs follow the name',
  );
  await done('repo', '-i', 'Muster94', 'update', 'iso=');
  t.regex(await done('repo', '-i', 'Muster94', 'ls', '-l'), /urls: \[\]/);
});

test.serial(
  "the files of the image: whole, in ranges, by HEAD, behind links; '..' and what is not there are refused",
  async t => {
    if (!requireAll(t, NEEDS)) return;
    const { curl, base, daemon } = await installing(t);
    const at = `${base}/isomount/Muster9`;
    await curl(0, '-o', 'treeinfo', `${at}/.treeinfo`);
    t.true(readFileSync(join(daemon.folder, 'treeinfo')).equals(readFileSync(join(daemon.folder, 'tree/.treeinfo'))));
    t.is((await curl(0, '-r', '3-8', `${at}/images/pxeboot/initrd.img`)).stdout, INITRAMFS.toString('latin1', 3, 9));
    const head = (await curl(0, '-I', `${at}/sub/link`)).stdout;
    t.regex(head, /200 OK/);
    t.regex(head, /content-length: 300000/i);
    t.regex(head, /accept-ranges: bytes/i);
    t.regex((await curl(0, `${at}//BaseOS/`)).stdout, /<a href="repodata\/">repodata\/<\/a>/);
    for (const path of [
      'gone',
      '../../etc/passwd',
      '..%2f..%2fetc%2fpasswd',
      'BaseOS/%2e%2e/.treeinfo',
      '%00',
      '.treeinfo/below',
    ])
      t.is(
        (await curl(0, '--path-as-is', '-o', '/dev/null', '-w', '%{http_code}', `${at}/${path}`)).stdout,
        '404',
        path,
      );
    t.is((await curl(0, '-o', '/dev/null', '-w', '%{http_code}', `${base}/isomount/Other/.treeinfo`)).stdout, '404');
  },
);

test.serial(
  'style live: kernel and initramfs are ranges of the image, and the command line has tree and answers',
  async t => {
    if (!requireAll(t, NEEDS)) return;
    const { curl, script, base, daemon } = await installing(t);
    const { words, url } = await script(0);
    t.is(words.get('inst.repo'), `${base}/isomount/Muster9`);
    t.is(words.get('inst.stage2'), `${base}/isomount/Muster9`);
    t.true(words.has('inst.ks.sendmac') && words.has('inst.sshd'));
    t.is(words.get('BOOTIF'), '01-52-54-00-54-00-00');
    await curl(0, '-o', 'kernel', `${url}/kernel`);
    t.true(readFileSync(join(daemon.folder, 'kernel')).equals(KERNEL));
    await curl(0, '-o', 'initramfs', `${url}/initramfs`);
    t.true(readFileSync(join(daemon.folder, 'initramfs')).equals(INITRAMFS));
    t.is((await curl(0, '-o', '/dev/null', '-w', '%{http_code}', `${url}/image`)).stdout, '404');
  },
);

test.serial("a word of the boot config's own cmdline replaces muster's", async t => {
  if (!requireAll(t, NEEDS)) return;
  const { done, script } = await installing(t);
  await done(
    'boot',
    '-i',
    'Install',
    'update',
    'cmdline=inst.repo=http://mirror.example.org/9/ ip=192.0.2.1::::n0:eth0:off',
  );
  const { words, text } = await script(0);
  t.is(words.get('inst.repo'), 'http://mirror.example.org/9/');
  t.is(text.match(/inst\.repo=/g)?.length, 1);
  t.notRegex(text, /ip=dhcp/);
});

test.serial(
  'two nodes fetch the same kickstart at once: each gets its own values, and neither the other one',
  async t => {
    if (!requireAll(t, NEEDS)) return;
    const { curl, script, own, done } = await installing(t, 'site.ks');
    own(
      'site.ks',
      'ip <node[ip]> <n[name]> <a[_boot_config]> <hardware[mac]>\nhash <attributes[hash]>\nurl --url <root_url()>\nend <installed_url()>\n',
    );
    for (const node of [0, 1]) await done('node', '-i', `n${node}`, 'set', `hash=$6$secret${node}`);
    const scripts = await Promise.all([script(0), script(1)]);
    const header = ['-H', 'X-RHN-Provisioning-MAC-0: eth0 52:54:00:54:00:00', '-H', 'X-Anaconda-Architecture: x86_64'];
    const texts = await Promise.all(
      Array.from(
        { length: 20 },
        async (_, at) => (await curl(at % 2, ...header, scripts[at % 2]?.words.get('inst.ks') ?? '')).stdout,
      ),
    );
    for (const [at, text] of texts.entries()) {
      const node = at % 2;
      t.true(
        text.startsWith(`ip 127.0.0.10${node} n${node} Install 52:54:00:54:00:0${node}\nhash $6$secret${node}\n`),
        text,
      );
      t.true(text.includes(`/isomount/Muster9\nend ${scripts[node]?.url}/installed\n`));
    }
    const other = await curl(1, '-w', '%{http_code}', scripts[0]?.words.get('inst.ks') ?? '');
    t.regex(other.stdout, /belongs to 127\.0\.0\.100.*403$/s);
    t.notRegex(other.stdout, /secret/);
    const timeline = await done('node', '-i', 'n0', 'timeline');
    t.regex(timeline, /initramfs .*the installer fetched site\.ks \(x86_64, eth0 52:54:00:54:00:00\)/);
    t.notRegex(timeline, /secret/);
  },
);

test.serial(
  'a kickstart that cannot be filled stops the boot at its script, with file, line and column on console and timeline',
  async t => {
    if (!requireAll(t, NEEDS)) return;
    const { curl, script, own, done, daemon, base } = await installing(t, 'site.ks');
    t.regex((await script(0)).text, /n0 cannot boot: There is no kickstart file site\.ks/);
    own('site.ks', 'lang <head[lang]>\n  rootpw <node[passwort]> <nod[ip]>\n<root_ulr()>\n');
    t.regex((await script(0)).text, /cannot boot: site\.ks:2:10: <node\[passwort\]> has no value/);
    const { status, stderr } = await daemon.run('muster', 'kickstart', 'render', 'n0', 'site.ks');
    t.is(status, 2);
    t.regex(stderr, /site\.ks:2:10: <node\[passwort\]>/);
    t.regex(stderr, /site\.ks:2:27: <nod\[ip\]> is unknown: .*; did you mean 'node'\?/);
    t.regex(stderr, /site\.ks:3:1: <root_ulr\(\)> is unknown: .*; did you mean 'root_url'\?/);
    t.regex(await done('node', '-i', 'n0', 'timeline'), /script .*site\.ks:2:10/);
    own('site.ks', 'lang <head[lang]>\n');
    const { url } = await script(0);
    // Broken after the script was given: the installer is told, and so is the administrator.
    own('site.ks', '<node[gone]>');
    t.regex((await curl(0, '-w', '%{http_code}', `${url}/kickstart`)).stdout, /site\.ks:1:1: .*500$/s);
    t.regex(await done('node', '-i', 'n0', 'timeline'), /initramfs .*site\.ks:1:1/);
    t.is((await curl(0, '-o', '/dev/null', '-w', '%{http_code}', `${base}/boot/v1/kickstart`)).stdout, '404');
  },
);

test.serial('no name of a kickstart file leaves its folder', async t => {
  if (!requireAll(t, NEEDS)) return;
  const { daemon } = await installing(t);
  for (const name of ['../muster.toml', '/etc/shadow', '.hidden', 'a/b', 'x'.repeat(200)]) {
    t.is((await daemon.run('muster', 'boot', '-i', 'Install', 'update', `kickstart=${name}`)).status, 2, name);
    t.is((await daemon.run('muster', 'kickstart', 'render', 'n0', name)).status, 2, name);
  }
});

test.serial(
  "kickstart ls and render: shipped files, the site's own before them, and a file of this machine",
  async t => {
    if (!requireAll(t, NEEDS)) return;
    const { done, own } = await installing(t);
    t.regex(await done('kickstart', 'ls'), /basic\.ks +\S+ \S+ +came with muster; used by Install\n/);
    for (const name of ['basic.ks', 'basic.preseed', 'basic.yaml']) {
      const text = await done('kickstart', 'render', 'n0', name);
      t.notRegex(text, /<\w+[[(]/, name);
      t.regex(text, /\/boot\/v1\/SESSION\/installed/);
    }
    own('basic.ks', "the site's own for <node[name]>\n");
    t.is(await done('kickstart', 'render', 'n1', 'basic.ks'), "the site's own for n1\n");
    t.regex(
      await done('kickstart', 'ls', '-l'),
      /basic\.ks .*the site's own; used by Install; every user of the head can read it; \//,
    );
    own('try.txt', 'a trial, \\<node[ip]> stays: <node[ip]>\n');
    t.is(await done('kickstart', 'render', 'n0', '@kickstarts/try.txt'), 'a trial, <node[ip]> stays: 127.0.0.100\n');
    t.deepEqual(JSON.parse(await done('kickstart', 'ls', '--json'))[0].used_by, ['Install']);
  },
);

test.serial(
  '_boot_once is for one boot: taken when the initramfs is asked for, in the audit trail, and the style before is back',
  async t => {
    if (!requireAll(t, NEEDS)) return;
    const { curl, script, done } = await installing(t);
    t.regex(await done('node', '-i', 'n0', 'explain'), /boot style is live \(_boot_once of n0\)/);
    // A script alone takes nothing: iPXE may begin again.
    await script(0);
    const { words, url } = await script(0);
    await curl(0, '-I', `${url}/initramfs`);
    t.regex(await done('node', '-i', 'n0', 'explain'), /_boot_once=live/);
    await curl(0, '-o', '/dev/null', `${url}/initramfs`);
    t.notRegex(await done('node', '-i', 'n0', 'explain'), /_boot_once/);
    t.regex(
      await done('log', '--node', 'n0'),
      /muster \(boot\) {2}node -i n0 clear _boot_once: boot [0-9a-f]{12} takes live\n$/,
    );
    // The boot goes on as it was planned, and one that is set now is for the next boot.
    t.is((await curl(0, '-o', '/dev/null', '-w', '%{http_code}', words.get('inst.ks') ?? '')).stdout, '200');
    await done('node', '-i', 'n0', 'set', '_boot_once=live');
    await curl(0, '-o', '/dev/null', `${url}/initramfs`);
    t.regex(await done('node', '-i', 'n0', 'explain'), /_boot_once=live/);
    t.regex(await done('node', '-i', 'n1', 'explain'), /_boot_once=live/, 'the other node keeps its own');
  },
);

test.serial('_boot_once of a style that leaves the node to its disk is taken by its script', async t => {
  if (!requireAll(t, NEEDS)) return;
  const { script, done } = await installing(t);
  await done('node', '-i', 'n0', 'set', '_boot_style=live', '_boot_once=next');
  t.notRegex((await script(0)).text, /^kernel /m);
  t.regex(await done('log', '--node', 'n0'), /clear _boot_once: boot [0-9a-f]{12} takes next\n$/);
  t.regex((await script(0)).text, /^kernel .* inst\.ks=/m);
});

test.serial('_boot_once is refused on a group, with what to do', async t => {
  if (!requireAll(t, NEEDS)) return;
  const { daemon } = await installing(t);
  for (const words of [
    ['set', '_boot_once=live'],
    ['create', 'name=g', 'attributes={"_boot_once":"live"}'],
  ]) {
    const { status, stderr } = await daemon.run('muster', 'attrib', ...words);
    t.is(status, 2);
    if (words[0] === 'set') t.regex(stderr, /_boot_once' is for nodes: muster node -i %GROUP set _boot_once=live/);
  }
  t.is((await daemon.run('muster', 'node', '-i', 'n0', 'set', '_boot_once=lives')).status, 2);
});

test.serial(
  'the end of an installation closes the session; told twice it is no error, and a look at it ends nothing',
  async t => {
    if (!requireAll(t, NEEDS)) return;
    const { curl, script, done, daemon } = await installing(t);
    const { url } = await script(0);
    const code = async (node: number, ...words: string[]): Promise<string> =>
      (await curl(node, '-o', '/dev/null', '-w', '%{http_code}', ...words)).stdout;
    t.is(await code(0, '-I', `${url}/installed`), '404');
    t.is(await code(1, '-X', 'POST', `${url}/installed`), '403');
    t.is(await code(0, `${url}/kickstart`), '200');
    t.is(await code(0, '-X', 'POST', `${url}/installed`), '200');
    t.is(await code(0, '-X', 'POST', '-d', 'x=y', `${url}/installed`), '200');
    t.is(await code(0, `${url}/installed`), '200');
    t.is(await code(0, `${url}/kickstart`), '410');
    t.is(await code(1, `${url}/installed`), '403');
    t.regex(await done('node', '-i', 'n0', 'timeline'), /Install as live.*: installed in [\d.]+ s\n/);
    const { stdout } = await daemon.run('muster', 'node', '-i', 'n0', 'status');
    t.is(stdout, 'n0: local: installed; nothing was received from it since\n');
  },
);

test.serial(
  'an ISO image that is none, is cut short, or has no installer: refused at the upload or at the boot, with the reason',
  async t => {
    if (!requireAll(t, NEEDS)) return;
    const { daemon, iso, script, done } = await installing(t);
    writeFileSync(join(daemon.folder, 'none.iso'), Buffer.alloc(100_000));
    writeFileSync(join(daemon.folder, 'cut.iso'), readFileSync(iso).subarray(0, 500_000));
    for (const [file, why] of [
      ['none.iso', /ERROR: The file is not an ISO 9660 image/],
      ['cut.iso', /ERROR: .*cut short/],
    ] as const) {
      const { status, stderr } = await daemon.run('muster', 'repo', 'create', 'name=bad', `iso=@${file}`);
      t.is(status, 2);
      t.regex(stderr, why);
    }
    t.is((await daemon.run('muster', 'repo', '-i', 'bad', 'ls')).status, 4, 'nothing was created');
    layFiles(join(daemon.folder, 'plain'), { 'repodata/repomd.xml': '<repomd/>' });
    await makeIso(join(daemon.folder, 'plain'), join(daemon.folder, 'plain.iso'));
    await done('repo', 'create', 'name=Plain', 'iso=@plain.iso');
    await done('boot', '-i', 'Install', 'update', 'repo=Plain');
    t.regex(
      (await script(0)).text,
      /cannot boot: the ISO image of the repo Plain has no installer: it has no \.treeinfo/,
    );
    await done('boot', '-i', 'Install', 'update', 'repo=');
    t.regex((await script(0)).text, /has nothing to boot as live: update repo=NAME of a repo with an ISO image/);
  },
);

test.serial(
  'a new image in the repo does not reach an installation under way, and the old one is kept for it',
  async t => {
    if (!requireAll(t, NEEDS)) return;
    const { daemon, done, curl, script, base } = await installing(t);
    await script(0);
    layFiles(join(daemon.folder, 'tree'), { 'new/file': 'new' });
    await makeIso(join(daemon.folder, 'tree'), join(daemon.folder, 'new.iso'));
    await done('repo', '-i', 'Muster9', 'update', 'iso=@new.iso');
    await done('storage', 'gc');
    const code = async (node: number, path: string): Promise<string> =>
      (await curl(node, '-o', '/dev/null', '-w', '%{http_code}', `${base}/isomount/Muster9/${path}`)).stdout;
    t.is(await code(0, 'new/file'), '404');
    t.is(await code(0, '.treeinfo'), '200');
    t.is(await code(1, 'new/file'), '200');
    await script(0);
    t.is(await code(0, 'new/file'), '200', 'its next boot has the new one');
  },
);

test.serial("dnf installs a package from the repositories of the image, by the repo's own URLs", async t => {
  if (!requireAll(t, { programs: [...NEEDS.programs, 'rpmbuild', 'createrepo_c', 'dnf'] })) return;
  t.timeout(180_000);
  const { daemon, done, base } = await installing(t);
  const rpms = join(daemon.folder, 'rpms');
  mkdirSync(rpms);
  const spec =
    'Name: muster-probe\nVersion: 1\nRelease: 1\nSummary: x\nLicense: x\nBuildArch: noarch\n%description\nx\n%install\nmkdir -p %{buildroot}/etc\necho probe > %{buildroot}/etc/muster-probe\n%files\n/etc/muster-probe\n';
  writeFileSync(join(daemon.folder, 'probe.spec'), spec);
  const topdir = ['--define', `_topdir ${daemon.folder}/rpmbuild`, '--define', `_rpmdir ${rpms}`];
  t.is((await daemon.run('rpmbuild', ...topdir, '-bb', 'probe.spec')).status, 0);
  t.is((await daemon.run('createrepo_c', '-q', rpms)).status, 0);
  layFiles(join(daemon.folder, 'dvd'), { readme: 'x' });
  t.is((await daemon.run('cp', '-r', rpms, join(daemon.folder, 'dvd/BaseOS'))).status, 0);
  await makeIso(join(daemon.folder, 'dvd'), join(daemon.folder, 'dvd.iso'));
  await done('repo', 'create', 'name=Dvd', 'iso=@dvd.iso');
  const [{ urls }] = JSON.parse(await done('repo', '-i', 'Dvd', 'ls', '--json')) as [{ urls: string[] }];
  t.deepEqual(urls, ['<BASE_URL>/isomount/Dvd/BaseOS/']);
  const root = join(daemon.folder, 'root');
  const { status, stdout, stderr } = await daemon.run(
    'dnf',
    ...['-y', `--installroot=${root}`, `--repofrompath=dvd,${urls[0]?.replace('<BASE_URL>', base)}`, '--repo=dvd'],
    ...['--nogpgcheck', '--setopt=reposdir=/none', '--releasever=9', `--setopt=cachedir=${daemon.folder}/cache`],
    ...['install', 'muster-probe'],
  );
  t.is(status, 0, stdout + stderr);
  t.is(readFileSync(join(root, 'etc/muster-probe'), 'utf8'), 'probe\n');
});

test.serial("Ubuntu's layout: the whole image and a seed as cloud-init asks for it", async t => {
  if (!requireAll(t, NEEDS)) return;
  const { daemon, done, curl, base } = await installing(t, 'basic.yaml');
  layFiles(join(daemon.folder, 'ubuntu'), { 'casper/vmlinuz': KERNEL, 'casper/initrd': INITRAMFS });
  const iso = await makeIso(join(daemon.folder, 'ubuntu'), join(daemon.folder, 'ubuntu.iso'));
  await done('repo', 'create', 'name=Ubuntu', 'iso=@ubuntu.iso');
  await done('boot', '-i', 'Install', 'update', 'repo=Ubuntu');
  const { stdout } = await curl(0, `${base}/boot/v1/script`);
  const [, seed = ''] = / autoinstall ds=nocloud-net;s=(\S+)/.exec(stdout) ?? [];
  const [, image = ''] = / url=(\S+\.iso) /.exec(stdout) ?? [];
  await curl(0, '-o', 'fetched.iso', image);
  t.true(readFileSync(join(daemon.folder, 'fetched.iso')).equals(readFileSync(iso)));
  const data = (await curl(0, `${seed}user-data`)).stdout;
  t.regex(data, /^#cloud-config\n[\s\S]* {4}hostname: n0\n/);
  const { autoinstall } = parse(data) as { autoinstall: { 'late-commands': string[] } };
  t.regex(
    autoinstall['late-commands'][0] ?? '',
    /^curtin in-target -- sh -c 'd=\$\(mktemp -d\) && curl \S+ --pinnedpubkey \S+ https:\/\/\S+\/agent\.tar \| tar -xC \$d && echo \w+-\w{16}-\w{32} \| sh \$d\/enroll \S+ \S+' \|\| true$/,
  );
  t.regex(await done('kickstart', 'render', 'n0', 'basic.yaml'), /sh -c 'ENROLMENT' /, 'a preview has no token');
  t.regex((await curl(0, `${seed}meta-data`)).stdout, /^instance-id: muster-[0-9a-f]{12}\nlocal-hostname: n0\n$/);
  t.is((await curl(1, '-o', '/dev/null', '-w', '%{http_code}', `${seed}user-data`)).stdout, '403');
  t.is((await curl(0, '-o', '/dev/null', '-w', '%{http_code}', `${seed}vendor-data`)).stdout, '404');
});

test.serial('the shipped preseed is right for debconf, and the shipped autoinstall is YAML', async t => {
  if (!requireAll(t, { programs: [...NEEDS.programs, 'debconf-set-selections'] })) return;
  const { daemon, done } = await installing(t);
  writeFileSync(join(daemon.folder, 'preseed'), await done('kickstart', 'render', 'n0', 'basic.preseed'));
  const judged = await daemon.run('debconf-set-selections', '--checkonly', 'preseed');
  t.is(judged.status, 0, judged.stderr);
  t.is(judged.stderr, '');
  const data = parse(await done('kickstart', 'render', 'n0', 'basic.yaml')) as { autoinstall: Record<string, unknown> };
  t.like(data.autoinstall, { version: 1, identity: { hostname: 'n0' } });
});
