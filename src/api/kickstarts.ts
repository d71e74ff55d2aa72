// Kickstart files: a list, and one filled in for a node.
import { ANSWER_KINDS } from '../boot/kickstart-taken.ts';
import type { Zod } from '../issue.ts';
import { type Operations, type Out, READ } from './operation.ts';
import { SECRETS } from './parameters.ts';

const kickstart = (z: Zod) =>
  z.object({
    name: z.string(),
    path: z.string(),
    size: z.number().describe('bytes'),
    shipped: z.boolean().describe("whether it came with muster; otherwise it is the site's own"),
    readable: z
      .boolean()
      .describe('whether other users of the head can read it; a file with password hashes should not be readable'),
    used_by: z.array(z.string()).describe('names of the boot configs that use it'),
  });
export type ShownKickstart = Out<typeof kickstart>;
export type KickstartFile = Omit<ShownKickstart, 'used_by'>;

export const KICKSTARTS = {
  list: {
    ...READ,
    path: '/kickstarts',
    output: z => z.array(kickstart(z)),
    summary: 'The kickstart, preseed and autoinstall files.',
  },
  render: {
    method: 'POST',
    path: '/kickstarts/render',
    query: SECRETS,
    body: z =>
      z.object(
        {
          node: z.string('must be the name of a node'),
          name: z.string('must be the name of a file'),
          text: z.string('must be a text').optional().describe('instead of the stored file'),
        },
        'must be a JSON object of fields',
      ),
    output: z => z.string().describe('SESSION is a placeholder for the id of the session that the boot will have'),
    reply: 'json',
    may: 'read',
    example: { node: 'n0', name: 'rocky.ks' },
    summary: 'A kickstart file filled in for a node; changes nothing.',
  },
  fetch: {
    method: 'POST',
    path: '/kickstarts/fetch',
    body: z => z.object({ node: z.string('must be the name of a node') }, 'must be a JSON object of fields'),
    output: z =>
      z.object({
        kind: z.enum(ANSWER_KINDS),
        path: z.string().describe('where the node has them'),
        name: z.string().describe('a name for the file'),
        folder: z.string().describe("the site's folder of such files"),
        text: z.string().describe('with placeholders for what is of this node or of the head; password hashes stay'),
        changes: z.array(z.string()).describe('what became a placeholder, and where'),
      }),
    reply: 'json',
    may: 'copy',
    audit: 'fetch a kickstart',
    example: { node: 'n0' },
    summary:
      'The answers that the installer of a running node kept, as a kickstart file for other nodes. Stores nothing.',
  },
} as const satisfies Operations;
