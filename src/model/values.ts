// The shapes of single values: names, addresses, attributes. One schema each, with its error text.
import { z } from 'zod';
import { noneOf } from '../issue.ts';
import { parseIpv4 } from '../wire/ip.ts';
import { isStationMac, parseMac } from '../wire/mac.ts';
import { powerUriProblem } from './power-uri.ts';
import { repoOptionProblem } from './repo-options.ts';

export const BOOT_STYLES = ['rwram', 'roram', 'iscsi', 'disked', 'live', 'next', 'sanboot'] as const;
export type BootStyle = (typeof BOOT_STYLES)[number];

export const NODE_TYPES = ['compute', 'unknown', 'head', 'simulated'] as const;

/** 32 lower-case hex digits. */
export const uidValue = z.string().regex(/^[0-9a-f]{32}$/, 'must be a UID of 32 hex digits');

/** The name of an object: no spaces, and unlike a selection, so that every command can use it. */
export const nameValue = z
  .string()
  .regex(
    /^[A-Za-z][A-Za-z0-9_.-]{0,62}$/,
    "must begin with a letter and go on with letters, digits, '_', '.' or '-', 63 characters at most",
  );

export const textValue = z.string().max(4096, 'must have 4096 characters at most');

/** A text that stands in one line of a file. */
export const lineValue = textValue.regex(/^\P{Cc}*$/u, 'must be one line without control characters');

// A kernel command line: the kernel's own limit on x86 is 2048 (COMMAND_LINE_SIZE); a line break would end the boot script's line.
export const cmdlineValue = z
  .string()
  .refine(text => Buffer.byteLength(text) <= 2000, 'must have 2000 bytes at most')
  .regex(/^\P{Cc}*$/u, 'must be one line without control characters')
  .regex(/^\p{ASCII}*$/u, 'must be ASCII: UEFI hands on nothing else')
  .refine(text => text.split('"').length % 2 === 1, 'must close its double quotes')
  .refine(
    text => !text.split(/\s+/).some(isOperator),
    "must have no '||', '&&' or ';' and no word that begins with '#': iPXE would take it for its own",
  );

/** Words that iPXE interprets anywhere in a line; it has no quoting. */
export function isOperator(word: string): boolean {
  return ['||', '&&', ';'].includes(word) || word.startsWith('#');
}

/** Of a repository: may contain a package manager's variables (`$releasever`). */
export const urlValue = z
  .string()
  .max(4096, 'must have 4096 characters at most')
  .regex(/^((https?|ftp|file):\/\/\S+|<BASE_URL>\/\S*)$/, 'must be URLs such as http://mirror.example.org/os/');

/** An option of a yum repository. Items of a list in it are separated by spaces, since commas separate the options. */
export const repoOptionValue = z.string().superRefine(noneOf(repoOptionProblem));

/** A kickstart (or preseed, or autoinstall) file by name, in the folder of such files: nothing that leaves it. */
export const kickstartValue = z
  .string()
  .regex(
    /^([A-Za-z0-9][A-Za-z0-9_.+-]{0,127})?$/,
    "must be the name of a file in the kickstarts folder: letters, digits, '_', '.', '+' or '-'",
  );

/** Without spaces, so that its password can be found and hidden in any text. */
export const powerUriValue = z.string().superRefine((text, context) => {
  const problem = text.length > 4096 ? 'must have 4096 characters at most' : powerUriProblem(text);
  // The value stays out of the message: it may be a misplaced password.
  if (problem !== undefined) context.addIssue({ code: 'custom', message: problem });
});

export const macValue = z.string().transform((text, context) => {
  const mac = parseMac(text);
  if (mac && isStationMac(mac)) return mac;
  const message = mac
    ? 'must be the address of one station, not a group'
    : 'must be a MAC address such as 08:00:27:f0:44:35';
  context.issues.push({ code: 'custom', message, input: text });
  return z.NEVER;
});

export const ipValue = z.string().transform((text, context) => {
  const ip = parseIpv4(text);
  if (ip) return ip;
  context.issues.push({ code: 'custom', message: 'must be an IPv4 address such as 10.54.0.100', input: text });
  return z.NEVER;
});

/** True and false as the specification writes them, and as administrators do. */
export const flagValue = z
  .union([z.boolean(), z.string()], { error: 'must be true or false' })
  .transform((value, context) => {
    if (typeof value === 'boolean') return value;
    if (/^(true|yes|on|1)$/i.test(value)) return true;
    if (/^(false|no|off|0)$/i.test(value)) return false;
    context.issues.push({ code: 'custom', message: 'must be true or false', input: value });
    return z.NEVER;
  });

export const integerValue = (least: number, most: number) =>
  z
    .union([z.number(), z.string()], { error: `must be a whole number from ${least} to ${most}` })
    .transform((value, context) => {
      const number = typeof value === 'string' && /^-?\d+$/.test(value.trim()) ? Number(value) : value;
      if (typeof number === 'number' && Number.isInteger(number) && number >= least && number <= most) return number;
      context.issues.push({ code: 'custom', message: `must be a whole number from ${least} to ${most}`, input: value });
      return z.NEVER;
    });

/** A list; from the command line, one text with commas. */
export const listOf = <T extends z.ZodType>(item: T) =>
  z.preprocess(
    value =>
      typeof value === 'string'
        ? value
            .split(',')
            .map(part => part.trim())
            .filter(part => part !== '')
        : value,
    z.array(item),
  );

/** Attribute names should be JavaScript identifiers (the specification's rule). */
export const attributeName = z
  .string()
  .regex(
    /^[A-Za-z_][A-Za-z0-9_]{0,127}$/,
    "must be an identifier: letters, digits and '_', not beginning with a digit",
  );

// Values are text; a line break would break attributes.ini on the node.
export const attributeValue = z
  .union([z.string(), z.number(), z.boolean()])
  .transform(value => String(value))
  .pipe(
    z
      .string()
      .max(65_536, 'must have 65536 characters at most')
      .regex(/^[^\r\n\0]*$/, 'must be one line'),
  );

export const attributesValue = z.record(attributeName, attributeValue);

const digestValue = z.string().regex(/^[0-9a-f]{64}$/, 'must be a SHA-256 digest');

/** A stored file as an object refers to it. */
export const storedFileValue = z.object({
  sha256: digestValue.describe('SHA-256 of the bytes, and the name of the blob'),
  size: z.number().int().describe('bytes'),
  mtime: z.number().describe('milliseconds since 1970, when it was uploaded'),
});
export type StoredFile = z.infer<typeof storedFileValue>;

const isoFileValue = z.object({
  path: z.string(),
  offset: z.number().int().describe('first byte in the ISO image'),
  size: z.number().int(),
  sha256: digestValue,
});

/** An ISO image with its contents. */
export const storedIsoValue = storedFileValue.extend({
  repositories: z.array(z.string()).default([]).describe('directories that hold repodata/repomd.xml'),
  installer: z
    .object({
      kind: z.enum(['anaconda', 'debian', 'subiquity']).describe('which installer it is'),
      family: z.string().describe('as the image says it'),
      version: z.string(),
      kernel: isoFileValue,
      initramfs: isoFileValue,
      release: z.string().describe("the kernel's release"),
    })
    .nullable()
    .default(null)
    .describe('what style live boots'),
  reason: z.string().default('').describe('why there is no installer'),
});
export type StoredIso = z.infer<typeof storedIsoValue>;

/** The archive of a file set. */
export const storedSetValue = storedFileValue.extend({
  files: z.number().int().describe('files, folders and links in it'),
  secret: z.boolean().describe('whether a file in it is secret'),
});
export type StoredSet = z.infer<typeof storedSetValue>;

/** A content that a file set has, or had. */
export const setVersionValue = storedSetValue.extend({
  number: z.number().int().describe('1 for the first content'),
  who: z.string().describe('the user that made it'),
  why: z.string().describe('the command that made it'),
});
export type SetVersion = z.infer<typeof setVersionValue>;

/** The content of an image: the cwsquash blob, and the place of the squashfs in it. */
export const storedImageValue = storedFileValue.extend({
  root_offset: z.number().int().describe('byte offset of the squashfs in the blob'),
  root_size: z.number().int().describe('bytes of the squashfs'),
  root_sha256: digestValue.describe('SHA-256 of the squashfs'),
  unpacked: z.number().int().describe('bytes when unpacked; 0 when not known'),
});
export type StoredImage = z.infer<typeof storedImageValue>;
