import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { requireAll } from '../support/require.ts';
import { giveSession, makePlace, type Place, runParts, SHELLS } from './shells.ts';

const UID = '0123456789abcdef0123456789abcdef';
const SESSION = {
  MUSTER_IMAGE: 'Img',
  MUSTER_STYLE: 'roram',
  MUSTER_HOSTNAME: 'n7',
  MUSTER_NODE_UID: UID,
  MUSTER_DNS: '10.54.0.1 10.54.0.2',
  MUSTER_DOMAIN: 'cluster.local',
  MUSTER_FAILURE_SECS: 5,
};
const read = (place: Place, name: string) => readFile(join(place.root, name), 'utf8').catch(() => undefined);

for (const shell of Object.keys(SHELLS)) {
  const programs = [SHELLS[shell]?.[0] ?? '', 'busybox'];

  test(`${shell}: an image made for any node becomes this node's root`, async t => {
    if (!requireAll(t, { programs })) return;
    const place = await makePlace(t);
    await giveSession(place, SESSION);
    const fstab = '# /etc/fstab\nUUID=1 / ext4 errors=remount-ro 0 1\nLABEL=data\t/data xfs noauto 0 0\n';
    await writeFile(join(place.root, 'etc/fstab'), fstab);
    await writeFile(join(place.root, 'etc/machine-id'), 'uninitialized\n');
    await writeFile(join(place.root, 'etc/resolv.conf'), '# nothing here\n');
    t.is((await runParts(shell, place, 'prepare_root')).status, 0);
    t.is(await read(place, 'etc/hostname'), 'n7\n');
    t.is(await readFile(join(place.proc, 'sys/kernel/hostname'), 'utf8'), 'n7\n');
    t.is(await read(place, 'etc/machine-id'), `${UID}\n`);
    t.is(await read(place, 'etc/resolv.conf'), 'search cluster.local\nnameserver 10.54.0.1\nnameserver 10.54.0.2\n');
    t.is(await read(place, 'etc/fstab'), fstab.replace('UUID=1', '#muster# UUID=1'));
  });

  test(`${shell}: what the image has for itself is left alone`, async t => {
    if (!requireAll(t, { programs })) return;
    const place = await makePlace(t);
    await giveSession(place, { ...SESSION, MUSTER_NODE_UID: 'not-hexadecimal' });
    await symlink('../run/systemd/resolve/stub-resolv.conf', join(place.root, 'etc/resolv.conf'));
    await writeFile(join(place.root, 'etc/fstab'), 'tmpfs /tmp tmpfs defaults 0 0');
    t.is((await runParts(shell, place, 'prepare_root')).status, 0);
    t.is(await read(place, 'etc/machine-id'), '', 'a UID that is no machine-id leaves the choice to systemd');
    t.is(await read(place, 'etc/resolv.conf'), undefined);
    t.is(await read(place, 'etc/fstab'), 'tmpfs /tmp tmpfs defaults 0 0');
    await writeFile(join(place.root, 'etc/machine-id'), 'f'.repeat(32));
    t.is((await runParts(shell, place, 'prepare_root')).status, 0);
    t.is(await read(place, 'etc/machine-id'), 'f'.repeat(32));
  });

  test(`${shell}: a root that cannot start, and an unknown style, are reported before the switch`, async t => {
    if (!requireAll(t, { programs })) return;
    const place = await makePlace(t);
    await giveSession(place, SESSION);
    const ending = async (script: string) => (await runParts(shell, place, script)).console.split('\n')[0];
    t.is(await ending('check_root'), '<3>muster: the image Img has no folder /proc; make it in the image');
    for (const name of ['proc', 'sys', 'dev', 'run']) await mkdir(join(place.root, name));
    await writeFile(join(place.folder, 'console'), '');
    t.regex((await ending('check_root')) ?? '', /has no \/sbin\/init; install systemd-sysv/);
    await writeFile(join(place.folder, 'console'), '');
    t.regex((await ending('MUSTER_STYLE=nosuch; choose_style')) ?? '', /style nosuch; it knows: .*roram rwram/);
    await writeFile(join(place.folder, 'console'), '');
    t.regex((await ending('MUSTER_STYLE=../lib/base; choose_style')) ?? '', /is no name of a style/);
    await writeFile(join(place.folder, 'console'), '');
    t.regex((await ending('MUSTER_RW_LAYER=aufs; choose_style')) ?? '', /'aufs' is not known/);
  });
}
