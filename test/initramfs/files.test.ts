import {
  chmod,
  chown,
  lchown,
  link as linkFile,
  lstat,
  mkdir,
  readdir,
  readFile,
  readlink,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { requireAll } from '../support/require.ts';
import { type Bundle, bundle, entry } from './bundles.ts';
import { makePlace, type Place, runParts, SHELLS } from './shells.ts';

/** Prints the status of the applier, and what is wrong with which file. */
const APPLY = `
unpack_bundle "$FILES/bundle" "$DIGEST" '' || { echo "unpack: $FILES_PROBLEM"; exit; }
apply_files; echo "$? $FILES_PATH|$FILES_PROBLEM|$FILES_LEFT_OUT|$FILES_LOCAL"
`;

async function apply(shell: string, place: Place, { digest, bytes }: Bundle, script = APPLY): Promise<string> {
  await mkdir(join(place.run, 'private/files'), { recursive: true });
  await writeFile(join(place.run, 'private/files/bundle'), bytes());
  const result = await runParts(shell, place, script, { DIGEST: digest });
  return result.stdout.trim() + result.stderr;
}

for (const shell of Object.keys(SHELLS)) {
  const programs = [SHELLS[shell]?.[0] ?? '', 'busybox'];

  test(`${shell}: files, folders and links of a bundle are in the root, with their modes`, async t => {
    if (!requireAll(t, { programs })) return;
    const place = await makePlace(t);
    const at = (path: string) => join(place.root, path);
    await symlink('../run/resolve/stub.conf', at('etc/resolv.conf'));
    await mkdir(at('usr/lib'), { recursive: true });
    await symlink('usr/lib', at('lib'));
    await symlink('/etc', at('usr/absolute'));
    await symlink(at('usr'), at('etc/zone'));
    const files = bundle([
      entry('/etc/resolv.conf', 'nameserver 10.54.0.1\n'),
      entry('/etc/munge', '', { type: 'folder', mode: 0o700 }),
      entry('/etc/munge/munge.key', 'secret', { mode: 0o400, secret: true }),
      entry('/etc/a b%c', 'odd name\n'),
      entry('/etc/empty', ''),
      entry('/etc/zone', '', { type: 'link', target: '../usr/share/zone info/UTC' }),
      entry('/lib', '', { type: 'folder', mode: 0o755 }),
      entry('/lib/unit/x.service', '[Unit]\n', { mode: 0o4755 }),
      entry('/usr/absolute/by-link', 'inside\n'),
    ]);
    t.is(await apply(shell, place, files), '0 /usr/absolute/by-link|||');
    t.is(await readFile(at('etc/resolv.conf'), 'utf8'), 'nameserver 10.54.0.1\n');
    t.false((await lstat(at('etc/resolv.conf'))).isSymbolicLink());
    t.is((await lstat(at('etc/munge'))).mode & 0o7777, 0o700);
    t.is((await lstat(at('etc/munge/munge.key'))).mode & 0o7777, 0o400);
    t.is((await lstat(at('usr/lib/unit/x.service'))).mode & 0o7777, 0o4755);
    t.is(await readFile(at('etc/a b%c'), 'utf8'), 'odd name\n');
    t.is(await readlink(at('etc/zone')), '../usr/share/zone info/UTC');
    t.is(await readFile(at('etc/by-link'), 'utf8'), 'inside\n', 'an absolute link leads to a folder of the root');
    t.true((await lstat(at('lib'))).isSymbolicLink(), 'a link to a folder stays one');
    t.deepEqual(
      (await readdir(at('etc'))).filter(name => name.startsWith('.')),
      [],
    );
    t.is(await apply(shell, place, files), '0 /usr/absolute/by-link|||', 'a second time changes nothing');
    t.false(await exists(join(place.run, 'private/files/plan'), 'size'));
  });

  test(`${shell}: a folder above a file, which no set has, keeps the mode of the image`, async t => {
    if (!requireAll(t, { programs })) return;
    const place = await makePlace(t);
    const at = (path: string) => join(place.root, path);
    await mkdir(at('tmp'));
    await chmod(at('tmp'), 0o1777);
    const above = (path: string) => entry(path, '', { type: 'folder', mode: 0o755, keepsLocalEdits: true });
    const files = bundle([above('/tmp'), entry('/tmp/x', 'x'), above('/new'), entry('/new/x', 'x')]);
    t.regex(await apply(shell, place, files), /^0 /);
    t.is(await readFile(at('tmp/x'), 'utf8'), 'x');
    t.is((await lstat(at('tmp'))).mode & 0o7777, 0o1777);
    t.is((await lstat(at('new'))).mode & 0o7777, 0o755);
    t.regex(await apply(shell, place, bundle([])), /^0 /);
    t.is((await lstat(at('tmp'))).mode & 0o7777, 0o1777);
    t.false(await exists(at('new')));
  });

  test(`${shell}: what cannot be placed is named, and nothing was changed`, async t => {
    if (!requireAll(t, { programs })) return;
    const place = await makePlace(t);
    const at = (path: string) => join(place.root, path);
    await writeFile(at('etc/hosts'), 'old\n');
    await writeFile(at('etc/passwd'), 'root:x:0:0::/root:/bin/sh\n');
    await mkdir(at('etc/folder'));
    await symlink('circle', at('etc/circle'));
    await symlink('/proc/self', at('etc/proc'));
    const refused = async (bad: ReturnType<typeof entry>) => {
      const files = bundle([entry('/etc/hosts', 'new\n'), bad]);
      const said = await apply(shell, place, files);
      t.is(await readFile(at('etc/hosts'), 'utf8'), 'old\n', said);
      t.deepEqual(
        (await readdir(at('etc'))).filter(name => name.startsWith('.')),
        [],
      );
      return said;
    };
    t.is(
      await refused(entry('/etc/munge.key', 'x', { owner: 'munge' })),
      "1 /etc/munge.key|its owner 'munge' is not in the image's /etc/passwd||",
    );
    t.is(
      await refused(entry('/etc/x', 'x', { group: 'no one' })),
      "1 /etc/x|its group 'no one' is not in the image's /etc/group||",
    );
    t.is(await refused(entry('/etc/folder', 'x')), '1 /etc/folder|the image has a folder there||');
    t.is(await refused(entry('/etc/hosts/x', 'x')), '1 /etc/hosts/x|/etc/hosts is no folder||');
    t.is(
      await refused(entry('/etc/proc/x', 'x')),
      '1 /etc/proc/x|it leads to /proc/self/x, which is made by the running system||',
    );
    t.is(await refused(entry('/etc/circle/x', 'x')), '1 /etc/circle/x|links lead in a circle||');
    t.is(await refused(entry('/etc/../x', 'x')), '1 /etc/../x|its path is not in its plain form||');
    t.is(
      await refused(entry('/etc/x', 'x', { xattrs: [['user.a', Buffer.from('b')]] })),
      '1 /etc/x|it has extended attributes, and the image has no setfattr; install the package attr into it||',
    );
    const optional = bundle([
      entry('/etc/hosts', 'new\n'),
      entry('/etc/munge.key', 'x', { owner: 'munge', optional: true }),
    ]);
    t.is(
      await apply(shell, place, optional),
      "0 /etc/munge.key||/etc/munge.key: its owner 'munge' is not in the image's /etc/passwd; |",
    );
    t.is(await readFile(at('etc/hosts'), 'utf8'), 'new\n');
  });

  test(`${shell}: a bundle with other bytes than its digests is refused`, async t => {
    if (!requireAll(t, { programs })) return;
    const place = await makePlace(t);
    const good = bundle([entry('/etc/hosts', 'content\n')]);
    const other = { ...good, digest: 'a'.repeat(64) };
    t.is(await apply(shell, place, other), 'unpack: the index arrived with another SHA-256 than the head promised');
    const damaged = { ...good, bytes: () => Buffer.from(good.bytes().toString().replace('content', 'CONTENT')) };
    t.is(await apply(shell, place, damaged), 'unpack: a file arrived with another SHA-256 than its index has');
    const short = { ...good, bytes: () => good.bytes().subarray(0, -1) };
    t.is(await apply(shell, place, short), 'unpack: a file arrived with another SHA-256 than its index has');
    t.is(await apply(shell, place, good), '0 /etc/hosts|||');
  });

  test(`${shell}: names and blocks join the file of the image, and leave it again`, async t => {
    if (!requireAll(t, { programs })) return;
    const place = await makePlace(t);
    const at = (path: string) => join(place.root, path);
    const own = `${process.getuid?.()}:${process.getgid?.()}`;
    const passwd = 'root:x:0:0::/root:/bin/sh\n# a comment\nmail:x:8:8::/:\nami:x:9:9::/:\n\n+::::::';
    await writeFile(at('etc/passwd'), passwd);
    await writeFile(at('etc/sudoers'), 'first\n# END of line');
    const names = { merge: 'names' } as const;
    const files = bundle([
      entry('/etc/passwd', `ami:x:1009:9::/home/ami:\n# ours\nmunge:x:${own}::/:`, names),
      entry('/etc/group', 'munge:x:1:\n', names),
      entry('/etc/key', 'k', { owner: 'munge', mode: 0o600 }),
      entry('/etc/sudoers', 'block \\ one\n', { merge: 'block' }),
      entry('/etc/block', 'alone\n', { merge: 'block' }),
    ]);
    t.is(await apply(shell, place, files), '0 /etc/sudoers|||');
    const merged = `root:x:0:0::/root:/bin/sh\n# a comment\nmail:x:8:8::/:\nami:x:1009:9::/home/ami:\n\n+::::::\nmunge:x:${own}::/:\n`;
    t.is(await readFile(at('etc/passwd'), 'utf8'), merged);
    t.is(
      await readFile(at('etc/sudoers'), 'utf8'),
      'first\n# END of line\n# BEGIN muster\nblock \\ one\n# END muster\n',
    );
    await writeFile(at('etc/passwd'), `${merged}local:x:7:7::/:\n`);
    const later = bundle([
      entry('/etc/passwd', `slurm:x:${own}::/:\n`, names),
      entry('/etc/key', 'k', { owner: 'slurm', mode: 0o600 }),
      entry('/etc/sudoers', 'two\n', { merge: 'block' }),
    ]);
    t.is(await apply(shell, place, later), '0 /etc/block|||');
    t.is(
      await readFile(at('etc/passwd'), 'utf8'),
      `root:x:0:0::/root:/bin/sh\n# a comment\nmail:x:8:8::/:\nami:x:9:9::/:\n\n+::::::\nlocal:x:7:7::/:\nslurm:x:${own}::/:\n`,
      'a user who left is what the image had, and a local one stays',
    );
    t.is(await readFile(at('etc/sudoers'), 'utf8'), 'first\n# END of line\n# BEGIN muster\ntwo\n# END muster\n');
    t.false(await exists(at('etc/block')));
    t.false(await exists(at('etc/group')));
    t.is(await apply(shell, place, bundle([])), '0 /etc/key|||');
    t.is(await readFile(at('etc/passwd'), 'utf8'), `${passwd}\nlocal:x:7:7::/:\n`);
    t.is(await readFile(at('etc/sudoers'), 'utf8'), 'first\n# END of line\n');
  });

  test(`${shell}: a file that leaves the set is the image's again; local edits stay where the set says so`, async t => {
    if (!requireAll(t, { programs })) return;
    const place = await makePlace(t);
    const at = (path: string) => join(place.root, path);
    await writeFile(at('etc/hosts'), 'of the image\n');
    await chmod(at('etc/hosts'), 0o640);
    await symlink('UTC', at('etc/localtime'));
    const keep = { keepsLocalEdits: true } as const;
    const files = (content: string) =>
      bundle([
        entry('/etc/hosts', content),
        entry('/etc/localtime', content),
        entry('/etc/new/folder', '', { type: 'folder', mode: 0o755 }),
        entry('/etc/new/folder/file', content),
        entry('/etc/kept', content, keep),
      ]);
    t.is(await apply(shell, place, files('one')), '0 /etc/new/folder/file|||');
    await writeFile(at('etc/kept'), 'edited');
    await writeFile(at('etc/hosts'), 'edited');
    t.is(await apply(shell, place, files('two')), '0 /etc/new/folder/file|||/etc/kept');
    t.is(await readFile(at('etc/kept'), 'utf8'), 'edited');
    t.is(await readFile(at('etc/hosts'), 'utf8'), 'two');
    await rm(at('etc/hosts'));
    t.is(
      await apply(shell, place, files('two')),
      '0 /etc/new/folder/file|||/etc/kept',
      'a file that was removed comes back',
    );
    t.is(await readFile(at('etc/hosts'), 'utf8'), 'two');
    t.regex(await apply(shell, place, bundle([])), /^0 /);
    t.is(await readFile(at('etc/hosts'), 'utf8'), 'of the image\n');
    t.is((await lstat(at('etc/hosts'))).mode & 0o7777, 0o640);
    t.is(await readlink(at('etc/localtime')), 'UTC');
    t.false(await exists(at('etc/new/folder')));
    t.is(await readFile(at('etc/kept'), 'utf8'), 'edited');
    t.is(await apply(shell, place, bundle([entry('/etc/hosts', 'three')])), '0 /etc/hosts|||');
    t.is(await readFile(at('etc/hosts'), 'utf8'), 'three');
  });

  test(`${shell}: a user who owns a folder cannot lead root to files that are not theirs`, async t => {
    if (!requireAll(t, { root: true, programs: [...programs, 'unshare', 'mount'] })) return;
    const place = await makePlace(t);
    const at = (path: string) => join(place.root, path);
    const [ann, keys] = [1000, 'home/ann/.ssh/authorized_keys'];
    const block = { merge: 'block', owner: '1000', group: '1000', mode: 0o600 } as const;
    const folder = { type: 'folder', owner: '1000', group: '1000', mode: 0o700 } as const;
    const files = bundle([
      entry('/home', '', { type: 'folder', keepsLocalEdits: true }),
      entry('/home/ann', '', { type: 'folder', keepsLocalEdits: true }),
      entry('/home/ann/.ssh', '', folder),
      entry(`/${keys}`, 'ours\n', block),
      entry('/home/ann/plain', 'plain\n', { owner: '1000', group: '1000' }),
    ]);
    await mkdir(at('home/ann/.ssh'), { recursive: true });
    for (const path of ['home/ann', 'home/ann/.ssh']) await chown(at(path), ann, ann);
    await writeFile(at('etc/shadow'), 'root:hash\n', { mode: 0o600 });
    const link = async (target: string, path: string) => {
      await symlink(target, at(path));
      await lchown(at(path), ann, ann);
    };
    const untouched = async (said: string) => {
      t.is(await readFile(at('etc/shadow'), 'utf8'), 'root:hash\n', said);
      t.like(await lstat(at('etc/shadow')), { uid: 0, mode: 0o100600 }, said);
      t.is((await lstat(at('etc'))).uid, 0, said);
      t.deepEqual(await readdir(at('etc')), ['shadow'], said);
    };
    // Names that the new files might have, and the file that a block joins
    for (const number of [0, 1, 2, 3]) {
      await link(at('etc/shadow'), `home/ann/.muster-${number}`);
      await link('../../../etc/shadow', `home/ann/.ssh/.muster-${number}`);
    }
    await link(at('etc/shadow'), keys);
    await untouched(await apply(shell, place, files));
    t.is(await readFile(at(keys), 'utf8'), '# BEGIN muster\nours\n# END muster\n');
    t.like(await lstat(at(keys)), { uid: ann, mode: 0o100600 });
    t.is(await readFile(at('home/ann/plain'), 'utf8'), 'plain\n');
    await writeFile(at(keys), 'mine\n');
    await chown(at(keys), ann, ann);
    await untouched(await apply(shell, place, files));
    t.is(await readFile(at(keys), 'utf8'), 'mine\n# BEGIN muster\nours\n# END muster\n', 'what is hers stays');
    await rm(at(keys));
    await linkFile(at('etc/shadow'), at(keys));
    const several = await apply(shell, place, files);
    t.is(several, `1 /${keys}|the file there has further names (hard links); remove them||`);
    await rm(at(keys));
    await untouched(several);
    await rm(at('home/ann/.ssh'), { recursive: true });
    await link(at('etc'), 'home/ann/.ssh');
    const refused = await apply(shell, place, files);
    t.is(refused, '1 /home/ann/.ssh|/home/ann/.ssh is a link that does not belong to root||');
    await untouched(refused);
    const left = await apply(shell, place, bundle([]));
    t.regex(left, /^0 /, 'a folder that is a link now has nothing of ours');
    await untouched(left);
  });

  test(`${shell}: in a file system where everybody writes, new files have a folder of root`, async t => {
    if (!requireAll(t, { root: true, programs: [...programs, 'unshare', 'mount'] })) return;
    const place = await makePlace(t);
    await mkdir(join(place.root, 'scratch'));
    await writeFile(join(place.root, 'etc/victim'), 'safe\n');
    const files = bundle([
      entry('/scratch', '', { type: 'folder', keepsLocalEdits: true }),
      entry('/scratch/x', 'new\n'),
    ]);
    const script = (mode: string) => `
      mount -t tmpfs -o mode=${mode} none "$NEWROOT/scratch" && cd "$NEWROOT/scratch" || exit 1
      for n in 0 1 2; do ln -s ../etc/victim ".muster-$n"; done
      ${APPLY}
      cat x "$NEWROOT/etc/victim"; [ ! -e .muster-own ] && [ ! -L x ]; echo "$?"`;
    await mkdir(join(place.run, 'private/files'), { recursive: true });
    await writeFile(join(place.run, 'private/files/bundle'), files.bytes());
    const { stdout } = await runParts(shell, place, script('1777'), { DIGEST: files.digest }, ['unshare', '-m']);
    t.is(stdout, '0 /scratch/x|||\nnew\nsafe\n0\n');
  });
}

async function exists(path: string, what: 'there' | 'size' = 'there'): Promise<boolean> {
  const found = await lstat(path).catch(() => undefined);
  return found !== undefined && (what === 'there' || found.size > 0);
}
