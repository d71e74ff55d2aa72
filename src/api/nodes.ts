// What nodes do: states, explanations, waiting, and the machines that are not nodes.
import { NODE_STATES } from '../boot/states.ts';
import type { Zod } from '../issue.ts';
import { type Data, type Operations, type Out, READ } from './operation.ts';
import { SECRETS, SELECTION, seconds } from './parameters.ts';
import { bootPlan } from './plan.ts';

const facts = (z: Zod) => z.record(z.string(), z.string());
const named = (z: Zod) => ({ uid: z.string(), name: z.string() });

const status = (z: Zod) =>
  z.object({
    ...named(z),
    state: z.enum(NODE_STATES),
    lastSeen: z.number().optional().describe('milliseconds since 1970 of the last heartbeat'),
    silence: z.number().optional().describe('seconds since then'),
    period: z.number().optional().describe('seconds from one heartbeat to the next'),
    facts: facts(z).describe('status facts of the last heartbeat'),
    hardware: facts(z),
    reason: z.string().optional().describe('why a boot is stuck, or what is wrong with a running system'),
  });
export type ShownStatus = Out<typeof status>;

const overview = (z: Zod) =>
  z.object({
    ...named(z),
    state: z.enum(NODE_STATES),
    reason: z.string().optional(),
    since: z.number().optional().describe('start of the state, in milliseconds since 1970'),
    ip: z.string(),
    image: z.string().optional(),
    boot_config: z.string().optional(),
    os: z.string().optional().describe('the name of an enrolled system, instead of image and boot config'),
  });
export type NodeOverview = Out<typeof overview>;

const inherited = (z: Zod) =>
  z.object({
    value: z.string(),
    source: z.string().describe('`node n0`, `group gpu`, `default group DefaultAttribs`'),
    shadows: z
      .array(z.object({ value: z.string(), source: z.string() }))
      .describe('values that this one hides, the nearest first'),
  });
export type Inherited = Out<typeof inherited>;

const explained = (z: Zod) =>
  z.object({
    ...named(z),
    attributes: z.record(z.string(), inherited(z)),
    plan: bootPlan(z).optional(),
    refusal: z.string().optional(),
    file_sets: z
      .object({
        sets: z
          .array(z.object({ name: z.string(), source: z.string().describe('the group or node that names it') }))
          .describe('in order: later ones hide files of earlier ones'),
        left_out: z.array(
          z.object({ name: z.string(), source: z.string(), by: z.string().describe('what leaves it out') }),
        ),
        hidden: z.array(
          z.object({
            path: z.string(),
            by: z.string().describe('the set with the file that is used'),
            sets: z.array(z.string()).describe('the sets with files that are not used'),
          }),
        ),
      })
      .optional(),
    words: z.array(z.string()).describe('what the node would do now, in sentences'),
  });
export type Explained = Out<typeof explained>;

export const VERDICTS = ['well', 'waiting', 'stuck', 'failed'] as const;
const why = (z: Zod) =>
  z.object({
    ...named(z),
    state: z.enum(NODE_STATES),
    verdict: z.enum(VERDICTS),
    rule: z.string().describe('the rule that found it; the same fault has the same name'),
    cause: z.string(),
    remedy: z.string().optional(),
    settle: z.string().optional().describe('only for a guess: what would settle it'),
    certainty: z.enum(['certain', 'guess']),
    evidence: z.array(z.string()).describe('what supports it: what was seen, and what was not'),
  });
export type ShownWhy = Out<typeof why>;

export const NODES = {
  status: {
    ...READ,
    path: '/nodes/status',
    query: SELECTION,
    output: z => z.array(status(z)),
    summary: 'Whether the nodes are up, since when, and otherwise why not.',
  },
  overview: {
    ...READ,
    path: '/nodes/overview',
    query: SELECTION,
    output: z => z.array(overview(z)),
    summary: 'The state of the nodes, since when, their address, and what they boot.',
  },
  explain: {
    ...READ,
    path: '/nodes/explain',
    query: { ...SELECTION, ...SECRETS },
    output: z => z.array(explained(z)),
    summary: 'What the nodes would boot now, and where each attribute comes from.',
  },
  why: {
    ...READ,
    path: '/nodes/why',
    query: SELECTION,
    output: z => z.array(why(z)),
    summary: 'Why the nodes are not up: cause and remedy, from what was seen and what was not.',
  },
  enroll: {
    method: 'POST',
    reply: 'json',
    may: 'operate',
    audit: 'enroll',
    path: '/nodes/enroll',
    query: SELECTION,
    body: z =>
      z.object(
        {
          seconds: z
            .number('must be seconds')
            .int('must be whole seconds')
            .min(60, 'must be at least 60 seconds')
            .max(604_800, 'must be at most 604800 seconds')
            .default(3600)
            .describe('how long the tokens are valid; default 3600'),
        },
        'must be a JSON object of fields',
      ),
    wrong: 'bad-value',
    output: z =>
      z.array(
        z.object({
          ...named(z),
          ip: z.string().describe('the only address that the token works from'),
          line: z.string().describe('for a root shell on the node; it has a token that works once'),
          until: z.number().describe('when the token expires, in milliseconds since 1970'),
        }),
      ),
    example: { seconds: 3600 },
    summary: 'A line for each node that enrols its installed system, so that it has an agent.',
  },
  waitfor: {
    ...READ,
    path: '/nodes/waitfor',
    query: {
      ...SELECTION,
      wanted: z => z.enum(NODE_STATES).default('up').describe('the state to wait for; default up'),
      timeout: z => seconds(z, 3600).default(60).describe('the longest wait in seconds; default 60'),
    },
    output: z =>
      z.object({
        reached: z.boolean(),
        nodes: z.array(status(z)),
        deleted: z
          .array(z.string())
          .optional()
          .describe('nodes that were deleted meanwhile; the first one ended the wait'),
      }),
    summary: 'Answers when all selected nodes are in a state, or when the time is over.',
  },
  unknown: {
    ...READ,
    path: '/nodes/unknown',
    output: z =>
      z.array(
        z.object({
          mac: z.string(),
          first: z.number(),
          last: z.number(),
          count: z.number(),
          arch: z.string(),
          vendor: z.string(),
          where: z.string().describe('where it was seen: `the boot network`, or behind a relay agent'),
          ip: z.string().optional().describe('the address lent to it, if any'),
        }),
      ),
    summary: 'Machines that requested an address and are not nodes, latest first.',
  },
} as const satisfies Operations;

export type Waited = Data<typeof NODES.waitfor>;
export type UnknownMachine = Data<typeof NODES.unknown>[number];
