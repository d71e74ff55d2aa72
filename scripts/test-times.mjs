// How long test files and tests took. The first half runs inside every test file's process (AVA's `require`, when `test.mjs` asks for it).
import { appendFileSync, readFileSync } from 'node:fs';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';

/** In a test file's process: writes its start and its end, in milliseconds since 1970, to the file that the variable names. */
export default async function noteTimes() {
  const notes = process.env.MUSTER_TEST_TIMES;
  if (!notes) return;
  const { default: test } = await import('ava');
  const file = relative(process.cwd(), fileURLToPath(test.meta.file));
  const note = at => appendFileSync(notes, `${at} ${file}\n`);
  note(performance.timeOrigin);
  process.once('exit', () => note(Date.now()));
}

/**
 * The name that AVA puts before the titles of each file, when there are several: its path below their common folder, with `›`.
 */
export function labelsOf(files) {
  const paths = files.map(file => file.replace(/\.test\.js$/, '').split('/'));
  const shortest = Math.min(...paths.map(parts => parts.length - 1));
  let shared = 0;
  while (shared < shortest && paths.every(parts => parts[shared] === paths[0][shared])) shared += 1;
  return new Map(files.map((file, index) => [file, paths[index].slice(shared).join(' › ')]));
}

/**
 * The slowest of one run, the slowest first: of files from the start of their process to its end, of tests since the result before it in
 * the same file (tests of one file that run at the same time share their time).
 * @param {string} notes what `noteTimes` wrote
 * @param {{ name: string, at: number }[]} results in the order of their arrival
 */
export function slowest(files, notes, results, count = 20) {
  const begun = new Map();
  const took = [];
  for (const line of notes.split('\n')) {
    const [, at, file] = /^([\d.]+) (.+)$/.exec(line) ?? [];
    if (!file) continue;
    if (begun.has(file)) took.push({ name: file, seconds: (Number(at) - begun.get(file)) / 1000 });
    else begun.set(file, Number(at));
  }
  // The longest label first: one may be the beginning of another.
  const labels = [...labelsOf(files)].sort(([, left], [, right]) => right.length - left.length);
  const last = new Map(begun);
  const tests = [];
  for (const { name, at } of results) {
    const [file] = files.length === 1 ? files : (labels.find(([, label]) => name.startsWith(`${label} › `)) ?? []);
    if (last.has(file)) tests.push({ name, seconds: (at - last.get(file)) / 1000 });
    last.set(file, at);
  }
  const top = list => list.sort((left, right) => right.seconds - left.seconds).slice(0, count);
  return { files: top(took), tests: top(tests) };
}

/** Whether the process of a file has noted its end. */
export function hasEnded(file, notes) {
  return notes.split('\n').filter(line => line.endsWith(` ${file}`)).length > 1;
}

/** The notes so far; none when no test file has begun. */
export function readNotes(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
