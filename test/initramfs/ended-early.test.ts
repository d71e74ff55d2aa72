// Scripts of the initramfs that end in the middle: the boot fails with the reason, and no half-made root starts.
import { appendFile, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { run } from '../../src/process/run.ts';
import { requireAll } from '../support/require.ts';
import { startHead } from './fake-head.ts';
import { giveSession, MODULE, makePlace, SHELLS } from './shells.ts';

/** Runs the whole list of verbs, of which each does nothing but the given one. */
async function mountRoot(t: ExecutionContext, shell: string, verb: string, body: string) {
  const head = await startHead();
  t.teardown(() => head.stop());
  const place = await makePlace(t);
  await giveSession(place, { MUSTER_URL: `${head.url}/boot/v1/s1`, MUSTER_STYLE: 'roram', MUSTER_FAILURE_SECS: 1 });
  const list = await readFile(join(MODULE, 'mount_rootfs'), 'utf8');
  const verbs = Array.from(list.matchAll(/^([a-z_]+)$/gm), ([, name = '']) => name).filter(name => name !== 'done');
  const replaced = [
    ...verbs.map(name => `${name}() { :; }`),
    'load_session() { . "$PRIVATE/session"; }',
    `${verb}() { ${body}; }`,
    'pause() { :; }',
    'restart_node() { echo REBOOT; exit 3; }',
  ];
  await appendFile(join(place.folder, 'lib/lib/start_agent'), `\n${replaced.join('\n')}\n`);
  const [program = '', ...words] = SHELLS[shell] ?? [];
  const { stdout } = await run(program, [...words, join(place.folder, 'lib/mount_rootfs')], { env: place.env });
  return { stdout, reports: head.reports, verbs };
}

for (const shell of Object.keys(SHELLS)) {
  const programs = [SHELLS[shell]?.[0] ?? '', 'busybox'];

  test(`${shell}: an error of the shell ends the boot, and the head has the reason`, async t => {
    if (!requireAll(t, { programs })) return;
    const { stdout, reports, verbs } = await mountRoot(
      t,
      shell,
      'place_files',
      '_x=2=/dev/vda; _y=$((_x + 1)); echo on',
    );
    t.true(verbs.includes('place_files'));
    t.is(stdout, 'REBOOT\n');
    t.like(reports.at(-1), { fault: 'node-failed' });
    t.regex(reports.at(-1)?.['error'] ?? '', /^the scripts of the initramfs ended before the root was ready/);
  });

  test(`${shell}: a boot that fails for another reason, or is ready, is not taken for one`, async t => {
    if (!requireAll(t, { programs })) return;
    const failed = await mountRoot(t, shell, 'place_files', 'fail no-init name=x "there is no init"');
    t.is(failed.stdout, 'REBOOT\n');
    t.deepEqual(
      failed.reports.map(({ fault }) => fault),
      ['no-init'],
    );
    const ready = await mountRoot(t, shell, 'place_files', 'echo placed');
    t.is(ready.stdout, 'placed\n');
  });
}

test('a variable that a part sets when it is read is set by no other part: all parts share their names', async t => {
  const folder = join(MODULE, 'lib');
  const parts = await Promise.all(
    (await readdir(folder)).map(async name => ({ name, text: await readFile(join(folder, name), 'utf8') })),
  );
  const clashes = parts.flatMap(({ name, text }) =>
    Array.from(text.matchAll(/^(_[a-z_]+)=/gm), ([, variable = '']) => variable).flatMap(variable => {
      const isSet = new RegExp(`(?:^|[\\s;({])${variable}=|\\bread\\b[^\\n;<|]* ${variable}\\b`, 'm');
      const others = parts.filter(other => other.name !== name && isSet.test(other.text));
      return others.map(other => `${variable} of ${name} is set in ${other.name}`);
    }),
  );
  t.deepEqual(clashes, []);
});
