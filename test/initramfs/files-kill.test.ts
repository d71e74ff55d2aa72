// The applier of a running node, ended by SIGKILL at many moments: each file is the old or the new one, and the next run completes.
import { spawn } from 'node:child_process';
import { lstat, mkdir, readdir, readFile, readlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { requireAll } from '../support/require.ts';
import { type Bundle, bundle, entry } from './bundles.ts';
import { startHead } from './fake-head.ts';
import { giveSession, layOutAgent, makePlace, type Place, SHELLS } from './shells.ts';

const MOMENTS = 100;
const LARGE = 'x'.repeat(300_000);

/** Two versions of a node's files. `only` is in the first one alone, `folder/late` in the second. */
function version(name: 'one' | 'two'): Bundle {
  const plain = ['a', 'b', 'c'].map(file => entry(`/etc/${file}`, `${file} ${name}\n`));
  return bundle([
    ...plain,
    entry('/etc/large', `${name}${LARGE}`, { mode: name === 'one' ? 0o644 : 0o600 }),
    entry('/etc/passwd', `${name}:x:1:1::/:\n`, { merge: 'names' }),
    entry('/etc/link', '', { type: 'link', target: name }),
    ...(name === 'one' ? [entry('/etc/only', 'only one\n')] : [entry('/etc/folder/late', 'late two\n')]),
  ]);
}

/** Every state that a file may be in; `none` when it is not there. */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  a: ['a image\n', 'a one\n', 'a two\n'],
  b: ['none', 'b one\n', 'b two\n'],
  c: ['none', 'c one\n', 'c two\n'],
  large: ['none', `one${LARGE}`, `two${LARGE}`],
  passwd: ['root:x:0:0::/:\n', 'root:x:0:0::/:\none:x:1:1::/:\n', 'root:x:0:0::/:\ntwo:x:1:1::/:\n'],
  link: ['a image\n', 'link one', 'link two'],
  only: ['only image\n', 'only one\n'],
  'folder/late': ['none', 'late two\n'],
};

async function stateOf(place: Place, name: string): Promise<string> {
  const path = join(place.root, 'etc', name);
  const found = await lstat(path).catch(() => undefined);
  if (!found) return 'none';
  return found.isSymbolicLink() ? `link ${await readlink(path)}` : readFile(path, 'utf8');
}

/** Runs the applier to its end, or kills it with all its processes after some seconds. @param seconds 0: never */
async function update(shell: string, place: Place, agent: string, digest: string, seconds = 0): Promise<number | null> {
  const words = ['--signal=KILL', `${seconds}`, ...(SHELLS[shell] ?? []), join(agent, 'update_files'), digest];
  const env = { ...process.env, ...place.env, MUSTER_ROOT: place.root };
  const child = spawn('timeout', words, { env, stdio: 'ignore' });
  return new Promise(resolve => child.once('close', status => resolve(status)));
}

/** Numbers from 0 to 1, the same in each run. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return state / 2 ** 32;
  };
}

/** A node, and a head that serves it one bundle after the other. */
async function node(t: ExecutionContext, shell: string) {
  let served: Bundle | undefined;
  const head = await startHead({ files: () => served ?? bundle([]) });
  t.teardown(() => head.stop());
  const place = await makePlace(t);
  const agent = await layOutAgent(place);
  await giveSession(place, { MUSTER_TOKEN: 't', MUSTER_HEARTBEAT_URL: `${head.url}/node/v1/heartbeat` });
  /** Serves the bundle and runs the applier; returns its status. @param seconds until it is killed; 0: never */
  const updated = async (bundle: Bundle, seconds = 0) => {
    served = bundle;
    return update(shell, place, agent, bundle.digest, seconds);
  };
  return { place, updated };
}

for (const shell of ['dash', 'busybox'])
  test.serial(`${shell}: an applier that is killed at ${MOMENTS} moments leaves no half of a file`, async t => {
    t.timeout(900_000);
    if (!requireAll(t, { programs: [SHELLS[shell]?.[0] ?? '', 'busybox', 'timeout'] })) return;
    const versions = [version('one'), version('two')] as const;
    const { place, updated } = await node(t, shell);
    await mkdir(join(place.root, 'etc'), { recursive: true });
    const image = { a: 'a image\n', link: 'a image\n', only: 'only image\n', passwd: 'root:x:0:0::/:\n' };
    for (const [name, text] of Object.entries(image)) await writeFile(join(place.root, 'etc', name), text);
    const begun = performance.now();
    t.is(await updated(versions[0]), 0);
    const seconds = (performance.now() - begun) / 1000;
    const random = seeded(7);
    for (let moment = 0; moment < MOMENTS; moment++) {
      const current = versions[(moment + 1) % 2] ?? versions[0];
      await updated(current, Math.max(0.01, random() * seconds * 1.1));
      for (const [name, allowed] of Object.entries(ALLOWED)) {
        const state = await stateOf(place, name);
        if (!allowed.includes(state)) t.fail(`${moment}: /etc/${name} is ${state.slice(0, 80)}`);
      }
      if (moment % 10 !== 9) continue;
      t.is(await updated(current), 0, `${moment}: the next run completes`);
      const word = current === versions[0] ? 'one' : 'two';
      t.is(await stateOf(place, 'a'), `a ${word}\n`);
      t.is(await stateOf(place, 'link'), `link ${word}`);
      t.is(await stateOf(place, 'passwd'), `root:x:0:0::/:\n${word}:x:1:1::/:\n`);
      t.is(await stateOf(place, 'only'), word === 'one' ? 'only one\n' : 'only image\n');
      t.is(await stateOf(place, 'folder/late'), word === 'one' ? 'none' : 'late two\n');
      const left = (await readdir(join(place.root, 'etc'))).filter(name => name.startsWith('.'));
      t.deepEqual(left, [], 'nothing is left of the runs that were ended');
    }
    t.is(await updated(bundle([])), 0);
    for (const [name, text] of Object.entries(image)) t.is(await stateOf(place, name), text);
  });

for (const shell of ['dash', 'busybox'])
  test.serial(
    `${shell}: a script of the boot, which the node dropped since, is fetched when a change runs it`,
    async t => {
      if (!requireAll(t, { programs: [SHELLS[shell]?.[0] ?? '', 'busybox', 'timeout'] })) return;
      const content = Buffer.from('#!/bin/sh\necho ran >"$MUSTER_ROOT/etc/ran"\n');
      const script = (stage: 'root' | 'change') => ({ stage, name: 'base/x', required: false, seconds: 60, content });
      const versions = [bundle([], [script('root')]), bundle([entry('/etc/a', 'a')], [script('change')])] as const;
      const { place, updated } = await node(t, shell);
      for (const current of versions) t.is(await updated(current), 0);
      t.is(await readFile(join(place.root, 'etc/ran'), 'utf8'), 'ran\n');
    },
  );
