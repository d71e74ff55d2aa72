// Faults between a real musterd and real clients on a wire of their own: `why` names each.
import { mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { BOOTS } from '../../src/api/boots.ts';
import { runOk } from '../../src/process/run.ts';
import { storedFiles } from '../lab/inside.ts';
import { findProgram, requireAll } from '../support/require.ts';
import { INITRAMFS_BYTES, WiredHead } from '../support/wired-head.ts';

const MAC = '52:54:00:00:00:01';
const OTHER_MAC = '52:54:00:00:00:99';
const ADDRESS = '10.54.0.100/24';
const PROGRAMS = ['ip', 'nft', 'curl', 'udhcpc', 'mksquashfs'];

/** Drops frames whose IP packet is longer than this, in both directions. */
const drops = (bytes: number): string =>
  `table bridge faults { chain forward { type filter hook forward priority 0; ether type ip meta length > ${bytes} drop; }; }`;

test.serial(
  'a path that drops frames over 1,200 bytes is named by TFTP and by HTTP, with the size that passes',
  async t => {
    t.timeout(300_000);
    if (!requireAll(t, { root: true, programs: PROGRAMS })) return;
    const wired = await WiredHead.start({ isUnprivileged: true });
    t.teardown(async () => wired.stop());
    await wired.fill(MAC);
    const node = await wired.addMachine('n0', MAC, ADDRESS);
    await wired.filter(drops(1200));
    await node.dhcp('firmware');
    const curl = findProgram('curl') ?? 'curl';
    const out = join(wired.folder, 'out');
    await wired.background(node, [curl, '-s', '--tftp-blksize', '1468', '-o', out, 'tftp://10.54.0.1/snponly.efi']);
    const byTftp = await wired.whyUntil('path-mtu');
    t.log(byTftp);
    t.is(byTftp.rule, 'path-mtu');
    t.regex(byTftp.cause, /drops large packets: 1200 bytes pass, and 1201 bytes or more do not/);
    t.regex(byTftp.remedy ?? '', /ip link set dev br0 mtu 1200/);
    t.true(byTftp.evidence.some(line => /^TFTP snponly\.efi: 0 of \d+ blocks acknowledged, .*1500 bytes/.test(line)));

    await node.dhcp('ipxe');
    await wired.background(node, [curl, '-s', '-o', out, 'http://10.54.0.1:8080/boot/v1/script']);
    const byHttp = await wired.whyUntil('path-mtu');
    t.log(byHttp);
    t.is(byHttp.rule, 'path-mtu');

    await wired.machine.ip('link set dev br0 mtu 1200');
    const script = await node.get('/boot/v1/script');
    t.regex(script, /^#!ipxe/, 'the remedy works');
  },
);

test.serial('a full disk of the head is named with its file system, and the node boots once there is room', async t => {
  t.timeout(300_000);
  if (!requireAll(t, { root: true, programs: PROGRAMS })) return;
  const wired = await WiredHead.start({ stateBytes: 64 << 20 });
  t.teardown(async () => wired.stop());
  await wired.fill(MAC);
  const node = await wired.addMachine('n0', MAC, ADDRESS);
  await node.dhcp('ipxe');
  const filler = join(wired.head.state, 'filler');
  // Until nothing more goes in
  await runOk('sh', ['-c', 'cat /dev/zero >"$1" 2>/dev/null || :', 'sh', filler]);
  t.notRegex(await node.get('/boot/v1/script'), /^#!ipxe/);
  const found = await wired.whyUntil('head-disk-full');
  t.log(found);
  t.is(found.rule, 'head-disk-full');
  t.true(found.cause.includes(`(${wired.head.state} has 0 MiB of 64 MiB free)`), found.cause);
  t.regex(found.remedy ?? '', /muster storage gc/);
  await runOk('rm', [filler]);
  t.regex(await node.get('/boot/v1/script'), /^#!ipxe/, 'the remedy works');
  t.is((await wired.why()).verdict, 'waiting');
});

test.serial('a stored initramfs of the right size with another content is named', async t => {
  t.timeout(300_000);
  if (!requireAll(t, { root: true, programs: PROGRAMS })) return;
  const wired = await WiredHead.start();
  t.teardown(async () => wired.stop());
  await wired.fill(MAC);
  const node = await wired.addMachine('n0', MAC, ADDRESS);
  const initramfs = (await storedFiles({ head: wired.head })).find(({ size }) => size === INITRAMFS_BYTES);
  const handle = await open(initramfs?.path ?? '', 'r+');
  await handle.write(Buffer.from('damaged'), 0, 7, 4000);
  await handle.close();
  await node.dhcp('ipxe');
  const script = await node.get('/boot/v1/script');
  for (const name of ['kernel', 'initramfs']) {
    const [, path = ''] = new RegExp(`http://[^/]*(/\\S*/${name})`).exec(script) ?? [];
    await node.run([findProgram('curl') ?? 'curl', '-sS', '-o', '/dev/null', `http://10.54.0.1:8080${path}`]);
  }
  const found = await wired.whyUntil('stored-file-damaged');
  t.log(found);
  t.is(found.rule, 'stored-file-damaged');
  t.regex(found.cause, /stored initramfs of the boot config DefaultBoot differs from what was uploaded/);
});

test.serial('another machine with the address of a node is named, without a raw socket and with one', async t => {
  t.timeout(300_000);
  if (!requireAll(t, { root: true, programs: PROGRAMS })) return;
  for (const isUnprivileged of [true, false]) {
    const wired = await WiredHead.start({ isUnprivileged });
    t.teardown(async () => wired.stop());
    await wired.fill(MAC);
    await wired.muster('node', 'create', 'name=n7', 'index=7', `mac=${OTHER_MAC}`);
    const node = await wired.addMachine('n0', MAC, ADDRESS);
    await node.dhcp('ipxe');
    t.regex(await node.get('/boot/v1/script'), /^#!ipxe/);
    t.not((await wired.why()).rule, 'address-shared');
    const other = await wired.addMachine('n7', OTHER_MAC, ADDRESS);
    // Without a raw socket the head knows of those who speak to it
    if (isUnprivileged) await wired.background(other, [findProgram('curl') ?? 'curl', '-s', 'http://10.54.0.1:8080/']);
    const found = await wired.whyUntil('address-shared');
    t.log(found);
    t.is(found.rule, 'address-shared');
    t.regex(found.cause, new RegExp(`${OTHER_MAC}, which is n7, answers for it`));
    await other.ip('link set eth0 down');
    await wired.muster('node', '-i', 'n7', 'delete');
    await wired.machine.ip('addr add 10.54.0.100/32 dev br0');
    const self = await wired.whyUntil('address-shared');
    if (!isUnprivileged) t.regex(self.cause, /the head itself/);
    await wired.stop();
  }
});

const FAKETIME = '/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1';

test.serial('the clock of the head jumps by a day during a boot, forward and back', async t => {
  t.timeout(300_000);
  if (!requireAll(t, { root: true, programs: PROGRAMS, files: [FAKETIME] })) return;
  const folder = await mkdtemp(join(tmpdir(), 'muster-clock-'));
  t.teardown(async () => rm(folder, { recursive: true }));
  const file = join(folder, 'offset');
  await writeFile(file, '+0');
  const env = {
    LD_PRELOAD: FAKETIME,
    FAKETIME_TIMESTAMP_FILE: file,
    FAKETIME_NO_CACHE: '1',
    FAKETIME_DONT_FAKE_MONOTONIC: '1',
  };
  const wired = await WiredHead.start({ env });
  t.teardown(async () => wired.stop());
  await wired.fill(MAC);
  const node = await wired.addMachine('n0', MAC, ADDRESS);
  await node.dhcp('ipxe');
  const script = await node.get('/boot/v1/script');
  const [, session = ''] = /boot\/v1\/([0-9a-f]{32})\//.exec(script) ?? [];
  const report = async (stage: string): Promise<string> =>
    node.run([
      ...[findProgram('curl') ?? 'curl', '-sS', '--data-binary', `stage=${stage}`],
      `http://10.54.0.1:8080/boot/v1/${session}/report`,
    ]);
  t.is(await report('initramfs'), 'ok\n');
  for (const [offset, words] of [
    ['+1d', /set forward by 24 h, \d+ s ago/],
    ['-1d', /set back by 48 h, \d+ s ago/],
  ] as const) {
    await writeFile(file, offset);
    const found = await wired.whyUntil('head-clock-jumped');
    t.log(found);
    t.like(found, { verdict: 'waiting', rule: 'head-clock-jumped' });
    t.regex(found.cause, words);
    t.is(await report('image'), 'ok\n', 'the session goes on');
  }
  const nodes = await wired.client.call(BOOTS.timeline, { query: { id: 'n0' } });
  const seconds = nodes[0]?.boots.at(-1)?.rows.flatMap(row => row.seconds ?? []) ?? [];
  t.true(seconds.length > 3 && seconds.every(value => value >= 0 && value < 600), String(seconds));
  t.is((await wired.why()).state, 'booting');
});
