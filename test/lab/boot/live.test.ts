// Style live with real firmware: an ISO image in the real layout, whose initrd fetches its tree and kickstart as Anaconda would.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { ensureImage } from '../../../lab/image-cache.ts';
import type { Lab } from '../../../lab/lab.ts';
import { BOOTS, type Timeline } from '../../../src/api/boots.ts';
import { installationTree, layFiles, makeIso } from '../../support/iso.ts';
import { requireLab, withLab } from '../../support/lab.ts';
import { requireAll } from '../../support/require.ts';
import { installerInitrd } from '../installer/initrd.ts';

const KICKSTART = `text
url --url <root_url()>
network --hostname=<node[hostname]> --device=<hardware[mac]> --ip=<node[ip]>
rootpw --iscrypted <a[root_hash]>
%post
"$busybox" wget -q -O - --post-data 'stage=root' <report_url()>
"$busybox" wget -q -O - --post-data '' <installed_url()>
%end
`;

/** What the node must have got. */
const RENDERED = [
  'url --url http://10.54.0.1:8080/isomount/Muster9',
  'network --hostname=n0 --device=52:54:00:00:00:01 --ip=10.54.0.100',
  'rootpw --iscrypted $6$salt$hash',
];

async function boots(lab: Lab): Promise<Timeline[]> {
  const [node] = await lab.client.call(BOOTS.timeline, { query: { id: 'n0' } });
  return node?.boots ?? [];
}

/** A lab whose DefaultBoot has the repo of an ISO image beside its own kernel, and whose node is to install once. */
async function withInstaller(
  t: ExecutionContext,
  firmware: 'bios' | 'uefi',
  last: string,
  body: (lab: Lab) => Promise<void>,
): Promise<void> {
  t.timeout(900_000);
  if (!requireAll(t, { programs: ['xorriso', 'cpio'] }) || !requireLab(t, firmware)) return;
  const files = await ensureImage();
  const folder = mkdtempSync(join(tmpdir(), 'muster-live-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const initrd = await installerInitrd(files.initramfs, folder);
  layFiles(join(folder, 'tree'), installationTree(readFileSync(files.kernel), initrd));
  const iso = await makeIso(join(folder, 'tree'), join(folder, 'Muster-9-dvd.iso'));
  mkdirSync(join(folder, 'kickstarts'));
  writeFileSync(join(folder, 'kickstarts/site.ks'), `${KICKSTART}${last}\n`, { mode: 0o600 });
  await withLab(t, { firmware, config: `kickstarts = "${join(folder, 'kickstarts')}"\n` }, async lab => {
    for (const words of [
      ['repo', 'create', 'name=Muster9', `iso=@${iso}`],
      ['boot', '-i', 'DefaultBoot', 'update', 'repo=Muster9', 'kickstart=site.ks'],
      ['node', '-i', 'n0', 'set', '_boot_once=live', 'root_hash=$6$salt$hash'],
    ]) {
      const { status, stderr } = await lab.muster(...words);
      t.is(status, 0, stderr);
    }
    await body(lab);
  });
}

/** What holds of every installation. */
async function installed(t: ExecutionContext, lab: Lab): Promise<void> {
  const serial = lab.node().serial.text();
  t.regex(serial, /INSTALLER: tree Muster Linux/);
  t.regex(serial, /INSTALLER: stage2 [0-9a-f]{64}/);
  const text = Buffer.from(/INSTALLER: kickstart (\S+)/.exec(serial)?.[1] ?? '', 'base64').toString();
  for (const line of RENDERED) t.true(text.includes(`\n${line}\n`), text);
  const [boot] = await boots(lab);
  t.like(boot, { outcome: 'installed', style: 'live', boot_config: 'DefaultBoot' });
  const details = boot?.events.map(event => event.detail ?? '').join('\n') ?? '';
  t.regex(details, /the installer fetched \.treeinfo/);
  t.regex(details, /the installer fetched images\/install\.img/);
  t.regex(details, /the installer fetched site\.ks \(Muster Linux, x86_64, eth0 52:54:00:00:00:01\)/);
  t.notRegex(JSON.stringify(boot), /\$6\$salt/, 'no secret on the timeline');
  t.notRegex(readFileSync(lab.head.log, 'utf8'), /\$6\$salt/, 'nor in the log');
  const { stdout } = await lab.muster('log', '--node', 'n0');
  t.regex(stdout, /clear _boot_once: boot [0-9a-f]{12} takes live/);
}

test('bios, _boot_once=live: one installation, then the next boot is as before', async t => {
  await withInstaller(t, 'bios', '# reboot', async lab => {
    await lab.bootUp();
    await installed(t, lab);
    t.deepEqual(
      (await boots(lab)).map(({ style, outcome }) => [style, outcome]),
      [
        ['live', 'installed'],
        ['roram', 'up'],
      ],
    );
  });
});

test('uefi, live: the installer gets tree and kickstart and reports its end', async t => {
  await withInstaller(t, 'uefi', '# poweroff', async lab => {
    await lab.node().powerOn();
    await lab.node().waitForSerial(/INSTALLER: (end|failed.*)/, { timeoutMs: 300_000 });
    await installed(t, lab);
  });
});
