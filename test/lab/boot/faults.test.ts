// Faults in a cluster with real firmware, kernels and systems, all at one head: `why` names each of them, and nothing else.
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, open, readdir, rename, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { CMDLINE } from '../../../lab/cluster.ts';
import { ensureImage } from '../../../lab/image-cache.ts';
import { type Lab, startLab } from '../../../lab/lab.ts';
import { throttle } from '../../../lab/network.ts';
import { startProcess } from '../../../lab/process.ts';
import { qmp } from '../../../lab/qmp.ts';
import { BOOTS } from '../../../src/api/boots.ts';
import { HEAD_BUSYBOXES } from '../../../src/image/mkramfs.ts';
import { Limits } from '../../../src/power/limits.ts';
import { runOk } from '../../../src/process/run.ts';
import { INITRAMFS_LEVEL, markArchive } from '../../../src/wire/initramfs-mark.ts';
import { requireLab } from '../../support/lab.ts';
import { findProgram, requireAll, skip } from '../../support/require.ts';
import { until } from '../../support/until.ts';
import { sentBytes, storedFiles } from '../inside.ts';
import { isNamed, muster, NAMED_MS, whyOf } from '../named.ts';

/** Which node has which fault. */
const NODES = {
  well: 0,
  wrongLoader: 1,
  otherServer: 2,
  portClosed: 3,
  noDriver: 4,
  otherKernel: 5,
  damagedImage: 6,
  smallMemory: 7,
  wrongDisk: 8,
  wrongSecret: 9,
  pulled: 10,
  compressor: 11,
  danglingInit: 12,
  fullRoot: 13,
  smallFrames: 14,
  sharedAddress: 15,
  damagedInitramfs: 16,
  brokenDisk: 17,
  unitHangs: 18,
  tinyMemory: 19,
} as const;
type Role = keyof typeof NODES;

const ROGUE = '10.54.0.2';
/** What the kernel says when it hands over to its initramfs. */
const RUNS_INIT = /Run \/init as init process/;

let lab: Lab | undefined;
let folder = '';
const stops: (() => Promise<unknown>)[] = [];
/** Two machines start at the same time; one that only waits takes no part of it. */
const turns = new Limits();

const addressOf = (role: Role): string => `10.54.0.${100 + NODES[role]}`;
const macOf = (role: Role): string => `52:54:00:00:00:${(NODES[role] + 1).toString(16).padStart(2, '0')}`;

test.before(async t => {
  if (!requireLab(t, 'uefi')) return;
  if (!requireAll(t, { programs: ['nft', 'cpio', 'zstd', 'ssh'] })) return;
  folder = await mkdtemp(join(tmpdir(), 'muster-faults-'));
  const disks = Array.from({ length: Object.keys(NODES).length }, () => '');
  disks[NODES.wrongDisk] = join(folder, 'disk');
  await writeFile(join(folder, 'disk'), '');
  await truncate(join(folder, 'disk'), 64 << 20);
  lab = await startLab({
    nodes: Object.keys(NODES).length,
    memory: 768,
    machines: {
      [NODES.wrongLoader]: { firmware: 'uefi' },
      [NODES.smallMemory]: { memory: 384 },
      [NODES.tinyMemory]: { memory: 224 },
    },
    disks,
    attributes: { _status_secs: '2' },
    config: '[loaders]\nefi64 = "/usr/lib/ipxe/undionly.kpxe"\n',
  });
  await prepare(lab);
});

test.after.always(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
  await lab?.stop();
  if (folder) await rm(folder, { recursive: true, force: true });
});

/** The boot configs and images with something wrong in them. */
async function prepare(lab: Lab): Promise<void> {
  const { kernel, initramfs } = await ensureImage();
  const unpacked = join(folder, 'initramfs');
  await mkdir(unpacked);
  const mark = markArchive({ level: INITRAMFS_LEVEL, tls: true }).length;
  const unpack = 'tail -c "+$1" "$2" | zstd -dcq | (cd "$3" && cpio --quiet -id)';
  await shell(unpack, `${mark + 1}`, initramfs, unpacked);
  const modules = join(unpacked, 'usr/lib/modules');
  const [release = ''] = await readdir(modules);

  await rename(join(modules, release), join(modules, '5.10.0-99-amd64'));
  await bootConfig(lab, 'OtherKernel', kernel, await packed(unpacked, 'other-kernel'));
  await rename(join(modules, '5.10.0-99-amd64'), join(modules, release));
  await shell('find "$1" -name "virtio_net.ko*" -delete', modules);
  await bootConfig(lab, 'NoDriver', kernel, await packed(unpacked, 'no-driver'));
  await rm(unpacked, { recursive: true });

  const content = join(folder, 'content');
  await mkdir(content);
  await writeFile(join(content, 'data'), randomBytes(2 << 20));
  await runOk('mksquashfs', [content, join(folder, 'damaged.squashfs'), '-no-progress', '-quiet']);
  const before = new Set((await storedFiles(lab)).map(({ path }) => path));
  await muster(lab, 'image', 'create', 'name=Damaged', `content=@${join(folder, 'damaged.squashfs')}`);
  for (const { path, size } of await storedFiles(lab)) if (!before.has(path)) await damage(path, size);
  await bootConfig(lab, 'DamagedImage', kernel, initramfs, 'Damaged');

  // The tools pack by lzma, and no kernel reads it.
  await tinyImage(lab, 'Compressed', kernel, initramfs, 'lzma');
  await tinyImage(lab, 'Dangling', kernel, initramfs);
  await tinyImage(lab, 'Full', kernel, initramfs);
  await tinyImage(lab, 'Reading', kernel, initramfs);
  // A file of its own: the others are to boot
  const initramfsFile = join(folder, 'damaged.initramfs');
  await shell('cat "$1" >"$2"; head -c 4096 /dev/zero >>"$2"', initramfs, initramfsFile);
  const known = new Set((await storedFiles(lab)).map(({ path }) => path));
  await bootConfig(lab, 'DamagedInitramfs', kernel, initramfsFile);
  for (const { path } of await storedFiles(lab)) if (!known.has(path)) await damage(path, 4096, Buffer.alloc(1 << 20));

  await bootConfig(lab, 'UnitHangs', kernel, await withUnit(initramfs));

  const set = async (role: Role, ...words: string[]): Promise<void> =>
    muster(lab, 'node', '-i', `n${NODES[role]}`, 'set', ...words);
  await set('otherKernel', '_boot_config=OtherKernel');
  await set('noDriver', '_boot_config=NoDriver');
  await set('damagedImage', '_boot_config=DamagedImage');
  await set('compressor', '_boot_config=Compressed');
  await set('danglingInit', '_boot_config=Dangling');
  await set('fullRoot', '_boot_config=Full');
  await set('brokenDisk', '_boot_config=Reading', '_boot_style=iscsi');
  await set('damagedInitramfs', '_boot_config=DamagedInitramfs');
  await set('smallMemory', '_boot_style=rwram');
  await set('wrongDisk', '_boot_style=disked', '_disk_root=LABEL=root');
  await set('wrongSecret', '_boot_style=iscsi');
  await set('unitHangs', '_boot_config=UnitHangs');
  // Counts no stalls: then the free memory alone tells.
  await muster(lab, 'node', '-i', `n${NODES.well}`, 'update', `cmdline=${CMDLINE.join(' ')} psi=0`);
}

/** What the system of an image does instead of starting its agent. */
const INITS: Readonly<Record<string, string>> = {
  Full: 'dd if=/dev/zero of=/fill bs=1M 2>/dev/null\nwhile :; do sleep 60; done',
  Reading: 'mount -t proc proc /proc\nwhile :; do cat /data >/dev/null; echo 3 >/proc/sys/vm/drop_caches; done',
};

/** A system of a few files that starts no agent; one without an init has a link to nothing. */
async function tinyImage(lab: Lab, name: string, kernel: string, initramfs: string, method = 'xz'): Promise<void> {
  const root = join(folder, name);
  for (const path of ['bin', 'sbin', 'proc', 'sys', 'dev', 'run', 'tmp', 'etc', 'lib/systemd'])
    await mkdir(join(root, path), { recursive: true });
  const busybox = HEAD_BUSYBOXES.find(path => existsSync(path)) ?? '';
  await shell(
    'cp "$1" "$2/bin/busybox" && for name in $("$1" --list | grep -vx busybox); do ln -sf busybox "$2/bin/$name"; done',
    busybox,
    root,
  );
  await symlink('/lib/systemd/systemd', join(root, 'sbin/init'));
  const init = INITS[name];
  if (init) await writeFile(join(root, 'lib/systemd/systemd'), `#!/bin/sh\n${init}\n`, { mode: 0o755 });
  if (name === 'Reading') await writeFile(join(root, 'data'), randomBytes(9 << 20));
  const file = join(folder, `${name}.squashfs`);
  await runOk('mksquashfs', [root, file, '-no-progress', '-quiet', '-all-root', '-comp', method]);
  await muster(lab, 'image', 'create', `name=${name}`, `content=@${file}`);
  await bootConfig(lab, name, kernel, initramfs, name);
}

async function bootConfig(lab: Lab, name: string, kernel: string, initramfs: string, image = 'DefaultImage') {
  // The kernel's own messages tell when its initramfs begins, of which nothing else is heard.
  const cmdline = CMDLINE.filter(word => word !== 'quiet').join(' ');
  const words = [
    `name=${name}`,
    `kernel=@${kernel}`,
    `initramfs=@${initramfs}`,
    `image=${image}`,
    `cmdline=${cmdline}`,
  ];
  await muster(lab, 'boot', 'create', ...words, 'boot_style=roram');
}

async function packed(from: string, name: string): Promise<string> {
  const file = join(folder, name);
  await shell('cd "$1" && find . | cpio --quiet -o -H newc | zstd -1 -q -o "$2"', from, file);
  return file;
}

/** Adds a unit that never ends to the system that the initramfs starts: the kernel unpacks several archives one after the other. */
async function withUnit(initramfs: string): Promise<string> {
  const [hooks, file] = [join(folder, 'hooks'), join(folder, 'unit-hangs')];
  const hook = join(hooks, 'usr/lib/dracut/hooks/pre-pivot');
  await mkdir(hook, { recursive: true });
  const unit = `units=/run/systemd/system
mkdir -p $units/sysinit.target.wants
cat >$units/slow-disk.service <<'END'
[Unit]
DefaultDependencies=no
Before=sysinit.target
[Service]
Type=oneshot
TimeoutStartSec=infinity
ExecStart=/bin/sleep infinity
END
ln -s ../slow-disk.service $units/sysinit.target.wants/
`;
  await writeFile(join(hook, '50-slow-disk.sh'), unit, { mode: 0o755 });
  await shell(
    'cat "$1" >"$3"; cd "$2" && find . | cpio --quiet -o -H newc | zstd -1 -q >>"$3"',
    initramfs,
    hooks,
    file,
  );
  return file;
}

/** Writes into the middle of a file of this size. */
async function damage(path: string, size: number, bytes = Buffer.from('damaged')): Promise<void> {
  const handle = await open(path, 'r+');
  try {
    await handle.write(bytes, 0, bytes.length, Math.floor(size / 2));
  } finally {
    await handle.close();
  }
}

async function shell(script: string, ...words: string[]): Promise<void> {
  await runOk('sh', ['-ec', script, 'sh', ...words]);
}

/** Switches the node on, and comes back when its console says this, or its timeline has come to the stage. */
async function starts(lab: Lab, role: Role, mark: RegExp | string): Promise<void> {
  await turns.within('machines', 2, async () => {
    const node = lab.node(NODES[role]);
    await node.powerOn();
    if (mark instanceof RegExp) await node.waitForSerial(mark, { timeoutMs: NAMED_MS });
    else await reaches(lab, role, mark);
  });
}

async function reaches(lab: Lab, role: Role, mark: string): Promise<void> {
  const node = lab.node(NODES[role]);
  const isThere = async (): Promise<boolean> => {
    const [shown] = await lab.client.call(BOOTS.timeline, { query: { id: node.name } }).catch(() => []);
    const ended = node.ended();
    if (ended) throw new Error(`${role}: ${ended}\n${await node.lastWords()}`);
    return shown?.boots.at(-1)?.events.some(({ stage, detail = '' }) => `${stage} ${detail}`.startsWith(mark)) ?? false;
  };
  await until(`${role} is at '${mark}'`, isThere, {
    milliseconds: NAMED_MS,
    every: 200,
    seen: async () => node.lastWords(),
  });
}

type Body = (t: ExecutionContext, lab: Lab) => Promise<void>;

/** One fault, one test: the node is off at its end. */
function fault(title: string, role: Role, body: Body, isAlone = false): void {
  const add = isAlone ? test.serial : test;
  add(title, async t => {
    // The wait for its turn is part of it.
    t.timeout(1_800_000);
    if (!lab) return skip(t, 'the lab did not start: its test says why');
    const begun = Date.now();
    try {
      await body(t, lab);
    } catch (error) {
      t.log(`musterd:\n${await lab.head.lastWords()}`);
      throw error;
    } finally {
      await lab.node(NODES[role]).powerOff();
      t.log(`${role}: ${((Date.now() - begun) / 1000).toFixed(0)} s`);
    }
  });
}

// The head is started anew for it: so it comes before the others, and alone.
fault(
  'an iSCSI secret that is not the head’s',
  'wrongSecret',
  async (t, lab) => {
    await starts(lab, 'wrongSecret', 'kernel initramfs');
    await lab.head.crash();
    await writeFile(join(lab.head.state, 'head.key'), randomBytes(32));
    await lab.head.start();
    await isNamed(t, lab, NODES.wrongSecret, 'iscsi-secret-wrong', /its secret is wrong: wrong CHAP name or secret/);
  },
  true,
);

fault('a node that is well; its agent stopped; its power off', 'well', async (t, lab) => {
  await turns.within('machines', 2, async () => lab.bootUp(NODES.well));
  const { status, stdout } = await lab.muster('node', '-i', 'n0', 'why');
  t.is(status, 0);
  t.is(stdout, 'n0: n0 is up; nothing is wrong.\n');
  // Its agent may be ahead of its sshd.
  await until('n0 takes commands', async () => (await lab.muster('node', '-i', 'n0', 'exec', 'true')).status === 0);
  // /run is a file system of its own, so that the agent goes on.
  await muster(lab, 'node', '-i', 'n0', 'exec', 'dd if=/dev/zero of=/fill bs=1M 2>/dev/null; true');
  await isNamed(t, lab, NODES.well, 'root-full', /n0 is up, and its root is full: 0 of \d+ MiB are free/, [
    'up',
    'root-filling',
  ]);
  const isUp = async (): Promise<boolean> => (await whyOf(lab, NODES.well)).rule === 'up';
  await muster(lab, 'node', '-i', 'n0', 'exec', 'rm /fill');
  await until('well is up', isUp, { milliseconds: NAMED_MS, every: 500 });
  // Files in memory cannot be dropped.
  const fill =
    'mount -t tmpfs -o size=100% fill /mnt; free() { while read -r name kb _; do [ $name != MemAvailable: ] || echo $kb; done </proc/meminfo; }; while [ $(free) -gt 12000 ]; do dd if=/dev/zero bs=1M count=1 2>/dev/null >>/mnt/fill || break; done';
  await muster(lab, 'node', '-i', 'n0', 'exec', fill);
  const used = /n0 is up, and its memory is used up: \d+ of \d+ MiB are free\.\n.*ps -eo rss,comm/;
  await isNamed(t, lab, NODES.well, 'memory-short', used, ['up']);
  await muster(lab, 'node', '-i', 'n0', 'exec', 'umount /mnt');
  await until('well is up', isUp, { milliseconds: NAMED_MS, every: 500 });
  await muster(lab, 'node', '-i', 'n0', 'exec', 'systemd-run --unit=broken false; true');
  const hasFailedUnit = async (): Promise<boolean> => {
    const { verdict, rule, cause } = await whyOf(lab, NODES.well);
    t.is(verdict, 'well');
    return rule === 'units-failed' && cause === 'n0 is up, and its system has a failed unit: broken.service.';
  };
  await until('the failed unit is named', hasFailedUnit, { milliseconds: NAMED_MS, every: 500 });
  await muster(lab, 'node', '-i', 'n0', 'exec', 'systemctl reset-failed broken');
  await until('well is up', isUp, { milliseconds: NAMED_MS, every: 500 });
  await muster(lab, 'node', '-i', 'n0', 'exec', 'systemctl stop muster-agent');
  await isNamed(t, lab, NODES.well, 'agent-stopped', /its system is alive/, ['up']);
  await muster(lab, 'node', '-i', 'n0', 'exec', 'systemctl start muster-agent');
  await until('well is up', isUp, { milliseconds: NAMED_MS, every: 500 });
  await muster(lab, 'node', '-i', 'n0', 'exec', 'systemctl reboot');
  const rules = new Set<string>();
  const isRebooting = async (): Promise<boolean> => {
    const { verdict, rule, cause } = await whyOf(lab, NODES.well);
    rules.add(rule);
    t.true(verdict === 'well' || verdict === 'waiting', `a reboot is called ${rule}: ${cause}`);
    return rule === 'rebooting' || rule === 'booting';
  };
  await until('well reboots', isRebooting, { milliseconds: NAMED_MS, every: 500 });
  t.true(rules.has('rebooting'), `its agent reported the reboot: ${[...rules].join()}`);
  await lab.node(NODES.well).powerOff();
  await isNamed(t, lab, NODES.well, 'powered-off', /Its BMC reports that it is off\./, ['rebooting', 'heartbeat-lost']);
});

fault('a loader for another firmware', 'wrongLoader', async (t, lab) => {
  await starts(lab, 'wrongLoader', 'loader');
  await isNamed(
    t,
    lab,
    NODES.wrongLoader,
    'wrong-loader',
    /undionly\.kpxe is no EFI program, and the firmware is UEFI/,
  );
});

fault('another DHCP server on the wire', 'otherServer', async (t, lab) => {
  await lab.namespace.run(['ip', 'addr', 'add', `${ROGUE}/24`, 'dev', 'br0']);
  // Whose offer comes first is chance: the head's own, known by its server identifier (option 54, behind 53), does not reach this node.
  const rules = `table netdev faults {
    chain out {
      type filter hook egress device ${lab.node(NODES.otherServer).tap} priority 0
      udp sport 67 @th,2008,48 0x36040a360001 drop
    }
  }`;
  await lab.namespace.run([findProgram('nft') ?? 'nft', '-f', '-'], rules);
  const rogue = await startProcess({
    name: 'another DHCP server',
    command: lab.namespace.command([
      ...[
        'dnsmasq',
        '--no-daemon',
        '--conf-file=/dev/null',
        '--pid-file=',
        '--user=root',
        '--log-facility=-',
        '--port=0',
      ],
      ...['--dhcp-range=10.54.0.200,static,255.255.255.0', `--dhcp-host=${macOf('otherServer')},10.54.0.240`],
      ...[`--listen-address=${ROGUE}`, '--bind-interfaces', '--leasefile-ro', '--no-ping', '--log-dhcp'],
    ]),
    log: join(lab.logs, 'rogue.log'),
  });
  stops.push(async () => rogue.stop());
  await starts(lab, 'otherServer', 'ipxe');
  await isNamed(t, lab, NODES.otherServer, 'other-dhcp-server', new RegExp(`took the offer of ${ROGUE}`));
});

fault('the HTTP port closed by a firewall', 'portClosed', async (t, lab) => {
  const rules = `table inet faults {
    chain input {
      type filter hook input priority 0;
      ip saddr ${addressOf('portClosed')} tcp dport 8080 drop
    }
  }`;
  await lab.namespace.run([findProgram('nft') ?? 'nft', '-f', '-'], rules);
  await starts(lab, 'portClosed', 'ipxe');
  await isNamed(
    t,
    lab,
    NODES.portClosed,
    'script-not-asked-for',
    /URL of its script \(http:\S+:8080\/boot\/v1\/script\).* a firewall/,
  );
  await lab.node(NODES.portClosed).powerOff();
  await isNamed(t, lab, NODES.portClosed, 'powered-off', /It was last seen at stage 4, ipxe/, ['script-not-asked-for']);
});

fault('an initramfs without the driver of the network card', 'noDriver', async (t, lab) => {
  await starts(lab, 'noDriver', RUNS_INIT);
  await isNamed(
    t,
    lab,
    NODES.noDriver,
    'initramfs-lacks-driver',
    /no driver for the node's network card, pci 1af4:1000/,
  );
  await lab.node(NODES.noDriver).waitForSerial(/most likely the initramfs lacks its driver/, { timeoutMs: NAMED_MS });
});

fault('an initramfs of another kernel', 'otherKernel', async (t, lab) => {
  await starts(lab, 'otherKernel', RUNS_INIT);
  const words = /built for the kernel 5\.10\.0-99-amd64, and the node boots \d/;
  await isNamed(t, lab, NODES.otherKernel, 'initramfs-of-another-kernel', words);
  const console = /made for another kernel \(5\.10\.0-99-amd64\)/;
  await lab.node(NODES.otherKernel).waitForSerial(console, { timeoutMs: NAMED_MS });
});

fault('an image damaged in storage', 'damagedImage', async (t, lab) => {
  await starts(lab, 'damagedImage', 'initramfs');
  const words =
    /stored image Damaged differs from what was uploaded[\s\S]*muster image -i Damaged update content=@FILE/;
  await isNamed(t, lab, NODES.damagedImage, 'stored-file-damaged', words, ['image-damaged']);
  t.notRegex(lab.node(NODES.damagedImage).serial.text(), /login:/);
});

fault('an image too large for the memory', 'smallMemory', async (t, lab) => {
  await starts(lab, 'smallMemory', 'initramfs');
  await isNamed(t, lab, NODES.smallMemory, 'too-little-memory', /it needs \d+ MiB .* and \d+ MiB are free/);
});

fault('an image too large for the memory in the style that needs least of it', 'tinyMemory', async (t, lab) => {
  await starts(lab, 'tinyMemory', 'initramfs');
  const words = /oo little memory for the style roram: it needs \d+ MiB .* and \d+ MiB are free\.\n/;
  await isNamed(t, lab, NODES.tinyMemory, 'too-little-memory', words);
  const { remedy = '' } = await whyOf(lab, NODES.tinyMemory);
  t.notRegex(remedy, /ro?w?ram/, 'its own style, and one that needs more, are no remedy');
});

fault('an image packed with a compressor that the kernel lacks', 'compressor', async (t, lab) => {
  await starts(lab, 'compressor', 'image');
  const words =
    /image Compressed is packed with lzma, which the kernel \d\S+ cannot read\.\n.*modimg -i Compressed --execute true --compress/;
  await isNamed(t, lab, NODES.compressor, 'squashfs-compressor', words);
});

fault('an init that is a link to nothing', 'danglingInit', async (t, lab) => {
  await starts(lab, 'danglingInit', 'image');
  const words =
    /image Dangling cannot start: its \/sbin\/init is a link to \/lib\/systemd\/systemd, which is not there/;
  await isNamed(t, lab, NODES.danglingInit, 'image-not-bootable', words);
});

fault('a system that fills its root and never starts its agent', 'fullRoot', async (t, lab) => {
  await starts(lab, 'fullRoot', 'root');
  await isNamed(t, lab, NODES.fullRoot, 'root-full', /its agent cannot start: its root is full: 0 of \d+ MiB are free/);
});

fault('a unit that hangs in its start', 'unitHangs', async (t, lab) => {
  await starts(lab, 'unitHangs', 'root');
  const waits = async (): Promise<boolean> => {
    const { verdict, rule, cause } = await whyOf(lab, NODES.unitHangs);
    t.is(verdict, 'waiting', `${rule}: ${cause}`);
    return /systemd waits for slow-disk\.service; nothing is unusual yet\.$/.test(cause);
  };
  await until('the unit is named while it may be slow', waits, { milliseconds: NAMED_MS, every: 500 });
  const words = /hangs while it starts: systemd waits for slow-disk\.service.*\n.*systemctl disable slow-disk\.service/;
  await isNamed(t, lab, NODES.unitHangs, 'unit-hangs', words);
});

fault('a wrong _disk_root', 'wrongDisk', async (t, lab) => {
  await starts(lab, 'wrongDisk', 'initramfs');
  await isNamed(t, lab, NODES.wrongDisk, 'wrong-disk', /There is no LABEL=root \(_disk_root\); there are: vda 64 MiB/);
});

fault('a path that drops frames over 1,200 bytes', 'smallFrames', async (t, lab) => {
  const rules = `table netdev small {
    chain out {
      type filter hook egress device ${lab.node(NODES.smallFrames).tap} priority 0
      meta length > 1214 drop
    }
  }`;
  await lab.namespace.run([findProgram('nft') ?? 'nft', '-f', '-'], rules);
  await starts(lab, 'smallFrames', 'ipxe');
  await isNamed(
    t,
    lab,
    NODES.smallFrames,
    'path-mtu',
    /drops large packets: 1200 bytes pass, and 1201 bytes or more do not/,
  );
});

fault('another machine with the address of a node', 'sharedAddress', async (t, lab) => {
  const mac = '02:00:00:00:00:77';
  const other = await startProcess({
    name: 'another machine',
    command: lab.namespace.command(['unshare', '--net', 'sleep', 'infinity']),
    log: join(lab.logs, 'other-machine.log'),
  });
  stops.push(async () => other.stop());
  await starts(lab, 'sharedAddress', 'initramfs');
  const inside = (words: string): Promise<unknown> =>
    runOk('nsenter', ['-t', `${other.pid}`, '-n', ...words.split(' ')]);
  await lab.namespace.run([
    'ip',
    'link',
    'add',
    'shared0',
    'type',
    'veth',
    'peer',
    'name',
    'eth0',
    'netns',
    `${other.pid}`,
  ]);
  await lab.namespace.run(['ip', 'link', 'set', 'shared0', 'master', 'br0', 'up']);
  await inside(`ip link set eth0 address ${mac}`);
  await inside(`ip addr add ${addressOf('sharedAddress')}/24 dev eth0`);
  await inside('ip link set eth0 up');
  const words = new RegExp(`Another machine uses its address ${addressOf('sharedAddress')}: ${mac} answers for it`);
  await isNamed(t, lab, NODES.sharedAddress, 'address-shared', words, ['up']);
});

fault('a stored initramfs of the right size with another content', 'damagedInitramfs', async (t, lab) => {
  await starts(lab, 'damagedInitramfs', 'kernel initramfs');
  const words = /stored initramfs of the boot config DamagedInitramfs differs from what was uploaded/;
  await isNamed(t, lab, NODES.damagedInitramfs, 'stored-file-damaged', words);
});

fault('an image that is cut short under a system that reads it over iSCSI', 'brokenDisk', async (t, lab) => {
  const [file] = (await storedFiles(lab)).filter(({ size }) => size > 9 << 20 && size < 15 << 20);
  if (!file) return t.fail('the image is not stored');
  await starts(lab, 'brokenDisk', 'root');
  await truncate(file.path, 4 << 20);
  const words = /The head could not use the disk of its iSCSI root, \d+ s ago: .* has shrunk.*\n.*doctor --deep/;
  await isNamed(t, lab, NODES.brokenDisk, 'iscsi-disk-failed', words);
});

fault('a node pulled in the middle of its download', 'pulled', async (t, lab) => {
  const node = lab.node(NODES.pulled);
  // 70 MB at 3 MB/s: under way for long enough to be cut.
  await starts(lab, 'pulled', 'kernel initramfs');
  await throttle(lab.namespace, node.tap, 3_000_000);
  await reaches(lab, 'pulled', 'initramfs');
  const from = await sentBytes(lab, node.tap);
  while ((await sentBytes(lab, node.tap)) - from < 8_000_000) t.is(node.ended(), undefined);
  const slow = await whyOf(lab, NODES.pulled);
  t.is(slow.verdict, 'waiting');
  t.regex(slow.cause, /^Its image (is on its way|arrives slowly): \d+ of \d+ MiB, at \d/);
  await qmp(node.qmpSocket, 'set_link', { name: 'n0', up: false });
  await isNamed(
    t,
    lab,
    NODES.pulled,
    'image-stopped',
    /\d+ of \d+ MiB were sent, and nothing for \d+ s\. It was unplugged/,
  );
});
