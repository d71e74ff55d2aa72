// `npm run soak`: ten days of a cluster in fast-forward; says at its end what stayed flat. `--short` is what the tests run, `--json` for programs.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { MEASURES } from './flat.ts';
import { type Lived, live } from './life.ts';
import { LONG, SHORT } from './plans.ts';

const { values } = parseArgs({ options: { short: { type: 'boolean' }, json: { type: 'boolean' } } });
const folder = await mkdtemp(join(tmpdir(), 'muster-soak-'));
try {
  const lived = await live(folder, {
    ...(values.short ? SHORT : LONG),
    say: line => process.stderr.write(`soak: ${line}\n`),
  });
  process.stdout.write(values.json ? `${JSON.stringify(lived)}\n` : report(lived));
  if (lived.failed > 0 || lived.verdicts.some(({ flat }) => !flat)) process.exitCode = 1;
} finally {
  await rm(folder, { recursive: true, force: true });
}

function report({ verdicts, ...lived }: Lived): string {
  const done = `${lived.boots} boots (${lived.failed} failed), ${lived.heartbeats} heartbeats, ${lived.edits} edits, ${lived.images} files uploaded and deleted, ${lived.strangers} refusals, ${lived.restarts} restarts, in ${lived.seconds.toFixed(0)} s`;
  const rows = verdicts.map(({ measure, middle, end, limit, flat }) => {
    const figures = [middle, end, limit].map(value => value.toFixed(2).padStart(10)).join('');
    return `${measure.padEnd(12)}${MEASURES[measure].unit.padEnd(12)}${figures}  ${flat ? 'flat' : 'GROWS'}`;
  });
  const heading = `${'what'.padEnd(12)}${'unit'.padEnd(12)}${['middle', 'end', 'at most'].map(word => word.padStart(10)).join('')}`;
  return `${[done, '', heading, ...rows].join('\n')}\n`;
}
