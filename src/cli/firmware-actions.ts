// `muster firmware ls`: the differences of firmware, and what muster does about them.
import { BOOTS, type Quirk } from '../api/boots.ts';
import { isForPrograms, printData } from './listing.ts';
import { action } from './table.ts';

export const firmwareList = action({
  name: 'list',
  aliases: ['ls'],
  words: '[words...]',
  summary: 'list known differences between firmware; words narrow the list',
  options: [{ flags: '-l, --long', meaning: 'show their sources as well' }],
  examples: ['muster firmware ls', 'muster firmware ls ipxe -l', 'muster firmware ls --json'],
  async run({ client, given, terminal }) {
    const all = await client.call(BOOTS.firmware);
    const wanted = given.words.map(word => word.toLowerCase());
    const rows = all.filter(row => {
      const text = JSON.stringify(row).toLowerCase();
      return wanted.every(word => text.includes(word));
    });
    if (isForPrograms(given)) printData(terminal, given, rows);
    else if (rows.length === 0) terminal.write('No row contains these words.\n');
    else terminal.write(rows.map(row => quirkText(row, Boolean(given.options.long))).join('\n'));
    return 0;
  },
});

function quirkText({ who, differs, answer, sources }: Quirk, long: boolean): string {
  const lines = [who, `  differs:  ${differs}`, `  muster:   ${answer}`];
  if (long) lines.push(`  from:     ${sources.join('; ')}`);
  return `${lines.join('\n')}\n`;
}
