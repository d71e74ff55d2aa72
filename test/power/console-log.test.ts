// A console's log stays bounded, however much a node says, and keeps the newest.
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { ConsoleLog } from '../../src/power/console-log.ts';

function folderOf(t: ExecutionContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'muster-console-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

test('endless output of a node leaves two files of bounded size with the newest lines', async t => {
  const folder = folderOf(t);
  const file = join(folder, 'n0.log');
  const log = new ConsoleLog(file, 1000);
  for (let line = 0; line < 5000; line += 1) {
    log.write(`line ${line}\n`);
    // As with a real console, which speaks between turns of the event loop
    if (line % 100 === 0) await new Promise(resolve => setImmediate(resolve));
  }
  await log.end();
  t.deepEqual(readdirSync(folder).sort(), ['n0.log', 'n0.log.1']);
  for (const name of readdirSync(folder)) t.true(statSync(join(folder, name)).size <= 1000, name);
  t.true(readFileSync(file, 'utf8').endsWith('line 4999\n'));
  const both = readFileSync(`${file}.1`, 'utf8') + readFileSync(file, 'utf8');
  const numbers = Array.from(both.matchAll(/line (\d+)/g), ([, number]) => Number(number));
  t.deepEqual(
    numbers,
    numbers.map((_, index) => 5000 - numbers.length + index),
  );
  t.is(statSync(file).mode & 0o777, 0o600);
});

test('the log of an earlier session is continued, and counts', async t => {
  const file = join(folderOf(t), 'n0.log');
  writeFileSync(file, 'x'.repeat(900));
  const log = new ConsoleLog(file, 1000);
  log.write('short\n');
  log.write('y'.repeat(200));
  await log.end();
  t.true(readFileSync(`${file}.1`, 'utf8').endsWith('xshort\n'));
  t.is(readFileSync(file, 'utf8'), 'y'.repeat(200));
});

test('a full disk ends no console', async t => {
  const file = join(folderOf(t), 'n0.log');
  symlinkSync('/dev/full', file);
  const log = new ConsoleLog(file, 1000);
  for (let line = 0; line < 100; line += 1) log.write('z'.repeat(100));
  await t.notThrowsAsync(log.end());
});
