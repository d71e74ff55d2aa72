// Which file a requested name means. Names are looked up in a list of served files and never reach the file system.
import { ERROR_CODE, type ErrorCode } from './packet.ts';
import { shown } from './words.ts';

/** Every served file, by name: an absolute path, or the content itself. Read again for each request. */
export type TftpFiles = ReadonlyMap<string, string | Buffer>;

export interface Refusal {
  /** The sentence for the client and for the log. */
  refused: string;
  code: ErrorCode;
}

export type FileAnswer = { name: string; source: string | Buffer } | Refusal;

/** The longest name looked at; the served ones are shorter. */
const MAX_NAME = 255;

/** Called once for each read request. */
export function findFile(files: TftpFiles, requested: string): FileAnswer {
  // Some PXE firmware appends the end mark 0xff of the DHCP options to the file name.
  const text = requested.replace(/\ufffd+$/, '').replaceAll('\\', '/');
  if (text.length > MAX_NAME) return refuse(ERROR_CODE.accessViolation, 'The file name is too long.');
  if (text.includes('\0')) return refuse(ERROR_CODE.accessViolation, 'The file name has a NUL in it.');
  const parts = text.split('/').filter(part => part !== '' && part !== '.');
  if (parts.includes('..')) return refuse(ERROR_CODE.accessViolation, "The file name has '..' in it.");
  const name = parts.join('/');
  if (name === '') return refuse(ERROR_CODE.accessViolation, 'The file name is empty.');
  const source = files.get(name);
  if (source === undefined) return refuse(ERROR_CODE.notFound, `No file '${shown(name)}' is served.`);
  return { name, source };
}

function refuse(code: ErrorCode, refused: string): Refusal {
  return { refused, code };
}
