// Extended attributes and SELinux contexts of files that the initramfs places, set and read by the programs of attr and coreutils.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { runOk } from '../../src/process/run.ts';
import { findProgram, requireAll } from '../support/require.ts';
import { bundle, entry } from './bundles.ts';
import { makePlace, runParts, SHELLS } from './shells.ts';

const CONTEXT = 'system_u:object_r:etc_t:s0';
const OTHER = 'system_u:object_r:shadow_t:s0';

/** Stands in for the image's programs: runs this machine's on the paths of the root. The initramfs has the image's own `cp` too. */
const IN_IMAGE = `
cp() { ${findProgram('cp') ?? 'cp'} "$@"; }
in_image() {
    _left_words=$#
    while [ "$_left_words" -gt 0 ]; do
        case $1 in /*) set -- "$@" "$NEWROOT$1" ;; *) set -- "$@" "$1" ;; esac
        shift
        _left_words=$((_left_words - 1))
    done
    "$@"
}
`;

for (const shell of Object.keys(SHELLS)) {
  const needs = { root: true, programs: [SHELLS[shell]?.[0] ?? '', 'busybox', 'setfattr', 'getfattr', 'chcon'] };

  test(`${shell}: in an image with SELinux, new files have the context of their folder, and others keep theirs`, async t => {
    if (!requireAll(t, needs)) return;
    const place = await makePlace(t);
    const at = (path: string) => join(place.root, path);
    const label = async (path: string, context: string) =>
      runOk('setfattr', ['-n', 'security.selinux', '-v', context, at(path)]);
    // libselinux ends a context with a null byte
    const labelOf = async (path: string) =>
      runOk('getfattr', ['-h', '--only-values', '-n', 'security.selinux', at(path)])
        .then(said => said.replace('\0', ''))
        .catch(() => 'none');
    await mkdir(at('etc/selinux'), { recursive: true });
    await writeFile(at('etc/selinux/config'), '');
    await writeFile(at('etc/shadow'), 'old\n');
    await mkdir(at('srv'));
    await label('etc', CONTEXT);
    await label('etc/shadow', OTHER);
    const { digest, bytes } = bundle([
      entry('/etc/link', '', { type: 'link', target: 'new' }),
      entry('/etc/new', 'new\n'),
      entry('/etc/shadow', 'new\n'),
      entry('/etc/sub', '', { type: 'folder', mode: 0o755 }),
      entry('/etc/wanted', 'x', { xattrs: [['security.selinux', Buffer.from(OTHER)]] }),
      entry('/srv/bare', 'x'),
    ]);
    await mkdir(join(place.run, 'private/files'), { recursive: true });
    await writeFile(join(place.run, 'private/files/bundle'), bytes());
    const script = `${IN_IMAGE} unpack_bundle "$FILES/bundle" ${digest} ''; apply_files; echo "$? $FILES_UNLABELLED"`;
    const { stdout, stderr } = await runParts(shell, place, script);
    t.is(stdout + stderr, '0 /srv/bare \n', 'its folder has no context: the timeline names it');
    for (const [path, context] of Object.entries({
      'etc/link': CONTEXT,
      'etc/new': CONTEXT,
      'etc/shadow': OTHER,
      'etc/sub': CONTEXT,
      'etc/wanted': OTHER,
      'srv/bare': 'none',
    }))
      t.is(await labelOf(path), context, path);
  });

  test(`${shell}: extended attributes arrive as they are, and also when they are empty or have any byte`, async t => {
    if (!requireAll(t, needs)) return;
    const place = await makePlace(t);
    const bytes = Buffer.from([0, 10, 32, 37, 255]);
    const files = bundle([
      entry('/etc/x', 'x', {
        xattrs: [
          ['user.a b%', bytes],
          ['user.empty', Buffer.alloc(0)],
        ],
      }),
    ]);
    await mkdir(join(place.run, 'private/files'), { recursive: true });
    await writeFile(join(place.run, 'private/files/bundle'), files.bytes());
    const script = `${IN_IMAGE} unpack_bundle "$FILES/bundle" ${files.digest} ''; apply_files; echo "$?$FILES_PROBLEM"`;
    t.is((await runParts(shell, place, script)).stdout, '0\n');
    const file = join(place.root, 'etc/x');
    const given = await runOk('getfattr', ['--absolute-names', '-e', 'hex', '-d', file]);
    t.regex(given, /^user\.a b%=0x000a2025ff$/m);
    t.regex(given, /^user\.empty=0x$/m);
  });
}
