// Boots: their timelines, those in progress, the board of the whole cluster, and the differences of firmware.
import { STAGES } from '../boot/journey.ts';
import { NODE_STATES } from '../boot/states.ts';
import type { Zod } from '../issue.ts';
import { VERDICTS } from './nodes.ts';
import { type Data, type Operations, type Out, READ } from './operation.ts';
import { SELECTION, whole } from './parameters.ts';

const value = (z: Zod) => z.union([z.string(), z.number()]).optional();

export const bootEvent = (z: Zod) =>
  z.object({
    at: z.number().describe('milliseconds since 1970'),
    stage: z.enum(STAGES),
    detail: z.string().optional(),
    bytes: z.number().optional(),
    peer: z.string().optional(),
    error: z.string().optional(),
    fault: z.string().optional(),
    file: z.string().optional().describe('the file that was being sent, or that is at fault'),
    complete: z.boolean().optional().describe('whether the file was sent completely'),
    about: z.object({ name: z.string().optional(), have: value(z), want: value(z) }).optional(),
    by: z.literal('node').optional().describe('set when the node reported it: the head cannot verify it'),
  });

export type BootEvent = Out<typeof bootEvent>;

const timeline = (z: Zod) =>
  z.object({
    id: z.string(),
    started: z.number().describe('milliseconds since 1970'),
    ended: z.number().optional(),
    outcome: z.string(),
    seconds: z.number().optional().describe('from the first packet to up'),
    style: z.string().optional(),
    boot_config: z.string().optional(),
    release: z.string().optional(),
    image: z.string().optional(),
    reason: z.string().optional().describe('what the boot waits for, or why it failed'),
    rows: z.array(
      z.object({
        number: z.number(),
        stage: z.enum(STAGES),
        at: z.number().optional().describe('milliseconds since 1970; absent when the stage was not seen'),
        seconds: z.number().optional().describe('since the boot began'),
        detail: z.string().optional(),
        bytes: z.number().optional(),
        peer: z.string().optional(),
        error: z.string().optional(),
        skipped: z.string().optional().describe('why the stage is not needed'),
      }),
    ),
    actions: z
      .array(
        z.object({
          at: z.number(),
          text: z.string(),
          action: z.enum(['up', 'down']).optional(),
          error: z.boolean().optional(),
        }),
      )
      .describe("what was done to the node's power, before the boot and while it lasted"),
    messages: z
      .array(
        z.object({
          at: z.number(),
          severity: z.number().describe('0 emergency to 7 debug'),
          app: z.string().optional(),
          text: z.string(),
        }),
      )
      .describe('the syslog messages of the node'),
    events: z.array(bootEvent(z)).describe('everything in the order it happened'),
  });
export type Timeline = Out<typeof timeline>;

const transfer = (z: Zod) =>
  z.object({
    node: z.string(),
    boot: z.string(),
    state: z.enum(['running', 'queued']),
    done: z.number().describe('bytes of the image that the node has'),
    size: z.number(),
    rate: z.number().optional().describe('bytes per second; only for a running transfer'),
    idle: z.number().optional().describe('seconds since the network accepted bytes; only for a running transfer'),
    cut: z.literal(true).optional().describe('the transfer was cut off, and the node has not come back yet'),
    place: z.number().optional().describe('place in the queue, from 1'),
    seconds: z.number().optional().describe('seconds until it is done, or until its turn'),
  });
export type Transfer = Out<typeof transfer>;

/** The order of the rows of the board: trouble first, the longest silent first, by name. */
export const BOARD_SORTS = ['trouble', 'quiet', 'name'] as const;
export type BoardSort = (typeof BOARD_SORTS)[number];
const blankIsAbsent = (given: unknown): unknown => (given === '' ? undefined : given);

const board = (z: Zod) =>
  z.object({
    at: z.number().describe('milliseconds since 1970'),
    head: z.string(),
    version: z.string(),
    uptime: z.number().describe('of the daemon, in seconds'),
    nodes: z.number(),
    states: z.record(z.enum(NODE_STATES), z.number()),
    stages: z.record(z.enum(STAGES), z.number()).describe('the nodes that boot or failed, by the furthest stage'),
    power: z.object({ on: z.number(), off: z.number(), unknown: z.number() }),
    images: z.object({
      running: z.number(),
      queued: z.number(),
      rate: z.number().describe('bytes per second'),
      left: z.number().describe('bytes'),
      seconds: z.number().optional().describe('seconds until all have their image'),
    }),
    matched: z.number().describe('how many nodes match the filter; `rows` are some of them'),
    rows: z.array(
      z.object({
        uid: z.string(),
        name: z.string(),
        state: z.enum(NODE_STATES),
        stage: z.enum(STAGES).optional().describe('the furthest stage of its newest boot'),
        quiet: z.number().optional().describe('seconds since its last sign of life'),
        seconds: z.number().optional().describe('seconds since its newest boot began'),
        power: z.enum(['on', 'off']).optional().describe('absent when unknown'),
        verdict: z.enum(VERDICTS),
        rule: z.string(),
        cause: z.string(),
        remedy: z.string().optional(),
        transfer: transfer(z).optional(),
      }),
    ),
  });
export type Board = Out<typeof board>;
export type BoardRow = Board['rows'][number];

export const BOOTS = {
  timeline: {
    ...READ,
    path: '/nodes/timeline',
    query: SELECTION,
    output: z =>
      z.array(
        z.object({
          uid: z.string(),
          name: z.string(),
          mac: z.string(),
          ip: z.string(),
          state: z.enum(NODE_STATES),
          boots: z.array(timeline(z)).describe('newest last'),
        }),
      ),
    summary: 'The latest boots of the nodes, stage by stage.',
  },
  underWay: {
    ...READ,
    path: '/boots',
    output: z =>
      z.object({
        boots: z.array(
          z.object({
            node: z.string(),
            boot: z.string(),
            stage: z.string(),
            seconds: z.number(),
            reason: z.string().optional(),
          }),
        ),
        transfers: z.array(transfer(z)),
      }),
    summary: 'The boots in progress: how far they are, and which nodes wait for an image.',
  },
  board: {
    ...READ,
    path: '/board',
    query: {
      sort: z =>
        z
          .preprocess(blankIsAbsent, z.enum(BOARD_SORTS).default('trouble'))
          .describe('the order: trouble, quiet (the longest silent first), name'),
      state: z => z.preprocess(blankIsAbsent, z.enum(NODE_STATES).optional()).describe('only nodes in this state'),
      match: z => z.coerce.string().default('').describe('only nodes with this text in their name'),
      first: z => whole(z, 0, 1_000_000).default(0).describe('how many rows to skip'),
      rows: z => whole(z, 0, 500).default(50).describe('how many rows; default 50, at most 500'),
    },
    output: board,
    summary: 'The cluster in figures, and the nodes to check first with the reason.',
  },
  firmware: {
    ...READ,
    path: '/firmware',
    output: z =>
      z
        .array(
          z.object({
            id: z.string(),
            who: z.string(),
            differs: z.string(),
            answer: z.string().describe('what muster does about it'),
            sources: z.array(z.string()).readonly().describe('public sources'),
            match: z
              .object({
                architectures: z.array(z.number()).readonly().optional(),
                vendorClass: z.string().optional(),
                ouis: z.array(z.string()).readonly().optional(),
              })
              .optional()
              .describe('how muster recognises the client'),
            refuse: z.string().optional().describe('why nothing is loaded'),
          }),
        )
        .readonly(),
    summary: 'The differences of firmware, what muster does about them, and the sources.',
  },
} as const satisfies Operations;

export type ShownTimelines = Data<typeof BOOTS.timeline>[number];
export type ShownBoots = Data<typeof BOOTS.underWay>;
export type Quirk = Data<typeof BOOTS.firmware>[number];
