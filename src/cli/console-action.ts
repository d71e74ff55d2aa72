// `muster node console n0`: the serial console on this terminal, until Ctrl-].
import { PassThrough } from 'node:stream';
import { finished } from 'node:stream/promises';
import { POWER } from '../api/power.ts';
import { MusterError } from '../errors.ts';
import { chosen } from './selection.ts';
import type { Action } from './table.ts';

/** Ctrl-], like telnet and virsh. */
const ESCAPE = 0x1d;

export const nodeConsole: Action = {
  name: 'console',
  words: '[name]',
  takes: 'names',
  summary: 'open the serial console of a node; Ctrl-] closes it; its log is kept below paths.state',
  examples: ['muster node console n0'],
  async run({ client, given, terminal }) {
    const query = chosen(given, given.words);
    if (Object.keys(query).length === 0)
      throw new MusterError('bad-usage', "'console' needs a node: muster node console n0.");
    const { stdin, stdout } = process;
    const keyboard = new PassThrough();
    const screen = await client.duplex(POWER.console, { query }, keyboard);
    terminal.say('The console is open. Ctrl-] closes it.');
    const type = (bytes: Buffer): void => {
      const end = bytes.indexOf(ESCAPE);
      keyboard.write(end < 0 ? bytes : bytes.subarray(0, end));
      if (end >= 0) screen.destroy();
    };
    try {
      if (stdin.isTTY) stdin.setRawMode(true);
      stdin.on('data', type);
      stdin.once('end', () => keyboard.end());
      screen.pipe(stdout, { end: false });
      // Either side may end it.
      await finished(screen).catch(() => {});
    } finally {
      stdin.off('data', type);
      if (stdin.isTTY) stdin.setRawMode(false);
      stdin.pause();
      keyboard.destroy();
    }
    terminal.say('\r\nThe console is closed.');
    return 0;
  },
};
