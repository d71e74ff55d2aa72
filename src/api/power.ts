// Power, commands and consoles of nodes. Answers are lines as they arrive, because nodes take time.
import { ERROR_CODES } from '../errors.ts';
import type { Zod } from '../issue.ts';
import { POWER_ACTION_NAMES } from '../model/power-actions.ts';
import { type Data, type Operations, type Out, READ } from './operation.ts';
import { DRY_RUN, SELECTION } from './parameters.ts';

const between = (z: Zod, least: number, most: number) => {
  const text = `must be a number from ${least} to ${most}`;
  return z.number(text).min(least, text).max(most, text).optional();
};

const powerRequest = (z: Zod) =>
  z.object(
    {
      action: z.enum(POWER_ACTION_NAMES),
      way: z.enum(['soft', 'hard']).optional().describe('only for reboot and shutdown; default: soft, then hard'),
      next: z.enum(['pxe', 'disk']).optional().describe('the device of the next boot only'),
      stagger: between(z, 0, 3600).describe('seconds between switching on two machines'),
      wait: z
        .boolean('must be true or false')
        .default(false)
        .describe('whether to wait until the nodes are up, or down if they are switched off'),
      timeout: between(z, 1, 86_400).default(1800).describe('the longest wait in seconds; default 1800'),
    },
    'must be a JSON object of fields',
  );
export type PowerRequest = Out<typeof powerRequest>;

const text = 'must have at most 100000 characters and no NUL; use standard input for more';
const execRequest = (z: Zod) =>
  z.object(
    {
      command: z
        .string('must be the command line to run')
        .regex(/\S/, 'must be the command line to run')
        .max(100_000, text)
        .refine(given => !given.includes('\0'), text)
        .describe('a command line for the shell of root on each node'),
      input: z.string('must be Base64').optional().describe('standard input for each, as Base64'),
      fanout: between(z, 0, 1024).describe('how many nodes run it at the same time'),
      timeout: between(z, 0.1, 86_400 * 30).describe('the time limit for each node in seconds; default: none'),
    },
    'must be a JSON object of fields',
  );
export type ExecRequest = Out<typeof execRequest>;

/** Trailers of a capture: the exit status and the error output of the packing program, percent-encoded. */
export const CAPTURE_TRAILERS = ['X-Muster-Status', 'X-Muster-Reason'] as const;

export const POWER = {
  power: {
    method: 'POST',
    path: '/nodes/power',
    query: { ...SELECTION, ...DRY_RUN },
    body: powerRequest,
    output: z =>
      z.discriminatedUnion('type', [
        z.object({
          type: z.literal('result'),
          uid: z.string(),
          name: z.string(),
          text: z.string().describe('the state as text; equal results have equal texts'),
          how: z.array(z.string()).readonly().optional().describe('how it was done; `text` contains it too'),
          code: z.enum(ERROR_CODES).optional().describe('the error code, if it failed'),
          hint: z.string().optional(),
          state: z.enum(['on', 'off']).optional().describe('the last report of the BMC'),
        }),
        z.object({ type: z.literal('progress'), name: z.string(), text: z.string() }),
      ]),
    reply: 'lines',
    may: 'operate',
    audit: 'power {action}',
    example: { action: 'cycle', next: 'pxe' },
    summary: 'Switches nodes or queries their power; one result per line, as it arrives.',
  },
  exec: {
    method: 'POST',
    path: '/nodes/exec',
    query: { ...SELECTION, ...DRY_RUN },
    body: execRequest,
    output: z =>
      z.union([
        z.object({ name: z.string(), stream: z.enum(['stdout', 'stderr']), line: z.string() }),
        z.object({ name: z.string(), status: z.number() }),
        z.object({ name: z.string(), problem: z.string().describe('why the command was not run') }),
      ]),
    reply: 'lines',
    may: 'operate',
    audit: 'exec',
    example: { command: 'uname -r', timeout: 30 },
    summary: 'Runs a command on nodes by ssh; returns its output and exit status as lines, as they arrive.',
  },
  ssh: {
    ...READ,
    path: '/nodes/ssh',
    query: SELECTION,
    output: z =>
      z.object({
        name: z.string(),
        ip: z.string(),
        key: z.string().describe("the head's private key, which only the daemon's user can read"),
        known_hosts: z.string().optional(),
      }),
    summary: 'How the head reaches one node by ssh: address, key file, known hosts.',
  },
  drivers: {
    ...READ,
    path: '/power/drivers',
    output: z =>
      z.array(
        z.object({
          scheme: z.string(),
          form: z.string().describe('the form of its URI'),
          file: z.string().optional().describe("only for a site's own driver"),
          problem: z.string().optional().describe('why it cannot be used'),
        }),
      ),
    summary: "The power drivers, built-in and the site's own, and which of them cannot be used.",
  },
  key: {
    ...READ,
    path: '/power/key',
    output: z => z.string(),
    summary: "The head's public ssh key, as a line of authorized_keys.",
  },
  console: {
    method: 'POST',
    path: '/nodes/console',
    query: SELECTION,
    body: 'bytes',
    reply: 'application/octet-stream',
    may: 'operate',
    audit: 'console',
    summary: "The node's serial console: the body is the keyboard and the answer is the screen, until either ends.",
  },
  capture: {
    method: 'POST',
    path: '/nodes/capture',
    query: { ...SELECTION, ...DRY_RUN },
    reply: 'application/x-tar',
    may: 'copy',
    audit: 'capture',
    summary: 'All files of the root file system of one node as a tar archive; the trailers state how it ended.',
  },
} as const satisfies Operations;

export type PowerLine = Data<typeof POWER.power>;
export type ExecLine = Data<typeof POWER.exec>;
export type ShownDriver = Data<typeof POWER.drivers>[number];
export type SshWay = Data<typeof POWER.ssh>;
