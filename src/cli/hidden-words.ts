// Reads a command line that passes through sudo in a file (hide-words writes it): in the process list and in the log of sudo, every user would read its words.
import { closeSync, constants, fstatSync, openSync, readFileSync, rmSync } from 'node:fs';
import { MusterError, reasonOf } from '../errors.ts';

/** The first word of a command line when the real words are in a file; the second word names the file. */
export const HIDDEN_WORDS = '__words';

/** Returns the words of a command line, from their file when they are hidden. The file is gone afterwards. */
export function shownWords(words: readonly string[]): readonly string[] {
  const [first, file] = words;
  if (first !== HIDDEN_WORDS || file === undefined || words.length !== 2) return words;
  try {
    if (!/\/muster-words-[^/]+\/words$/.test(file)) throw new Error('muster did not write it');
    const read = parsed(readPrivate(file));
    if (!Array.isArray(read) || !read.every(word => typeof word === 'string'))
      throw new Error('it holds no list of words');
    rmSync(file, { force: true });
    return read;
  } catch (error) {
    throw new MusterError('bad-usage', `The command line cannot be read from ${file}: ${reasonOf(error)}`, {
      hint: 'Use a temporary folder that root can read: TMPDIR=/tmp',
    });
  }
}

/** The parser's own message quotes the text, which may be a secret. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Refuses what another user could have written or can read. */
function readPrivate(file: string): string {
  const descriptor = openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const status = fstatSync(descriptor);
    const owners = [process.getuid?.(), Number(process.env['SUDO_UID'] ?? Number.NaN)];
    if (!status.isFile() || (status.mode & 0o077) !== 0 || !owners.includes(status.uid))
      throw new Error('it is not a private file of the user who runs this');
    return readFileSync(descriptor, 'utf8');
  } finally {
    closeSync(descriptor);
  }
}
