// A newcomer's path: docs/quick-start.md, command by command, from the package on a clean Debian to a node that is up.
import { copyFileSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import test from 'ava';
import { ensureImage } from '../../../lab/image-cache.ts';
import { Machine } from '../../../lab/machine.ts';
import { openNamespace } from '../../../lab/namespace.ts';
import { HEAD, makeNetwork } from '../../../lab/network.ts';
import { MARK, MARK_FILE } from '../../../lab/recipe.ts';
import { packageRoot } from '../../../src/package-root.ts';
import { buildPackage } from '../../support/build-package.ts';
import { Chroot } from '../../support/chroot.ts';
import { requireLab } from '../../support/lab.ts';
import { requireAll } from '../../support/require.ts';

/** The commands of the quick start: what is indented by four, up to the last heading, whose commands are for later. */
function quickStart(): string[] {
  const page = readFileSync(join(packageRoot, 'docs/quick-start.md'), 'utf8').split(/^## Then$/m)[0] ?? '';
  return Array.from(page.matchAll(/^ {4}(\S.*)$/gm), ([, line = '']) => line);
}

/** What a virtual cluster has another name for. */
const NAMES: readonly (readonly [string, string])[] = [
  ['eth1', HEAD.interface],
  ['08:00:27:f0:44:35', '52:54:00:00:00:01'],
];

/**
 * What is not to be had here: the lab's network has its address already, no systemd runs (`units` starts what its units say), and a
 * Debian that boots quickly in an emulator stands for the one from the mirror. An empty list: nothing to do.
 */
const INSTEAD: Readonly<Record<string, readonly string[]>> = {
  [`ip address add ${HEAD.cidr} dev ${HEAD.interface}`]: [],
  'systemctl enable --now musterd': ['units'],
  'muster add-boot-config --make-defaults': [
    'muster modimg --import /root/lab.squashfs --set-name LabImage --upload',
    'muster add-boot-config --make-defaults --image LabImage',
    "muster boot -i DefaultBoot update cmdline='console=ttyS0,115200 quiet norandmaps'",
  ],
};

function commands(): string[] {
  return quickStart().flatMap(line => {
    const named = NAMES.reduce((text, [from, to]) => text.replaceAll(from, to), line);
    return INSTEAD[named] ?? [named];
  });
}

test('each difference between the quick start and the lab is still one', t => {
  const text = NAMES.reduce((page, [from, to]) => page.replaceAll(from, to), quickStart().join('\n'));
  for (const line of Object.keys(INSTEAD)) t.true(text.split('\n').includes(line), line);
  for (const [from] of NAMES)
    t.true(
      quickStart().some(line => line.includes(from)),
      from,
    );
});

test.serial('the quick start alone leads from the package on a clean Debian to a node that is up', async t => {
  t.timeout(900_000);
  if (!requireLab(t) || !requireAll(t, { programs: ['dpkg-deb', 'chroot', 'ldd'] })) return;
  const folder = await mkdtemp(join(tmpdir(), 'muster-new-'));
  t.teardown(async () => rm(folder, { recursive: true, force: true }));
  const namespace = await openNamespace();
  t.teardown(async () => namespace.close());
  await makeNetwork(namespace, 1);
  const debian = new Chroot(t, join(folder, 'root'));
  const [file, { image }] = await Promise.all([
    buildPackage(join(folder, 'deb'), '--deb'),
    ensureImage(),
    debian.make(),
  ]);
  copyFileSync(file, debian.path('root', basename(file)));
  copyFileSync(image, debian.path('root/lab.squashfs'));
  const node = new Machine(namespace, { index: 0, firmware: 'bios', memory: 1024, folder, logs: folder });
  t.teardown(async () => node.powerOff());

  const since = performance.now();
  let isInside = false;
  let stop = async (): Promise<void> => {};
  for (const line of commands()) {
    // What comes from the mirror is fetched by the machine's network, and everything else is done in the lab's.
    if (line.startsWith('apt-get ')) await debian.shellOutside(line);
    else {
      if (!isInside) await debian.enter(namespace.command);
      isInside = true;
      // Its button is pressed when the quick start says so: before it is waited for.
      if (line.includes(' waitfor ')) await node.powerOn();
      if (line === 'units') stop = await debian.units();
      else t.log((await debian.shell(line)).trim().split('\n').slice(-14).join('\n'));
    }
    t.log(`${((performance.now() - since) / 1000).toFixed(1)} s: ${line}`);
  }
  const timeline = await debian.shell('muster node -i n0 timeline');
  for (const stage of ['ipxe', 'script', 'kernel', 'initramfs', 'image', 'root', 'up'])
    t.regex(timeline, new RegExp(stage));
  // Its ssh server comes a moment after the agent.
  const exec = `muster node -i n0 exec cat ${MARK_FILE}`;
  const tries = `for _ in $(seq 60); do ${exec} && exit; sleep 1; done; exit 1`;
  t.regex(await debian.shell(tries), new RegExp(MARK));
  await node.powerOff();
  await stop();
});
