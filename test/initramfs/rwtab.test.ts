import { chmod, mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { requireAll } from '../support/require.ts';
import { makePlace, type Place, runParts, SHELLS } from './shells.ts';

/** Applies the table of an image tree; a mount becomes a line `BIND copy path`. Answers the paths bound. */
async function apply(t: ExecutionContext, shell: string, place: Place): Promise<string[]> {
  const script = `
    . "$MUSTER_LIB/lib/rw_rwtab"
    bind_path() { echo "BIND $1 $2"; }
    mkdir -p "$PRIVATE/rw"
    rwtab_apply "$NEWROOT" "$PRIVATE/rw"
    echo "COUNT $RWTAB_COUNT"`;
  const { status, stdout, stderr } = await runParts(shell, place, script);
  t.is(status, 0, stderr);
  const lines = stdout
    .trim()
    .split('\n')
    .map(line => line.split(' '));
  const bound = lines
    .filter(([word]) => word === 'BIND')
    .map(([, copy, path]) => {
      const name = path?.slice(place.root.length) ?? '';
      t.is(copy, `${place.run}/private/rw${name}`);
      return name;
    });
  t.deepEqual(lines.at(-1), ['COUNT', String(bound.length)]);
  return bound;
}

async function put(place: Place, files: Record<string, string>): Promise<void> {
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(place.root, name)), { recursive: true });
    await writeFile(join(place.root, name), content);
  }
}

for (const shell of Object.keys(SHELLS)) {
  const programs = [SHELLS[shell]?.[0] ?? '', 'busybox'];

  test(`${shell}: empty, dirs and files each copy what their name says`, async t => {
    if (!requireAll(t, { programs })) return;
    const place = await makePlace(t);
    await put(place, {
      'etc/rwtab':
        '# a comment\nempty /srv/empty\ndirs\t/srv/dirs\nfiles /srv/files/\nfiles /srv/one\nempty /srv/emptied\nodd /srv/odd\nfiles relative\n',
      'srv/empty/a': 'x',
      'srv/dirs/sub/deep/a': 'x',
      'srv/files/sub/a': 'kept',
      'srv/one': 'kept too',
      'srv/emptied': 'gone',
      'srv/odd/a': 'x',
    });
    await chmod(join(place.root, 'srv/empty'), 0o1777);
    t.deepEqual(await apply(t, shell, place), ['/srv/dirs', '/srv/emptied', '/srv/empty', '/srv/files', '/srv/one']);
    const copy = join(place.run, 'private/rw/srv');
    t.deepEqual((await readdir(copy, { recursive: true })).sort(), [
      'dirs',
      'dirs/sub',
      'dirs/sub/deep',
      'emptied',
      'empty',
      'files',
      'files/sub',
      'files/sub/a',
      'one',
    ]);
    t.is(await readFile(join(copy, 'files/sub/a'), 'utf8'), 'kept');
    t.is(await readFile(join(copy, 'emptied'), 'utf8'), '');
    t.is((await stat(join(copy, 'empty'))).mode & 0o7777, 0o1777);
  });

  test(`${shell}: the image's own line counts before the built-in one, and a path below another only adds to its copy`, async t => {
    if (!requireAll(t, { programs })) return;
    const place = await makePlace(t);
    await put(place, {
      // Built in: dirs /var/log, files /var/spool, empty /tmp.
      'etc/rwtab': 'files /var/log\n',
      'etc/rwtab.d/site': 'files /var/cache/app/state\nfiles /var/spool/mail\n',
      'var/log/app/old.log': 'line',
      'var/cache/app/state/x': 'state',
      'var/cache/app/other': 'dropped',
      'var/spool/mail/root': 'mail',
      'tmp/junk': 'x',
    });
    t.deepEqual(await apply(t, shell, place), ['/tmp', '/var/cache', '/var/log', '/var/spool']);
    const copy = join(place.run, 'private/rw/var');
    t.is(await readFile(join(copy, 'log/app/old.log'), 'utf8'), 'line');
    t.is(await readFile(join(copy, 'spool/mail/root'), 'utf8'), 'mail');
    // `dirs /var/cache` leaves the folder empty; the line below it asks for its content.
    t.is(await readFile(join(copy, 'cache/app/state/x'), 'utf8'), 'state');
    t.deepEqual((await readdir(join(copy, 'cache/app'))).sort(), ['state']);
  });

  test(`${shell}: what leads out of the image by a link or by dots is left alone`, async t => {
    if (!requireAll(t, { programs })) return;
    const place = await makePlace(t);
    await put(place, {
      'etc/rwtab': 'files /link/x\nfiles /etc/resolv.conf\nfiles /a/../b\nfiles //c\nfiles /gone\n',
      'real/x': '1',
      b: '1',
      c: '1',
    });
    await symlink('/', join(place.root, 'link'));
    await symlink('/etc/passwd', join(place.root, 'etc/resolv.conf'));
    t.deepEqual(await apply(t, shell, place), []);
  });
}
