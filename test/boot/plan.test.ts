import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { planBoot } from '../../src/boot/plan.ts';
import {
  fillTemplate,
  renderGrubRefusal,
  renderGrubScript,
  renderRefusal,
  renderScript,
} from '../../src/boot/script.ts';
import { sessionArchive, sessionFile } from '../../src/boot/session-archive.ts';
import { STYLES } from '../../src/boot/styles/style.ts';
import { packageRoot } from '../../src/package-root.ts';
import { DIGEST, FakeCluster } from '../fakes/cluster.ts';

function planned(attributes: Record<string, string> = {}, cmdline = '') {
  const fake = new FakeCluster();
  const made = fake.bootable();
  fake.change(made.node, { attributes, cmdline });
  const node = fake.cluster.get('node', made.node.uid);
  if (!node) throw new Error('no node');
  return { fake, ...made, answer: () => planBoot(fake.cluster, fake.cluster.get('node', node.uid) ?? node) };
}

function refusalOf(answer: ReturnType<typeof planBoot>): string {
  return 'refused' in answer ? answer.refused : 'a plan';
}

test('a plan has the files, the image as a range of its blob, and where style and config come from', t => {
  const answer = planned({ _boot_style: 'roram', _boot_rw_layer: 'rwtab', _status_secs: '5' }, 'debug').answer();
  t.like(answer, {
    plan: {
      style: 'roram',
      styleSource: 'node n0',
      rwLayer: 'rwtab',
      statusSeconds: 5,
      cmdline: 'enforcing=0 debug',
      bootConfig: { name: 'DefaultBoot', source: 'default group DefaultAttribs' },
      kernel: { blob: DIGEST.kernel, offset: 0, size: 1000 },
      image: { blob: DIGEST.image, offset: 1 << 20, size: 1 << 20, sha256: DIGEST.root },
    },
  });
});

test("without _boot_style the boot config's style counts", t => {
  t.like(planned().answer(), {
    plan: { style: 'rwram', styleSource: 'boot config DefaultBoot', rwLayer: 'overlayfs' },
  });
});

test('each thing that is missing is a refusal that names it', t => {
  const { fake, config, image, answer } = planned();
  fake.change(image, { content: null });
  t.regex(refusalOf(answer()), /image DefaultImage has no content/);
  fake.change(config, { image: '' });
  t.regex(refusalOf(answer()), /DefaultBoot has no image/);
  fake.change(config, { initramfs: null });
  t.regex(refusalOf(answer()), /has no initramfs/);
  fake.change(config, { kernel: null });
  t.regex(refusalOf(answer()), /has no kernel/);
  t.regex(refusalOf(planned({ _boot_config: 'gone' }).answer()), /_boot_config=gone \(node n0\) names no boot config/);
});

const scripts = ['boot-scripts', 'templates/grub'].flatMap(folder =>
  readdirSync(join(packageRoot, folder)).map(name => ({
    name,
    text: readFileSync(join(packageRoot, folder, name), 'utf8'),
  })),
);

test('every script is an iPXE script, every placeholder is filled, and every style has one', t => {
  const answer = planned().answer();
  if ('refused' in answer) return t.fail(answer.refused);
  for (const { name, text } of scripts) {
    if (name.endsWith('.grub')) continue;
    t.true(text.startsWith('#!ipxe\n'), name);
    const filled: Record<string, () => string> = {
      'refused.ipxe': () => renderRefusal(text, 'n0', 'why'),
      'autoexec.ipxe': () => fillTemplate(text, { SCRIPT: 'http://10.54.0.1/boot/v1/script' }),
    };
    const result = (filled[name] ?? (() => renderScript(text, answer.plan, 'http://10.54.0.1/boot/v1/x')))();
    t.notRegex(result, /@[A-Z_]+@/, name);
  }
  for (const style of Object.values(STYLES))
    t.true(
      style.scripts.every(name => scripts.some(script => script.name === name)),
      style.style,
    );
});

test("GRUB's scripts: every placeholder is filled, and no word of the command line means anything to GRUB", t => {
  const answer = planned({ _boot_loader: 'grub' }, 'a="b c" d=$x f;g').answer();
  if ('refused' in answer) return t.fail(answer.refused);
  for (const { name, text } of scripts) {
    if (!name.endsWith('.grub')) continue;
    // GRUB has no such operators: a line with one is an error when it runs, and grub-script-check does not see it.
    t.notRegex(text, /&&|\|\|/, name);
    const filled: Record<string, () => string> = {
      'refused.grub': () => renderGrubRefusal(text, 'n0', 'a "b" $c d\\e'),
      'network.grub': () => fillTemplate(text, { SCRIPT: '(tftp,10.54.0.1)/boot/v1/tftp/grub.cfg' }),
    };
    const script = (filled[name] ?? (() => renderGrubScript(text, answer.plan, '10.54.0.1:8080', '/boot/v1/x')))();
    t.notRegex(script, /@[A-Z_]+@/, name);
    if (name === 'netboot.grub') t.true(script.includes("'enforcing=0' 'a=b c' 'd=$x' 'f;g'"), script);
    if (name === 'refused.grub') t.true(script.includes(String.raw`cannot boot: a \"b\" \$c d\\e"`), script);
    // GRUB goes on behind a failed command: a kernel without its initramfs would be started, and panic.
    t.notRegex(script, /^(linux|initrd|boot)\b/m, name);
    if (name === 'netboot.grub' || name === 'live.grub')
      t.regex(
        script,
        /^if linux .* ; then\n(?: .*\n)*? {2}if initrd .* ; then\n {4}boot\n(?: .*\n)*? {4}reboot\n {2}fi\nfi\n/m,
      );
  }
});

test('a cmdline may use iPXE settings; words that iPXE takes for its own are refused', t => {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: this is iPXE's own syntax
  const cmdline = 'a=${net0/mac} b="c d"';
  t.like(planned({}, cmdline).answer(), { plan: { cmdline: `enforcing=0 ${cmdline}` } });
  for (const word of ['||', '&&', ';', '#x'])
    t.regex(refusalOf(planned({}, `a ${word} b`).answer()), /iPXE takes for its own/);
  t.is(renderRefusal('@REASON@', 'n0', 'x || $' + '{y}\nreboot'), "x '||' $ {y}?reboot");
});

test('the session file survives every value, and the archive is a cpio with mode 0600', t => {
  t.is(sessionFile({ A: "it's $HOME", B: 7 }), "A='it'\\''s $HOME'\nB='7'\n");
  const archive = sessionArchive('MUSTER_X=1\n');
  t.is(archive.length % 512, 0);
  const text = archive.toString('latin1');
  t.true(text.startsWith('070701'));
  t.true(text.includes('etc/muster/session\0'));
  const header = text.slice(text.indexOf('etc/muster/session\0') - 110);
  t.is(Number.parseInt(header.slice(14, 22), 16), 0o100600);
});

test('a layout of disks goes to every style of ours; a diskless node gets only what it uses', t => {
  const layout = '/dev/sda cache=20G,root=rest; /dev/sdb scratch=rest:xfs@/scratch';
  const planOf = (attributes: Record<string, string>) => planned({ _disk_layout: layout, ...attributes }).answer();
  const used = { disks: ['/dev/sdb scratch=rest:xfs@/scratch'], mounts: ['scratch xfs /scratch needed'] };
  t.like(planOf({ _boot_style: 'roram' }), { plan: { layout: used } });
  const plain = planOf({ _boot_style: 'roram', _disk_layout: '/dev/sda cache=20G,root=rest' });
  t.false('plan' in plain && 'layout' in plain.plan, 'a node without a disk for its root needs no such disk');
  const disked = { _boot_style: 'disked', _disk_root: 'LABEL=root', _disk_cache: 'LABEL=cache' };
  t.like(planOf(disked), { plan: { layout: { disks: layout.split('; ') } } });
  t.regex(
    refusalOf(planOf({ ...disked, _disk_root: 'LABEL=scratch' })),
    /^_disk_root is LABEL=scratch, which _disk_layout uses for \/scratch$/,
  );
});
