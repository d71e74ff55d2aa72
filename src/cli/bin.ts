#!/usr/bin/env node
// The one program behind `muster` and the `scyld-*` names: the name it was called by is the first word.
import { basename } from 'node:path';
import { MusterError, reasonOf } from '../errors.ts';
import { runCommandLine } from './program.ts';

/** `scyld-nodectl …` is `muster nodectl …`. */
function wordsOf(argv: readonly string[]): string[] {
  const name = basename(argv[1] ?? 'muster');
  const rest = argv.slice(2);
  return name.startsWith('scyld-') ? [name.slice('scyld-'.length), ...rest] : rest;
}

// A reader that goes away (`muster node ls | head`) is no failure.
process.stdout.on('error', error => {
  if ((error as NodeJS.ErrnoException).code !== 'EPIPE') throw error;
  process.exit(0);
});

process.exitCode = await runCommandLine(wordsOf(process.argv)).catch((error: unknown) => {
  process.stderr.write(`ERROR: ${reasonOf(error)}\n`);
  if (error instanceof MusterError) {
    if (error.hint) process.stderr.write(`${error.hint}\n`);
    return error.exit;
  }
  process.stderr.write(`${(error as Error).stack ?? ''}\nThis is a bug in muster.\n`);
  return 70;
});
