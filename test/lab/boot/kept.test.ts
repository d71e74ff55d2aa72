// What a lab run leaves: the logs of one that failed, at the path it names, and nothing of one that went well.
import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { COMMAND } from '../../../lab/cluster.ts';
import { LEFT } from '../../../lab/command.ts';
import { run } from '../../../src/process/run.ts';
import { requireLab } from '../../support/lab.ts';

test.serial('a run whose node dies names a console log that exists afterwards', async t => {
  t.timeout(300_000);
  if (!requireLab(t)) return;
  const folder = await mkdtemp(join(tmpdir(), 'muster-kept-'));
  t.teardown(async () => rm(folder, { recursive: true, force: true }));
  const qemu = join(folder, 'qemu-system-x86_64');
  // The machine's own program, found behind this one, and its end a moment after power-on
  await writeFile(qemu, `#!/bin/sh\nPATH="\${PATH#*:}"\ntimeout -s KILL 4 qemu-system-x86_64 "$@"\n`);
  await chmod(qemu, 0o755);
  const env = {
    PATH: `${folder}:${process.env['PATH']}`,
    TMPDIR: folder,
    MUSTER_LAB_ACCEL: 'tcg',
  };
  const { status, stdout } = await run(process.execPath, [COMMAND, 'lab', '--once'], { env });
  t.is(status, 1, stdout);
  const pathAfter = (words: string): string =>
    stdout
      .split('\n')
      .find(line => line.startsWith(words))
      ?.slice(words.length) ?? '';
  const log = pathAfter(LEFT.console);
  t.regex(await readFile(log, 'utf8'), /SeaBIOS/);
  const kept = pathAfter(LEFT.logs);
  t.true(log.startsWith(kept));
  t.true((await readdir(kept)).includes('musterd.log'), (await readdir(kept)).join());
  // The folder of the run itself is gone: it held the head's state.
  t.deepEqual(
    (await readdir(folder)).filter(name => name.startsWith('muster-lab-')),
    [],
  );
});
