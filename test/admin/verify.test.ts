// Every stored file is read, by a thread, and a damaged one is named with what needs it.
import { createHash, randomBytes } from 'node:crypto';
import { chmodSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { AdminClient } from '../../src/api/client.ts';
import { OBJECTS } from '../../src/api/objects.ts';
import { STORAGE, type VerifyLine } from '../../src/api/storage.ts';
import { packageRoot } from '../../src/package-root.ts';
import { run } from '../../src/process/run.ts';
import { temporaryFolder } from '../cli/folder.ts';
import { startWorld } from './world.ts';

test('damage is found with what it concerns, progress is reported, and muster doctor --deep shows it', async t => {
  const folder = await temporaryFolder(t);
  const world = await startWorld(folder);
  t.teardown(world.stop);
  const client = new AdminClient({ socket: world.socket });
  t.teardown(async () => client.close());
  const store = async (name: string, bytes: Buffer): Promise<string> => {
    writeFileSync(join(folder, name), bytes);
    const { id } = await client.upload(join(folder, name));
    await client.call(OBJECTS.create, { kind: 'boot', body: { name, initramfs: { upload: id } } });
    return world.blobs.path(createHash('sha256').update(bytes).digest('hex'));
  };
  const big = await store('big', randomBytes(20 << 20));
  const short = await store('short', randomBytes(1000));
  await store('whole', randomBytes(1000));
  const verified = async (): Promise<VerifyLine[]> => {
    const lines: VerifyLine[] = [];
    for await (const line of client.lines(STORAGE.verify, {})) lines.push(line);
    return lines;
  };
  const total = (20 << 20) + 2000;
  const good = await verified();
  t.true(good.every(({ type }) => type === 'progress'));
  t.deepEqual(good.at(-1), { type: 'progress', done: total, total });
  t.true(good.length >= 4, 'a large file tells its progress too');

  const bytes = readFileSync(big);
  bytes.writeUInt8(bytes.readUInt8(9_000_000) ^ 1, 9_000_000);
  chmodSync(big, 0o600);
  writeFileSync(big, bytes);
  truncateSync(short, 500);
  const bad = (await verified()).flatMap(line => (line.type === 'damaged' ? [[line.keptBy, line.problem]] : []));
  t.deepEqual(bad.sort(), [
    [['boot config big'], 'has other bytes than were stored'],
    [['boot config short'], 'has other bytes than were stored'],
  ]);
  const bin = join(packageRoot, 'dist/src/cli/bin.js');
  const { stdout } = await run(process.execPath, [
    bin,
    'doctor',
    '--deep',
    '--no-probe',
    '--json',
    '--socket',
    world.socket,
  ]);
  const { findings } = JSON.parse(stdout) as { findings: { check: string; text: string }[] };
  const texts = findings.filter(({ check }) => check === 'stored files').map(({ text }) => text);
  t.is(texts.length, 2, texts.join('\n'));
  t.true(texts.some(text => /has other bytes than were stored, and is wanted by boot config big\./.test(text)));
  t.true(texts.some(text => /has 500 of 1000 bytes, and is wanted by boot config short\./.test(text)));
  rmSync(short);
  t.is((await verified()).filter(({ type }) => type === 'damaged').length, 1, 'one that is gone is told elsewhere');
});
