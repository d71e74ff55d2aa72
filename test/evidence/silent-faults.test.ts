// Faults that nobody reports, between a real musterd and real clients: stored files that go wrong, packets that get lost, a copied address.
import { chown, rename, truncate } from 'node:fs/promises';
import test, { type ExecutionContext } from 'ava';
import { storedFiles } from '../lab/inside.ts';
import { findProgram, requireAll } from '../support/require.ts';
import { WiredHead, type WiredMachine, type WiredOptions } from '../support/wired-head.ts';

const MAC = '52:54:00:00:00:01';
const ADDRESS = '10.54.0.100/24';
const PROGRAMS = ['ip', 'nft', 'curl', 'udhcpc', 'mksquashfs'];
/** Bytes of the kernel that `fill` makes: no other stored file has as many. */
const KERNEL_BYTES = 3 << 20;

async function start(
  t: ExecutionContext,
  bytes = KERNEL_BYTES,
  options: WiredOptions = {},
): Promise<{ wired: WiredHead; node: WiredMachine } | undefined> {
  t.timeout(300_000);
  if (!requireAll(t, { root: true, programs: PROGRAMS })) return undefined;
  const wired = await WiredHead.start(options);
  t.teardown(async () => wired.stop());
  await wired.fill(MAC, bytes);
  return { wired, node: await wired.addMachine('n0', MAC, ADDRESS) };
}

/** Boots the node up to its kernel; returns curl's status. */
async function fetchKernel(node: WiredMachine): Promise<string> {
  await node.dhcp('ipxe');
  const script = await node.get('/boot/v1/script');
  const [, path = ''] = /http:\/\/[^/]*(\/\S*\/kernel)/.exec(script) ?? [];
  const curl = `"${findProgram('curl')}" -sSf --max-time 20 -o /dev/null 'http://10.54.0.1:8080${path}'; echo $?`;
  return (await node.run(['sh', '-c', curl])).trim();
}

async function kernelFile(wired: WiredHead): Promise<string> {
  const found = (await storedFiles({ head: wired.head })).find(
    ({ size }) => size > KERNEL_BYTES && size < 2 * KERNEL_BYTES,
  );
  if (!found) throw new Error('no stored kernel');
  return found.path;
}

const FAULTS: readonly {
  name: string;
  breaks(path: string): Promise<void>;
  words: RegExp;
  /** What it says to do, unless it is to upload the file again. */
  remedy?: RegExp;
}[] = [
  {
    name: 'deleted',
    breaks: async path => rename(path, `${path}.away`),
    words: /cannot read the stored kernel/,
  },
  {
    name: 'truncated',
    breaks: async path => truncate(path, 1 << 20),
    words: /stored kernel has 1048576 of \d+ bytes/,
  },
  {
    name: 'owned by somebody else',
    breaks: async path => chown(path, 12_345, 12_345),
    words: /cannot read the stored kernel: EACCES: permission denied, open '\/.*'/,
    remedy: /`chown muster: \/.*`, and `namei -l \/.*`/,
  },
];

const UPLOAD = /muster boot -i DefaultBoot update kernel=@FILE/;

for (const { name, breaks, words, remedy = UPLOAD } of FAULTS)
  test.serial(
    `a stored kernel that is ${name} under a running musterd is named, with the command that mends it`,
    async t => {
      const world = await start(t, KERNEL_BYTES, { isUnprivileged: true });
      if (!world) return;
      const { wired, node } = world;
      await breaks(await kernelFile(wired));
      t.not(await fetchKernel(node), '0');
      const found = await wired.whyUntil('head-cannot-read', 20_000);
      t.log(found);
      t.is(found.rule, 'head-cannot-read');
      t.regex(found.cause, words);
      t.regex(found.remedy ?? '', remedy);
    },
  );

/** Drops a part of the frames, in both directions. */
const loses = (percent: number): string =>
  `table bridge faults { chain forward { type filter hook forward priority 0; ether type ip meta length > 100 numgen random mod 100 < ${percent} drop; }; }`;

test.serial('a path that loses a fifth of the packets is named while the kernel is fetched', async t => {
  const world = await start(t, 64 << 20);
  if (!world) return;
  const { wired, node } = world;
  await node.dhcp('ipxe');
  const script = await node.get('/boot/v1/script');
  const [url = ''] = /http:\/\/\S*\/kernel/.exec(script) ?? [];
  await wired.filter(loses(20));
  await wired.background(node, [findProgram('curl') ?? 'curl', '-sS', '--limit-rate', '2M', '-o', '/dev/null', url]);
  const found = await wired.whyUntil('path-loses-packets');
  t.log(found);
  t.like(found, { verdict: 'waiting', rule: 'path-loses-packets' });
  t.regex(found.cause, /has fetched \d+\.\d MiB of .*, and packets get lost: \d+ of \d+ segments \(\d\d %\)/);
});

test.serial('two machines with one hardware address are named by their identifiers', async t => {
  const world = await start(t);
  if (!world) return;
  const { wired, node } = world;
  const twin = await wired.addMachine('twin', MAC, ADDRESS);
  const [one, other] = ['11'.repeat(15), '22'.repeat(15)].map(half => `${half}0a`);
  const turns = [
    [node, one, twin],
    [twin, other, node],
    [node, one, twin],
  ] as const;
  for (const [machine, id, silent] of turns) {
    t.not((await wired.why()).rule, 'mac-twice');
    await silent.ip('link set eth0 down');
    await machine.ip('link set eth0 up');
    await machine.dhcp('firmware', id);
  }
  const found = await wired.whyUntil('mac-twice');
  t.log(found);
  t.is(found.rule, 'mac-twice');
  t.regex(found.cause, /from the machines 22222222-.*0a and 11111111-.*0a\.$/);
});
