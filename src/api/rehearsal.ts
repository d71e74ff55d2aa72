// Rehearsed boots (`muster boot explain`).
import { STAGES } from '../boot/journey.ts';
import type { Zod } from '../issue.ts';
import { fileChange } from './node-files.ts';
import type { Operations, Out } from './operation.ts';
import { SELECTION } from './parameters.ts';

/** Firmware by the number of its architecture: IANA "Processor Architecture Types" (RFC 4578 §2.1, RFC 5970 §3.3). */
export const FIRMWARES = { bios: 0, efi32: 6, efi64: 7, arm64: 11, http: 16, 'http-arm64': 19 } as const;
export type Firmware = keyof typeof FIRMWARES;
const FIRMWARE_NAMES = Object.keys(FIRMWARES) as Firmware[];

const packet = (z: Zod) =>
  z.object({
    kind: z.string().describe('`OFFER`, `ACK`, `NAK`'),
    yiaddr: z.string(),
    siaddr: z.string(),
    file: z.string(),
    options: z
      .array(z.object({ code: z.number(), name: z.string(), value: z.string(), hex: z.string() }))
      .describe('in the order of the packet'),
  });
export type RehearsedPacket = Out<typeof packet>;

const file = (z: Zod) =>
  z.object({
    name: z.string(),
    size: z.number().describe('bytes'),
    sha256: z.string(),
    path: z.string().optional().describe('where the head reads a loader'),
  });
export type RehearsedFile = Out<typeof file>;

const stage = (z: Zod) =>
  z.object({
    number: z.number(),
    stage: z.enum(STAGES),
    result: z.enum(['answered', 'refused', 'skipped']),
    summary: z.string().describe('one sentence'),
    lines: z.array(z.string()).describe('the whole answer as lines for people'),
    packets: z.array(packet(z)).optional(),
    files: z.array(file(z)).optional(),
    text: z.string().optional().describe('the script'),
    cmdline: z.string().optional().describe("the kernel's command line"),
  });
export type RehearsedStage = Out<typeof stage>;

const rehearsal = (z: Zod) =>
  z.object({
    uid: z.string().optional().describe('absent for a hardware address that belongs to no node'),
    name: z.string().optional(),
    mac: z.string(),
    firmware: z.enum(FIRMWARE_NAMES),
    assumed: z.string().optional().describe('why this firmware, when none was requested'),
    remarks: z.array(z.string()).describe('further remarks, such as that an unknown machine becomes a node'),
    stages: z.array(stage(z)),
    update: z.record(z.string(), z.string().nullable()).optional().describe('the update that was tried'),
    after: z.array(stage(z)).optional().describe('the stages with the update'),
    differences: z
      .array(z.object({ number: z.number(), stage: z.enum(STAGES), lines: z.array(z.string()) }))
      .optional()
      .describe('for each changed stage, the old lines with `-` and the new ones with `+`'),
    files: z.array(fileChange(z)).optional().describe('the files of its file sets that change with the update'),
  });
export type Rehearsal = Out<typeof rehearsal>;

const digest = (z: Zod) =>
  z.object({
    sha256: z.string().regex(/^[0-9a-f]{64}$/),
    size: z.int().describe('bytes'),
    release: z.string().optional().describe('only for a kernel'),
  });
/** A file as it would be stored, by its digest only. */
export type TriedFile = Out<typeof digest>;

const update = (z: Zod) =>
  z.record(
    z.string(),
    z.union([z.string(), z.null(), digest(z)], 'must be a text, null, or a file as {"sha256": "…", "size": bytes}'),
    'must be a JSON object of fields',
  );
/** By name: a text, null to clear an attribute, or a file. */
export type Update = Out<typeof update>;

export const REHEARSAL = {
  rehearse: {
    method: 'POST',
    path: '/nodes/rehearse',
    query: { id: SELECTION.id, state: SELECTION.state, select: SELECTION.select },
    body: z =>
      z
        .strictObject({
          arch: z.enum(FIRMWARE_NAMES).optional().describe('the firmware; default: the firmware of its last boot'),
          network: z
            .string()
            .optional()
            .describe(
              "the name of the network that the request comes from; default: the network of the node's address",
            ),
          update: update(z)
            .default({})
            .describe(
              'the update to try: attributes of the node (_name), of a group (%group._name), and fields of its boot config or of the node (boot.NAME, node.NAME); null clears an attribute',
            ),
        })
        .prefault({}),
    wrong: 'bad-value',
    output: z => z.array(rehearsal(z)),
    reply: 'json',
    may: 'read',
    example: { arch: 'efi64', update: { _boot_style: 'roram' } },
    summary: 'What musterd would answer at each stage of a boot, and what an update would change. Changes nothing.',
  },
} as const satisfies Operations;
