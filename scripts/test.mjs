#!/usr/bin/env node
// Runs everything: types, format and lint, shell scripts, unit and interop tests, lab boots. Ends with one line of figures.
//   node scripts/test.mjs [FILE...]   with compiled test files (dist/test/...), only those
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { build } from './build.mjs';
import { nameOf, withVariable } from './processes.mjs';
import { TapReading } from './tap.mjs';
import { hasEnded, readNotes, slowest } from './test-times.mjs';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const BIN = join(ROOT, 'node_modules', '.bin');
const ONLY = process.argv.slice(2);
/**
 * AVA's own limits end first, but its timer can expire silently while a long limit of one test runs (`t.timeout`). Milliseconds.
 */
const SILENT_MS = 20 * 60_000;
/** AVA waits until the output of its test files is closed, which any process they left behind may hold open. Milliseconds. */
const CLOSED_MS = 20_000;
const counts = { passed: 0, failed: 0, skipped: 0 };
const failures = [];
/** The slowest files and tests of each run, for the end. */
const times = [];

process.chdir(ROOT);
if (ONLY.length > 0) {
  build();
  await ava('tests', ONLY, ['--serial', '--concurrency=1']);
} else {
  check('types: tsc', () => (build() ? { status: 0 } : { status: 1, stdout: '', stderr: 'its words are above' }));
  check('format and lint: biome', () => words(join(BIN, 'biome'), ['check', '--colors=off', '.']));
  check('shell scripts: shellcheck', () => words(process.execPath, ['scripts/lint-shell.mjs']));
  const files = testFiles();
  // Half of the tests wait for a client or a limit most of the time: one more file than there are processors runs at once.
  await ava(
    'tests',
    files.filter(file => !isLab(file)),
    [`--concurrency=${availableParallelism() + 1}`],
  );
  // Lab boots use both processors: one file at a time, and not next to a test that measures a time-out. Within a file two labs
  // run at once (`withLab`), and `test.serial` alone.
  await ava('lab boots', files.filter(isLab), ['--concurrency=1', '--timeout=15m']);
}
for (const { title, seconds, files, tests } of times) {
  line(`\n${title}: ${seconds.toFixed(0)} s; the slowest files, then tests:`);
  for (const { name, seconds } of [...files, ...tests]) line(`${seconds.toFixed(1).padStart(7)} s  ${name}`);
}
for (const { name, text } of failures) line(`\nFAILED: ${name}\n${indented(shortened(text))}`);
const bad = counts.failed > 0 || (process.env.CI === 'true' && counts.skipped > 0) || counts.passed === 0;
if (process.env.CI === 'true' && counts.skipped > 0) line('\nOn CI a skipped test is a failure.');
line(`\n${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
process.exit(bad ? 1 : 0);

function isLab(file) {
  return file.startsWith('dist/test/lab/boot/');
}

function testFiles() {
  const folder = join(ROOT, 'dist', 'test');
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile() && entry.name.endsWith('.test.js'))
    .map(entry => relative(ROOT, join(entry.parentPath ?? entry.path, entry.name)))
    .sort();
}

function check(name, action) {
  const { status, stdout, stderr } = action();
  result(name, status === 0 ? 'passed' : 'failed', `${stdout ?? ''}${stderr ?? ''}`);
}

function words(command, args) {
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: 'utf8', maxBuffer: 1 << 26 });
  return { status, stdout, stderr: error ? `${stderr ?? ''}${error.message}` : stderr };
}

async function ava(title, files, options) {
  if (files.length === 0) return;
  line(`\n${title}: ${files.length} files`);
  const folder = mkdtempSync(join(tmpdir(), 'muster-test-times-'));
  const notes = join(folder, 'notes');
  const child = spawn(join(BIN, 'ava'), ['--tap', ...options, ...files], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, MUSTER_TEST_TIMES: notes },
  });
  const begun = Date.now();
  const arrived = [];
  const reading = new TapReading(result, name => arrived.push({ name, at: Date.now() }));
  let said = '';
  child.stderr.setEncoding('utf8');
  child.stderr.on('data', chunk => {
    said = (said + chunk).slice(-20_000);
  });
  const ended = new Promise(resolve => {
    child.once('error', error => resolve(error.message));
    child.once('close', (code, signal) => resolve(code ?? signal));
  });
  const started = () => withVariable('MUSTER_TEST_TIMES', notes);
  const silence = setTimeout(() => {
    const running = files.filter(file => !hasEnded(file, readNotes(notes)));
    const text = [...running.map(file => `not ended: ${file}`), ...started().map(nameOf)].join('\n');
    result(`${title}: no result for ${SILENT_MS / 60_000} minutes`, 'failed', text);
    started().forEach(kill);
  }, SILENT_MS);
  let closing;
  let forced = false;
  // All results are in: do not wait for what a test left behind, AVA itself included.
  const endAll = () => {
    forced = true;
    line(`left behind by '${title}', and ended now:\n${indented(started().map(nameOf).join('\n'))}`);
    started().forEach(kill);
  };
  for await (const text of createInterface({ input: child.stdout })) {
    silence.refresh();
    reading.line(text);
    if (reading.complete && !closing) closing = setTimeout(endAll, CLOSED_MS);
  }
  clearTimeout(silence);
  clearTimeout(closing);
  reading.end();
  const status = forced ? 0 : await ended;
  times.push({ title, seconds: (Date.now() - begun) / 1000, ...slowest(files, readNotes(notes), arrived) });
  rmSync(folder, { recursive: true, force: true });
  // AVA's own reporter can crash (a test file that ends its process): that must not look like success.
  if (reading.total === 0 || !reading.complete || (status !== 0 && reading.failed === 0)) {
    result(`${title}: AVA ended with ${status}`, 'failed', said);
  } else if (status !== 0 && said.trim()) line(`what the tests wrote:\n${indented(said)}`);
}

function kill(pid) {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // it has already ended
  }
}

/** The reason stands at the start and the last log lines at the end: enough to read many failures in a short log. */
function shortened(text) {
  const lines = text.split('\n');
  if (lines.length <= 40) return text;
  return [...lines.slice(0, 20), `... ${lines.length - 40} lines, which stand above ...`, ...lines.slice(-20)].join(
    '\n',
  );
}

function result(name, outcome, text = '') {
  counts[outcome] += 1;
  const words = text.trim();
  if (outcome === 'failed') failures.push({ name, text: words });
  const sign = { passed: 'ok  ', failed: 'FAIL', skipped: 'skip' }[outcome];
  const shown = outcome === 'failed' ? words : words.split('\n').slice(-20).join('\n');
  line(`${sign} ${name}${shown ? `\n${indented(shown)}` : ''}`);
}

function indented(text) {
  return text.replace(/^/gm, '       ');
}

function line(text) {
  process.stdout.write(`${text}\n`);
}
