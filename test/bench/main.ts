// `npm run bench`: lists the benchmarks; `npm run bench -- NAME [--json]` runs one against its peer, in the same run.
import { parseArgs } from 'node:util';
import { BENCHES } from './list.ts';
import type { BenchRow } from './row.ts';

const { values, positionals } = parseArgs({
  options: { json: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } },
  allowPositionals: true,
});
const [name] = positionals;
const bench = BENCHES.find(item => item.name === name);

if (name === undefined || values.help) {
  for (const item of BENCHES) process.stdout.write(`${item.name.padEnd(10)} ${item.summary}\n`);
  process.stdout.write('\nnpm run bench -- NAME [--json]\n');
} else if (!bench) {
  process.stderr.write(
    `bench: there is no benchmark '${name}'; there are ${BENCHES.map(item => item.name).join(', ')}\n`,
  );
  process.exitCode = 2;
} else {
  const rows: BenchRow[] = [];
  for await (const row of bench.run()) {
    rows.push(row);
    if (!values.json) process.stdout.write(`${line(row)}\n`);
  }
  if (values.json) process.stdout.write(`${JSON.stringify({ name: bench.name, rows })}\n`);
}

/** `4 KiB random, 1 session: 36402 reads/s, tgtd 17342: 2.10 times as good`. */
function line(row: BenchRow): string {
  const figure = (value: number): string => (value >= 100 ? Math.round(value).toString() : value.toPrecision(3));
  return `${row.case}: ${figure(row.ours)} ${row.unit}, ${row.peerName} ${figure(row.peer)}: ${row.ratio.toFixed(2)} times as good`;
}
