// modimg with real dnf on repositories of RPMs made here: the specification's transcripts, the cache, signatures, scripts of packages.
import { existsSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { requireAll } from '../support/require.ts';
import { makeRpmRepos, RPM_PROGRAMS, type RpmRepos } from '../support/rpm-repo.ts';
import { type Output, TestDaemon } from './daemon.ts';

let daemon: TestDaemon;
let repos: RpmRepos | undefined;

const NEEDS = {
  root: true,
  programs: [...RPM_PROGRAMS, 'gpg', 'mksquashfs', 'unsquashfs', 'unshare', 'setpriv', 'bash'],
};

test.before(async () => {
  daemon = await TestDaemon.start();
});
test.after.always(async () => daemon?.stop());

/** The repositories, made for the first test that wants them. */
async function ready(t: ExecutionContext): Promise<RpmRepos | undefined> {
  t.timeout(300_000);
  if (!requireAll(t, NEEDS)) return undefined;
  if (!repos) {
    const folder = join(daemon.folder, 'rpms');
    mkdirSync(folder);
    repos = await makeRpmRepos(folder);
    await ok(t, `muster repo create name=extra urls=file://${repos.extra} check=false`);
    await ok(t, `muster repo create name=vault urls=file://${repos.system} check=false`);
    await ok(t, `muster repo create name=plain urls=http://127.0.0.1:9/gone/,file://${repos.plain} check=false`);
    await ok(t, 'muster distro create name=CentOS_7.3 repos=vault,extra release=7.3.1611');
    await ok(t, 'muster distro create name=CentOS repos=plain,extra release=7 package_manager=yum');
    await ok(t, 'muster cluster --set-distro CentOS');
  }
  return repos;
}

async function ok(t: ExecutionContext, line: string): Promise<Output> {
  const output = await daemon.shell(line);
  if (output.status !== 0) throw new Error(`${line}\n${output.stdout}${output.stderr}`);
  t.notRegex(output.stderr, /^ {4}at /m);
  return output;
}

async function fails(t: ExecutionContext, line: string, says: RegExp): Promise<Output> {
  const output = await daemon.shell(line);
  t.not(output.status, 0, line);
  t.regex(output.stderr, says, line);
  t.notRegex(output.stderr, /bug in muster/, line);
  return output;
}

/** A transcript with what differs from run to run taken out. */
function transcript({ stderr }: Output): string[] {
  return stderr
    .split('\n')
    .map(line =>
      line
        .trim()
        .replace(/\d+:\d\d:\d\d\.\d/g, 'TIME')
        .replace(/[0-9a-f]{32}/, 'UID')
        .replace(/\d+\.\d%/g, 'PERCENT'),
    )
    .filter(line => line !== '');
}

interface Local {
  uid: string;
  name: string;
  sha256: string;
  time: string;
  remote: boolean;
}

const workspace = (): string => join(daemon.folder, '.scyldcw', 'workspace');
const manifest = (): { images: Local[] } => JSON.parse(readFileSync(join(workspace(), 'manifest.json'), 'utf8'));
const local = (name: string): Local | undefined => manifest().images.find(image => image.name === name);

test.serial(
  'the transcript of --create with an archived release: an unreachable repository in the image is disabled',
  async t => {
    if (!(await ready(t))) return;
    const made = await ok(t, 'scyld-modimg --create CentOS_7.3 --set-name CentOS_7.3_img');
    t.deepEqual(transcript(made).slice(0, 15), [
      'Executing step: Create',
      'Preparing the chroot...',
      '...done.',
      'Initializing the chroot...',
      'elapsed: TIME',
      '...initialized.',
      'Installing core packages...',
      'elapsed: TIME',
      'ERROR: One or more repositories in the newly created image are invalid. This',
      'can happen when installing older versions of Linux distributions such as CentOS.',
      "Please consult the Administrator's Guide for more information.",
      'WARNING: The command will be retried with unknown repositories disabled.',
      'elapsed: TIME',
      'step completed in TIME',
      'Packing image CentOS_7.3_img',
    ]);
    const { stdout } = await ok(t, 'scyld-modimg -i CentOS_7.3_img --query');
    t.is(stdout, 'basefiles 1.0-1 x86_64\ncoretool 2-1 x86_64\nlab-release 7.3.1611-1 x86_64\n');
    const node = await ok(
      t,
      "scyld-modimg -i CentOS_7.3_img --execute 'cat /etc/yum.repos.d/clusterware-node.repo /root/coretool.log'",
    );
    t.regex(node.stdout, /\[vault\]\nname=vault\nbaseurl=file:\S+system\nenabled=1\ngpgcheck=0\n\n\[extra\]/);
    t.regex(node.stdout, /\nready\n$/, 'scripts of packages find /dev and /proc');
  },
);

test.serial('the transcript of --chroot, with the commands on standard input', async t => {
  if (!(await ready(t))) return;
  const output = await ok(
    t,
    "echo 'rm /etc/yum.repos.d/dead.repo; cat /etc/os-release' | scyld-modimg -i CentOS_7.3_img --chroot",
  );
  t.deepEqual(transcript(output).slice(0, 8), [
    'Checksumming image UID',
    'elapsed: TIME',
    'Unpacking image UID',
    'PERCENT complete, elapsed: TIME (PERCENT compression)',
    'Checksumming...',
    'elapsed: TIME',
    'Executing step: Chroot',
    'files: 0 changed, 0 new, 1 removed',
  ]);
  t.regex(output.stdout, /ID="lab"/);
  const install = await ok(t, 'scyld-modimg -i CentOS_7.3_img --install openmpi3.1');
  t.true(transcript(install).includes('Executing step: Install'));
  t.is((await ok(t, 'scyld-modimg -i CentOS_7.3_img --query openmpi3.1')).stdout, 'openmpi3.1 3.1.3-1 x86_64\n');
  await ok(t, 'scyld-modimg -i CentOS_7.3_img --uninstall openmpi3.1');
  await fails(t, 'scyld-modimg -i CentOS_7.3_img --query openmpi3.1', /openmpi3\.1 is not installed/);
});

test.serial('a list of repositories, the first URL of one dead; the head gets the image only on request', async t => {
  if (!(await ready(t))) return;
  const made = await ok(
    t,
    'scyld-modimg --create --set-name mpiImage --install openmpi3.1 --no-discard --overwrite --upload',
  );
  t.notRegex(made.stderr, /ERROR|WARNING/);
  t.is(made.stdout, 'created mpiImage\n');
  const { stdout } = await ok(t, 'muster image -i mpiImage ls --json');
  const [shown] = JSON.parse(stdout) as { uid: string; distro: string; content: { sha256: string } }[];
  t.is(shown?.distro, 'CentOS');
  t.is(shown?.uid, local('mpiImage')?.uid);
  t.is(shown?.content.sha256, local('mpiImage')?.sha256);
  t.is((await ok(t, 'scyld-modimg ls')).stdout.match(/mpiImage: .* the same as on the head/)?.length, 1);
  t.is(statSync(join(workspace(), local('mpiImage')?.uid ?? '')).mode & 0o777, 0o600);
});

test.serial('scripts of packages: one needs a certain kernel, and one fails', async t => {
  if (!(await ready(t))) return;
  const refused = await fails(t, 'scyld-modimg -i mpiImage --install driver', /ERROR: .*dnf/);
  t.notRegex(refused.stderr, /Packing/);
  await ok(t, 'scyld-modimg -i mpiImage --install driver --chroot 5.14.0-9.el9 </dev/null');
  t.regex((await ok(t, 'scyld-modimg -i mpiImage --query driver')).stdout, /^driver 7-1/);
  const broken = await ok(t, 'scyld-modimg -i mpiImage --install broken');
  t.regex(broken.stderr, /WARNING: %post\(broken-1-1\.\w+\) scriptlet failed, exit status 3/);
});

test.serial('uname in all its forms, /proc and name resolution inside; nothing of it stays in the image', async t => {
  if (!(await ready(t))) return;
  writeFileSync(
    join(daemon.folder, 'look'),
    'for o in -r -a -mr; do /usr/bin/uname $o; done; cat /proc/sys/kernel/osrelease; cat /etc/resolv.conf >/dev/null && [ -c /dev/null ] && echo net\n',
  );
  const { stdout, stderr } = await ok(t, 'scyld-modimg -i mpiImage --copyin look /root --chroot 5.14.0-9.el9 < look');
  t.regex(stdout, /^5\.14\.0-9\.el9\nLinux \S+ 5\.14\.0-9\.el9 #.*\n5\.14\.0-9\.el9 x86_64\n5\.14\.0-9\.el9\nnet\n$/);
  t.regex(stderr, /files: 0 changed, 1 new, 0 removed/);
  await ok(t, 'scyld-modimg -i mpiImage --upload');
});

test.serial('files are copied to where they belong, and not through links out of the image', async t => {
  if (!(await ready(t))) return;
  mkdirSync(join(daemon.folder, 'outside'));
  mkdirSync(join(daemon.folder, 'tree', 'sub'), { recursive: true });
  writeFileSync(join(daemon.folder, 'tree', 'sub', 'file'), 'x');
  await ok(
    t,
    `scyld-modimg -i mpiImage --execute 'rm -rf /outside; ln -s ${daemon.folder}/outside /out; ln -s ${daemon.folder}/outside/new /root/new'`,
  );
  await fails(t, 'scyld-modimg -i mpiImage --copyin look /out/', /has no folder \/out\//);
  await fails(t, 'scyld-modimg -i mpiImage --copyin look /root/new', /is a link in the image/);
  await fails(t, 'scyld-modimg -i mpiImage --copyin look /nowhere/look', /has no folder \/nowhere/);
  t.deepEqual(statSync(join(daemon.folder, 'outside')).nlink, 2);
  t.false(existsSync(join(daemon.folder, 'outside', 'look')));
  const { stdout } = await ok(
    t,
    "scyld-modimg -i mpiImage --copyin tree /root --copyin look /root/renamed --execute 'find /root/tree /root/renamed'",
  );
  t.regex(stdout, /\/root\/tree\/sub\/file\n/);
  t.regex(stdout, /\/root\/renamed\n/);
  await ok(t, 'scyld-modimg -i mpiImage --upload');
});

test.serial('a careful umask, a file that cannot be removed, a dry run, and what cp alone can copy', async t => {
  if (!(await ready(t))) return;
  const from = join(daemon.folder, 'plain-tree');
  mkdirSync(join(from, 'etc'), { recursive: true });
  await ok(t, `mkdir ${from}/opt; mkfifo ${from}/opt/pipe; cd ${from}; tar -cf ../plain-tree.tar etc`);
  await ok(t, 'umask 077; scyld-modimg --import plain-tree.tar --set-name Careful --upload');
  await ok(t, `scyld-modimg -i Careful --copyin ${from}/opt /opt`);
  await ok(t, `unsquashfs -q -n -o 1048576 -d ${from}/out .scyldcw/workspace/${local('Careful')?.uid}`);
  t.is(statSync(`${from}/out`).mode & 0o777, 0o755, '/ of the image is for all');
  t.true(statSync(`${from}/out/opt/pipe`).isFIFO());
  const dry = await ok(t, 'scyld-modimg -i Careful --delete --dry-run');
  t.regex(dry.stdout, /Careful: Delete\nDry run/);
  t.truthy(local('Careful'));
  // As a killed modimg leaves it.
  const left = join(workspace(), 'work-killed');
  await ok(t, `mkdir ${left}; touch ${left}/fixed; chattr +i ${left}/fixed || true`);
  await ok(t, 'scyld-modimg -i Careful --delete');
  t.false(existsSync(left));
  await ok(t, 'scyld-imgctl -i Careful delete');
});

test.serial('signatures: good ones, a missing one, no key at all', async t => {
  const made = await ready(t);
  if (!made) return;
  await ok(t, `muster repo create name=signed urls=file://${made.signed} keys=file://${made.key}`);
  await ok(t, `muster repo create name=other urls=file://${made.extraSigned} keys=file://${made.extraKey}`);
  await ok(t, 'muster distro create name=two repos=signed,other release=7 package_manager=dnf');
  await ok(t, `muster repo create name=half urls=file://${made.halfSigned} keys=file://${made.key}`);
  await ok(t, `muster repo create name=keyless urls=file://${made.signed}`);
  for (const name of ['signed', 'half', 'keyless'])
    await ok(t, `muster distro create name=${name} repos=${name} release=7 package_manager=dnf`);
  t.notRegex((await ok(t, 'muster repo -i signed ls -l')).stdout, /check/);
  await ok(t, 'scyld-modimg --create two --set-name SignedImage --install openmpi3.1');
  await ok(t, 'scyld-modimg -i SignedImage --uninstall openmpi3.1 --install driver --chroot 5.14.0-9.el9 </dev/null');
  await fails(
    t,
    'scyld-modimg --create half --set-name HalfImage --install openmpi3.1',
    /is not signed|GPG check FAILED/,
  );
  if (!existsSync('/etc/pki/rpm-gpg')) {
    const refused = await fails(t, 'scyld-modimg --create keyless --set-name Keyless', /The repo keyless has no keys/);
    t.notRegex(refused.stderr, /Initializing/, 'nothing was downloaded');
    t.regex(refused.stderr, /muster repo -i keyless update check=false/);
  }
  t.deepEqual(
    manifest().images.filter(({ name }) => /Half|Keyless/.test(name)),
    [],
  );
  await ok(t, 'muster modimg -i SignedImage --delete');
});

test.serial('the package manager that an image was created with is shown by its distro from then on', async t => {
  if (!(await ready(t))) return;
  await ok(t, 'muster distro create name=Found repos=plain,extra release=7');
  t.regex((await ok(t, 'scyld-clusterctl distros -i Found ls -l')).stdout, /package_manager:\n/);
  await ok(t, 'scyld-modimg --create Found --set-name FoundImage');
  t.regex((await ok(t, 'scyld-clusterctl distros -i Found ls -l')).stdout, /package_manager: (dnf|zypper)\n/);
  await ok(t, 'scyld-modimg -i FoundImage --delete');
});

test.serial('a distro that cannot work is refused before anything is downloaded', async t => {
  if (!(await ready(t))) return;
  await ok(t, "muster repo create name=var 'urls=http://127.0.0.1:9/$releasever/os/' check=false");
  await ok(t, 'muster distro create name=norelease repos=var package_manager=dnf');
  await ok(t, 'muster distro create name=norepo release=7');
  await fails(
    t,
    'scyld-modimg --create norelease --set-name X',
    /has \$releasever in .*, but the distro norelease has no release/,
  );
  await fails(t, 'scyld-modimg --create norepo --set-name X', /The distro norepo has no repos/);
  await fails(t, 'scyld-modimg --create nosuch --set-name X', /No distro found for ID=nosuch/);
  await ok(t, 'muster distro -i norelease update release=7 package_manager=');
  await fails(
    t,
    'scyld-modimg --create norelease --set-name X',
    /The repo var cannot be read, or of unknown kind: http:\/\/127\.0\.0\.1:9\/7\/os\/repodata\/repomd\.xml: \w/,
  );
  await ok(t, 'muster distro -i norelease update package_manager=dnf');
  await fails(t, 'scyld-modimg --create norelease --set-name X', /The repository var cannot be read: .*127\.0\.0\.1/);
});

test.serial('changes in stages: kept without an upload, found again by name; --freshen forgets them', async t => {
  if (!(await ready(t))) return;
  await ok(t, "scyld-modimg -i mpiImage --execute 'echo one >/root/stage'");
  t.regex((await ok(t, 'scyld-modimg ls')).stdout, /mpiImage: .* differs from the head/);
  t.is((await ok(t, "scyld-modimg -i mpiImage --execute 'cat /root/stage'")).stdout, 'one\n');
  await ok(t, 'scyld-modimg -i mpiImage --freshen');
  await fails(t, "scyld-modimg -i mpiImage --execute 'cat /root/stage'", /No such file/);
});

test.serial('eviction: older than an hour, and the head has the same by UID and name', async t => {
  if (!(await ready(t))) return;
  await ok(t, 'scyld-modimg -i mpiImage --freshen');
  const age = (minutes: number): void => {
    const { images } = manifest();
    const time = new Date(Date.now() - minutes * 60_000).toISOString();
    writeFileSync(
      join(workspace(), 'manifest.json'),
      JSON.stringify({ images: images.map(image => ({ ...image, time })) }),
    );
  };
  age(59);
  await ok(t, 'scyld-modimg ls');
  t.truthy(local('mpiImage'));
  await ok(t, "scyld-modimg -i mpiImage --execute 'echo changed >/root/stage'");
  age(61);
  await ok(t, 'scyld-modimg ls');
  t.truthy(local('mpiImage'), 'what differs from the head stays');
  await ok(t, 'scyld-modimg -i mpiImage --upload');
  age(61);
  const { stderr } = await ok(t, 'scyld-modimg ls');
  t.regex(stderr, /The local copy of mpiImage .* older than an hour/);
  t.is(local('mpiImage'), undefined);
  t.truthy(local('CentOS_7.3_img'), 'what the head does not have stays');
});

test.serial('the caching section: a UID mismatch, and both remedies', async t => {
  if (!(await ready(t))) return;
  await ok(t, 'scyld-imgctl -i mpiImage clone name=stale');
  await ok(t, "scyld-modimg -i stale --execute 'echo precious >/root/stage'");
  const before = local('stale');
  await ok(t, 'scyld-imgctl -i stale delete');
  await ok(t, 'scyld-imgctl -i mpiImage clone name=stale');
  t.regex(
    (await ok(t, 'scyld-modimg ls')).stdout,
    /stale: .*deleted on the head, which has another image of this name/,
  );
  await ok(t, "scyld-modimg -i stale --execute 'echo more >>/root/stage'");
  const refused = await fails(t, 'scyld-modimg -i stale --upload', /^ERROR: No image found for ID=[0-9a-f]{32}$/m);
  t.true(refused.stderr.includes(before?.uid ?? '-'));

  // To keep the changes: the new UID into the manifest, the file renamed, and sent.
  const { stdout } = await ok(t, 'scyld-imgctl --show-uids ls stale');
  const uid = /stale \(([0-9a-f]{32})\)/.exec(stdout)?.[1] ?? '';
  const text = readFileSync(join(workspace(), 'manifest.json'), 'utf8');
  writeFileSync(join(workspace(), 'manifest.json'), text.replace(before?.uid ?? '-', uid));
  renameSync(join(workspace(), before?.uid ?? '-'), join(workspace(), uid));
  await ok(t, 'scyld-modimg -i stale --upload');
  await ok(t, 'scyld-modimg -i stale --freshen');
  t.is(
    (await ok(t, "scyld-modimg -i stale --execute 'cat /root/stage'")).stdout,
    'changed\nprecious\nmore\n'.slice('changed\n'.length),
  );

  // Else: the local copy is dropped, and the next run fetches the right one.
  await ok(t, 'scyld-imgctl -i stale delete');
  await ok(t, 'scyld-imgctl -i mpiImage clone name=stale');
  t.is((await ok(t, 'scyld-modimg -i stale --delete')).stdout, 'deleted the local copy of stale\n');
  t.is((await ok(t, "scyld-modimg -i stale --execute 'cat /root/stage'")).stdout, 'changed\n');
  t.is(local('stale')?.uid, /\(([0-9a-f]{32})\)/.exec((await ok(t, 'scyld-imgctl --show-uids ls stale')).stdout)?.[1]);
});

test.serial(
  'recreating an image that was deleted from the head, as the chapter on the default image has it',
  async t => {
    if (!(await ready(t))) return;
    const create = 'scyld-modimg --create CentOS --set-name again --overwrite --upload';
    await ok(t, create);
    await ok(t, 'scyld-imgctl -i again rm');
    t.regex((await ok(t, create)).stdout, /^created again$/m);
    await ok(t, 'scyld-imgctl -i again rm');
    t.regex(
      (await ok(t, 'scyld-modimg -i mpiImage --execute true --set-name again --overwrite --upload')).stdout,
      /created again/,
    );
    t.regex((await ok(t, 'scyld-modimg ls again')).stdout, /again: .* the same as on the head/);
    await ok(t, "scyld-modimg -i again --execute 'echo x >/root/x'");
    const sent = await ok(t, 'scyld-modimg -i again --query coretool --upload');
    t.regex(sent.stdout, /^coretool 2-1 x86_64\nagain: content: /, 'a query and an upload in one');
    await ok(t, 'scyld-modimg -i again --delete && scyld-imgctl -i again rm');
  },
);

test.serial('a new image replaces one of the head only on request; a frozen one never', async t => {
  if (!(await ready(t))) return;
  await ok(t, 'scyld-modimg -i stale --delete');
  await fails(
    t,
    'scyld-modimg --create --set-name stale --upload',
    /The head already has an image stale; nothing was sent/,
  );
  await fails(t, 'scyld-modimg --create --set-name stale --upload', /A local image stale already exists/);
  await ok(t, 'scyld-modimg -i stale --upload --overwrite');
  await ok(t, 'muster image -i stale update frozen=true');
  const refused = await fails(t, 'scyld-modimg -i stale --execute true --upload', /The image stale is frozen/);
  t.notRegex(refused.stderr, /Unpacking/, 'refused before the work');
  await ok(t, 'muster image -i stale update frozen=false');
});

test.serial('a changed image under a new name: the old one stays, and the new one knows its parent', async t => {
  if (!(await ready(t))) return;
  await ok(t, 'scyld-modimg -i mpiImage --uninstall openmpi3.1 --install broken --set-name child --upload');
  const [shown] = JSON.parse((await ok(t, 'muster image -i child ls --json')).stdout) as { parent: string }[];
  t.is(shown?.parent, 'mpiImage');
  t.is(
    (await ok(t, 'muster image diff child')).stdout,
    'mpiImage -> child: 1 package differs\n- openmpi3.1 3.1.3-1 x86_64\n',
  );
  t.regex(
    (await ok(t, 'muster image -i child history')).stdout,
    /^child\n {2}\d{4}-.* .*modimg .*\nfrom mpiImage, created from the distro CentOS\n/,
  );
  t.deepEqual(JSON.parse((await ok(t, 'muster image diff mpiImage mpiImage --json')).stdout), {
    before: 'mpiImage',
    after: 'mpiImage',
    changes: [],
  });
});

test.serial('a damaged local copy is found, and --freshen mends it', async t => {
  if (!(await ready(t))) return;
  const file = join(workspace(), local('child')?.uid ?? '');
  const bytes = readFileSync(file);
  bytes[bytes.length - 40_000] = (bytes[bytes.length - 40_000] ?? 0) ^ 0xff;
  writeFileSync(file, bytes);
  await fails(
    t,
    'scyld-modimg -i child --execute true',
    /The local copy of child is damaged.*\nFetch it again: muster modimg -i child --freshen/,
  );
  await ok(t, 'scyld-modimg -i child --freshen --execute true');
});

test.serial('a manifest that an administrator broke is an error that says where, and loses nothing', async t => {
  if (!(await ready(t))) return;
  const file = join(workspace(), 'manifest.json');
  const good = readFileSync(file, 'utf8');
  writeFileSync(file, good.replace(/"uid": "[0-9a-f]{32}"/, '"uid": "0815"'));
  await fails(t, 'scyld-modimg ls', /manifest\.json: images\.uid must be a UID of 32 hex digits \(entry 1\)/);
  writeFileSync(file, good.slice(0, -4));
  await fails(t, 'scyld-modimg -i child --execute true', /manifest\.json is not JSON/);
  writeFileSync(file, good);
  await ok(t, 'scyld-modimg ls');
});

test.serial('the workspace of settings.ini; and all local images deleted at once', async t => {
  if (!(await ready(t))) return;
  mkdirSync(join(daemon.folder, 'elsewhere'));
  writeFileSync(join(daemon.folder, '.scyldcw', 'settings.ini'), `modimg.workspace = ${daemon.folder}/elsewhere\n`);
  await ok(t, 'scyld-modimg -i child --execute true');
  t.true(existsSync(join(daemon.folder, 'elsewhere', 'manifest.json')));
  t.is((await ok(t, 'scyld-modimg --all --delete')).stdout, 'deleted the local copy of child\n');
  writeFileSync(join(daemon.folder, '.scyldcw', 'settings.ini'), '[modimg]\nworkspace = relative\n');
  await fails(t, 'scyld-modimg ls', /modimg\.workspace must be an absolute path/);
  writeFileSync(join(daemon.folder, '.scyldcw', 'settings.ini'), `[modimg]\nworkspace = ${daemon.folder}/look\n`);
  await fails(
    t,
    'scyld-modimg ls',
    /The workspace .* cannot be used.*\nName another folder in ~\/\.scyldcw\/settings\.ini/,
  );
  writeFileSync(join(daemon.folder, '.scyldcw', 'settings.ini'), '');
  await ok(t, 'scyld-modimg --all --delete');
  t.deepEqual(manifest(), { images: [] });
});
