// The session file, and the archive that the kernel gets as one more initrd.
import { inQuotes } from '../shell-words.ts';
import { cpioArchive } from '../wire/cpio-archive.ts';

/** One line of the session file; the value is quoted for POSIX sh. */
export function sessionFile(values: Record<string, string | number>): string {
  return Object.entries(values)
    .map(([name, value]) => `${name}=${inQuotes(String(value))}\n`)
    .join('');
}

/** Returns the archive with the folders that contain the file. Its length is a multiple of 512. */
export function sessionArchive(content: string): Buffer {
  return cpioArchive([
    { name: 'etc', mode: 0o040755 },
    { name: 'etc/muster', mode: 0o040700 },
    { name: 'etc/muster/session', mode: 0o100600, content },
  ]);
}
