// `muster node enroll`: prints the line that makes an installed system a node with an agent.
import { NODES } from '../api/nodes.ts';
import { MusterError } from '../errors.ts';
import { countOf } from './given.ts';
import { isForPrograms, printData } from './listing.ts';
import { selection } from './selection.ts';
import { action } from './table.ts';
import { humanTime } from './terminal.ts';

export const nodeEnroll = action({
  name: 'enroll',
  summary:
    'print a line for a root shell on a node with an installed system: it installs the agent, with a token that works once',
  options: [{ flags: '--minutes <count>', meaning: 'how long the token is valid; default: 60' }],
  examples: ['muster node -i login1 enroll', 'muster node -i login1 enroll --minutes 1440'],
  async run(context) {
    const { client, given, terminal } = context;
    const query = selection(context, 'enroll');
    const made = await client.call(NODES.enroll, { query, body: { seconds: minutesOf(given.options.minutes) * 60 } });
    if (isForPrograms(given)) printData(terminal, given, made);
    else
      for (const { name, ip, line, until } of made)
        terminal.write(
          `${terminal.bold(`For a root shell on ${name} (${ip}), until ${humanTime(until)}:`)}\n${line}\n`,
        );
    return 0;
  },
});

/** A week at most. */
function minutesOf(given: unknown): number {
  const minutes = countOf('--minutes', given, 60);
  if (minutes <= 10_080) return minutes;
  throw new MusterError('bad-usage', `--minutes '${minutes}' must be a whole number from 1 to 10080.`);
}
