// Debian's own installer, unattended, on a network with neither router nor name server: it takes its address, its words and its
// preseed from the head, runs what stands there, and tells its end.
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { BOOTS } from '../../../src/api/boots.ts';
import { withLab } from '../../support/lab.ts';
import { requireAll } from '../../support/require.ts';

/** Where Debian's package has it, by release. */
const IMAGES = '/usr/lib/debian-installer/images';

function netboot(): string {
  let release = '12';
  try {
    release = readdirSync(IMAGES)[0] ?? release;
  } catch {
    // The package is not installed: the test says so.
  }
  return join(IMAGES, release, 'amd64/text/debian-installer/amd64');
}

const PRESEED = `# <node[name]>
d-i debian-installer/locale string en_US.UTF-8
d-i passwd/root-password-crypted password <attributes[root_hash]>
d-i preseed/early_command string \\
  echo "PRESEED: <node[ip]> $(hostname) $(ip -4 -o addr show scope global)" >/dev/console; \\
  wget -q -O /dev/null <installed_url()> && poweroff -f
`;

test.serial(
  'debian-installer asks nothing: it fetches its preseed, runs its early_command and tells the head',
  async t => {
    const [kernel, initramfs] = [join(netboot(), 'linux'), join(netboot(), 'initrd.gz')];
    if (!requireAll(t, { files: [kernel, initramfs] })) return;
    const folder = mkdtempSync(join(tmpdir(), 'muster-debian-'));
    t.teardown(() => rmSync(folder, { recursive: true, force: true }));
    mkdirSync(join(folder, 'kickstarts'), { mode: 0o700 });
    writeFileSync(join(folder, 'kickstarts/site.preseed'), PRESEED, { mode: 0o600 });
    await withLab(t, { config: `kickstarts = "${join(folder, 'kickstarts')}"\n` }, async lab => {
      const cmdline = 'console=ttyS0,115200 DEBIAN_FRONTEND=text ipv6.disable=1 norandmaps';
      const answers = ['boot_style=next', 'kickstart=site.preseed', `cmdline=${cmdline}`];
      for (const words of [
        ['boot', 'create', 'name=Debian', `kernel=@${kernel}`, `initramfs=@${initramfs}`, ...answers],
        ['attrib', 'clear', '_boot_style'],
        ['node', '-i', 'n0', 'set', '_boot_config=Debian', '_boot_once=live', 'root_hash=$6$salt$hash'],
      ]) {
        const { status, stderr } = await lab.muster(...words);
        t.is(status, 0, stderr);
      }
      await lab.node().powerOn();
      const [line] = await lab.node().waitForSerial(/PRESEED: .*/, { timeoutMs: 300_000 });
      t.regex(line, /^PRESEED: 10\.54\.0\.100 n0 .*inet 10\.54\.0\.100\/24/);
      await lab.node().waitForSerial(/reboot: Power down/, { timeoutMs: 60_000 });
      const [node] = await lab.client.call(BOOTS.timeline, { query: { id: 'n0' } });
      const boot = node?.boots.at(-1);
      t.like(boot, { outcome: 'installed', style: 'live', boot_config: 'Debian' });
      t.true(boot?.events.some(event => event.detail === 'the installer fetched site.preseed'));
      t.notRegex(JSON.stringify(boot), /\$6\$salt/, 'no secret on the timeline');
    });
  },
);
