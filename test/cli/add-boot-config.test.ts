import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { requireAll } from '../support/require.ts';
import { TestDaemon } from './daemon.ts';

let daemon: TestDaemon;
test.before(async () => {
  daemon = await TestDaemon.start();
});
test.after.always(async () => daemon?.stop());

test.serial('a boot config whose initramfs cannot be made is not left behind', async t => {
  if (!requireAll(t, { root: true, programs: ['mksquashfs', 'unsquashfs'] })) return;
  mkdirSync(join(daemon.folder, 'root', 'etc'), { recursive: true });
  writeFileSync(join(daemon.folder, 'root', 'etc', 'hostname'), 'node\n');
  const made = await daemon.shell(
    'mksquashfs root bare.squashfs -quiet -no-progress && muster image create name=Bare content=@bare.squashfs',
  );
  t.is(made.status, 0, made.stderr);

  const shown = await daemon.run(
    'scyld-add-boot-config',
    '--image',
    'Bare',
    '--boot-config',
    'BareBoot',
    '--show-steps',
    '--dry-run',
  );
  t.is(
    shown.stdout,
    'muster boot create name=BareBoot image=Bare cmdline=enforcing=0\nmuster mkramfs --update BareBoot\nThis was a dry run: nothing was changed.\n',
    shown.stderr,
  );
  const defaults = await daemon.shell('muster add-boot-config --make-defaults --image Bare --dry-run');
  t.regex(defaults.stdout, /^muster boot create name=DefaultBoot image=Bare cmdline=enforcing=0$/m);
  t.regex(defaults.stdout, /^muster attrib -i \w+ set _boot_config=DefaultBoot$/m);
  t.notRegex(defaults.stdout, /modimg/, 'the image is there');
  const nowhere = await daemon.shell('muster add-boot-config --make-defaults --image Nowhere --dry-run');
  t.is(nowhere.status, 4, nowhere.stderr);
  t.regex(nowhere.stderr, /No image found for ID=Nowhere/);
  const failed = await daemon.run('scyld-add-boot-config', '--image', 'Bare', '--boot-config', 'BareBoot');
  t.is(failed.status, 8, failed.stderr);
  t.is(failed.stdout, 'created BareBoot\ndeleted BareBoot\n');
  t.is((await daemon.run('muster', 'boot', 'ls')).stdout, 'Boot configurations\n');
});
