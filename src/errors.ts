// The one table of error codes. Every error an administrator can meet has a row; docs/errors.md lists them and a test compares.
import { maskUrls } from './masking.ts';

export interface ErrorKind {
  /** HTTP status of the admin API's answer. */
  status: number;
  /** Exit status of the command line: see docs/cli.md. */
  exit: number;
  /** What it means, and what to do. */
  meaning: string;
}

export const ERRORS = {
  'no-such-object': { status: 404, exit: 4, meaning: 'The identifier names nothing; `ls` shows what there is.' },
  'ambiguous-id': {
    status: 409,
    exit: 4,
    meaning: 'The identifier fits several objects; give the full UID or the name.',
  },
  'bad-selection': { status: 400, exit: 2, meaning: 'The selection cannot be read; the text says at which character.' },
  'bad-value': { status: 400, exit: 2, meaning: 'A value has the wrong type or is not possible for this field.' },
  'unknown-field': { status: 400, exit: 2, meaning: 'The object has no such field; the text lists those it has.' },
  'read-only-field': { status: 400, exit: 2, meaning: 'The field is kept by muster itself and cannot be set.' },
  'unknown-attribute': {
    status: 400,
    exit: 2,
    meaning: 'Attribute names are identifiers, and those with `_` are reserved.',
  },
  duplicate: {
    status: 409,
    exit: 5,
    meaning: 'Another object already has this name, MAC, IP or index; nothing was created.',
  },
  conflict: {
    status: 409,
    exit: 5,
    meaning: 'Somebody changed the object after it was read; read it again and repeat.',
  },
  frozen: { status: 409, exit: 5, meaning: 'The object is frozen; `update frozen=false` first.' },
  'in-use': {
    status: 409,
    exit: 5,
    meaning: 'Something still refers to the object; the text names it. `--force` deletes anyway.',
  },
  'bad-config': {
    status: 500,
    exit: 2,
    meaning: 'The configuration file has an error; the text names file, key and remedy.',
  },
  'bad-usage': { status: 400, exit: 2, meaning: 'The command line cannot be understood; see `--help`.' },
  'bad-kernel': { status: 400, exit: 2, meaning: 'The file is not a Linux kernel that a node can boot.' },
  'bad-image': { status: 400, exit: 2, meaning: 'The file is neither cwsquash nor a whole squashfs.' },
  'bad-iso': {
    status: 400,
    exit: 2,
    meaning: 'The file is not an ISO 9660 image, is cut short or damaged, or has a layout that muster cannot serve.',
  },
  'bad-kickstart': {
    status: 400,
    exit: 2,
    meaning: 'A kickstart file has a placeholder that cannot be filled; the text names file, line and column.',
  },
  'cannot-open': {
    status: 500,
    exit: 6,
    meaning: "A stored secret cannot be decrypted with the head's key; the text says which.",
  },
  'bad-files': {
    status: 400,
    exit: 2,
    meaning: 'The archive or folder is no file set that nodes can use; the text names the file and the reason.',
  },
  'bad-digest': {
    status: 400,
    exit: 6,
    meaning: 'The bytes that arrived are not the bytes that were sent; repeat the upload.',
  },
  'upload-incomplete': { status: 400, exit: 6, meaning: 'The upload ended early; nothing was stored. Repeat it.' },
  'download-failed': {
    status: 500,
    exit: 6,
    meaning: 'A stored file could not be fetched, or not be written to its target; no partial file remains.',
  },
  'disk-full': {
    status: 507,
    exit: 6,
    meaning:
      'There is no space for this, on the head or where the text says; free some (`muster storage gc` on the head), and repeat.',
  },
  'bad-workspace': {
    status: 500,
    exit: 5,
    meaning: 'The folder of local images, or its manifest.json, cannot be used; the text says why.',
  },
  'store-failed': {
    status: 500,
    exit: 6,
    meaning: 'The database did not accept a change; the text and the log say why. Nothing was changed.',
  },
  'state-incomplete': {
    status: 500,
    exit: 6,
    meaning:
      'The state folder of an existing head has no database; the text says what to do. musterd does not start with an empty one.',
  },
  'bad-backup': {
    status: 400,
    exit: 6,
    meaning: 'The file is not a backup of muster, or is damaged; the text says where. Nothing was changed.',
  },
  'store-newer': {
    status: 500,
    exit: 6,
    meaning: 'A newer muster wrote this database; install that version or restore a backup.',
  },
  'not-running': {
    status: 503,
    exit: 3,
    meaning: 'musterd does not answer on its socket; start it, or pass the right `--socket`.',
  },
  'broken-off': {
    status: 503,
    exit: 3,
    meaning: 'musterd stopped before it answered; `muster log` shows whether the change was made.',
  },
  'not-allowed': { status: 403, exit: 7, meaning: 'You may not do this; for the socket, join the group `muster`.' },
  'tool-missing': {
    status: 500,
    exit: 8,
    meaning: 'A program that this step needs is not installed; the text names the package.',
  },
  'tool-failed': {
    status: 500,
    exit: 8,
    meaning: 'A program that this step needs failed; the text has its last words.',
  },
  'image-lacks': {
    status: 400,
    exit: 8,
    meaning: 'The image lacks something that this step needs; the text says what to install into it.',
  },
  'not-ready': {
    status: 409,
    exit: 5,
    meaning: 'The object lacks a part (a kernel, an image content) that this needs.',
  },
  'timed-out': { status: 504, exit: 9, meaning: 'The awaited event did not happen within the time limit.' },
  'boot-failed': { status: 500, exit: 1, meaning: 'A node did not come up; the text has the stage and the reason.' },
  'no-power-uri': {
    status: 409,
    exit: 5,
    meaning: 'The node has no usable `power_uri`, so its power cannot be controlled; the text says what to set.',
  },
  'bmc-silent': {
    status: 504,
    exit: 9,
    meaning: 'The power control (a BMC, a hypervisor, a server in between) did not answer in time.',
  },
  'bmc-refused': {
    status: 502,
    exit: 7,
    meaning: 'The power control refused the login, or its certificate was not the right one; the text says which.',
  },
  'bmc-busy': {
    status: 502,
    exit: 9,
    meaning: 'The power control was busy at every try; repeat later, or with fewer nodes at once.',
  },
  'power-failed': {
    status: 502,
    exit: 1,
    meaning:
      'The power is not in the requested state after the action, or the action is not possible there; the text says why.',
  },
  'node-unreachable': {
    status: 502,
    exit: 9,
    meaning: 'The node cannot be reached by ssh; the text has the reason.',
  },
  internal: { status: 500, exit: 70, meaning: 'A bug in muster; the log has the details.' },
} as const satisfies Record<string, ErrorKind>;

export type ErrorCode = keyof typeof ERRORS;
export const ERROR_CODES = Object.keys(ERRORS) as ErrorCode[];

/** An error with a row in the table. The message is a sentence for the administrator: what, where, and what to do. */
export class MusterError extends Error {
  readonly code: ErrorCode;
  /** A second sentence that helps but is not part of the reason. */
  readonly hint: string | undefined;

  constructor(code: ErrorCode, message: string, options: ErrorOptions & { hint?: string } = {}) {
    // Texts of programs and libraries quote the URLs that they were given
    super(maskUrls(message), options);
    this.name = 'MusterError';
    this.code = code;
    this.hint = options.hint === undefined ? undefined : maskUrls(options.hint);
  }

  get status(): number {
    return ERRORS[this.code].status;
  }

  get exit(): number {
    return ERRORS[this.code].exit;
  }
}

/** The text of anything thrown. */
export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The `code` of a system error (`ENOENT`), if it is one. */
export function systemCode(error: unknown): string | undefined {
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
  return typeof code === 'string' ? code : undefined;
}
