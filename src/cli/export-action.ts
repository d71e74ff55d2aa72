// `muster export hosts`: the nodes as a file of another program, on standard output.
import { EXPORTED } from '../api/exports.ts';
import { MusterError } from '../errors.ts';
import { EXPORT_FORMATS, EXPORTS } from '../exports/table.ts';
import { didYouMean } from '../nearest.ts';
import { isForPrograms, printData } from './listing.ts';
import { chosen } from './selection.ts';
import { action, type Given } from './table.ts';
import type { Terminal } from './terminal.ts';

const WIDTH = Math.max(...EXPORT_FORMATS.map(name => name.length));

export const exportRun = action({
  name: 'export',
  words: '[format]',
  takes: { words: EXPORT_FORMATS },
  summary:
    'print the nodes as a file of another program: hosts, known_hosts, an inventory; without a format, list the formats',
  options: [{ flags: '--port <port>', meaning: 'the port of each target, for prometheus-sd; default 9100' }],
  examples: ['muster export hosts', 'muster export ansible -i %gpu', 'muster export prometheus-sd --port 9100'],
  async run({ client, given, terminal }) {
    const [format, ...more] = given.words;
    if (format === undefined) return listFormats(given, terminal);
    if (!EXPORT_FORMATS.includes(format as never) || more.length > 0) {
      const hint = didYouMean(format, EXPORT_FORMATS, `there are ${EXPORT_FORMATS.join(', ')}`);
      throw new MusterError('bad-usage', `'export' takes one format: '${given.words.join(' ')}' is none; ${hint}`);
    }
    const { port } = given.options;
    const query = { ...chosen(given, []), ...(port !== undefined && { port }) };
    const text = await client.call(EXPORTED.write, { params: { format }, query });
    if (isForPrograms(given)) printData(terminal, given, { format, text });
    else terminal.write(text);
    return 0;
  },
});

function listFormats(given: Given, terminal: Terminal): number {
  const formats = EXPORT_FORMATS.map(name => ({ name, meaning: EXPORTS[name].meaning, place: EXPORTS[name].place }));
  if (isForPrograms(given)) printData(terminal, given, formats);
  else for (const { name, meaning, place } of formats) terminal.write(`${name.padEnd(WIDTH)}  ${meaning} (${place})\n`);
  return 0;
}
