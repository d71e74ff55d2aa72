// The nodes as files of other programs.
import { type Operations, READ } from './operation.ts';
import { SELECTION } from './parameters.ts';

export const EXPORTED = {
  write: {
    ...READ,
    path: '/exports/:format',
    query: {
      ...SELECTION,
      port: z => {
        const text = 'must be a port, from 1 to 65535';
        return z.coerce
          .number(text)
          .int(text)
          .min(1, text)
          .max(65_535, text)
          .default(9100)
          .describe('the port of each target, for `prometheus-sd`; default 9100');
      },
    },
    output: z => z.string(),
    reply: 'json',
    summary: 'The selected nodes as a file of another program; `muster export` lists the formats.',
  },
} as const satisfies Operations;
