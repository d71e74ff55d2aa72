// The heads that restores replaced: while their files are kept, so are the stored files that they need.
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { BlobUsers } from '../blobs/garbage.ts';
import { reasonOf, systemCode } from '../errors.ts';
import { BEFORE } from '../store/pending-restore.ts';
import { DATABASE } from '../store/state-folder.ts';
import { namedFiles } from './named-files.ts';

export class OldHeads implements BlobUsers {
  private readonly stateFolder: string;
  private users: { sha256: string; by: string }[] = [];

  private constructor(stateFolder: string) {
    this.stateFolder = stateFolder;
  }

  static async open(stateFolder: string, warn: (text: string) => void): Promise<OldHeads> {
    const heads = new OldHeads(stateFolder);
    await heads.refresh(warn);
    return heads;
  }

  /**
   * Finds the old heads again. A damaged database keeps nothing, since nobody can return to it: `warn` reports it. Any other
   * failure is thrown, so that nothing is removed for lack of an answer.
   */
  async refresh(warn: (text: string) => void): Promise<void> {
    const users: { sha256: string; by: string }[] = [];
    for (const name of (await readdir(this.stateFolder)).filter(entry => entry.startsWith(BEFORE))) {
      const folder = join(this.stateFolder, name);
      if (!(await readdir(folder)).includes(DATABASE)) continue;
      try {
        const { objects } = await namedFiles(join(folder, DATABASE));
        for (const sha256 of objects.keys()) users.push({ sha256, by: `the head before a restore: ${name}` });
      } catch (error) {
        if (!isDamage(error)) throw error;
        warn(`The database in ${folder} is damaged and keeps no stored files: ${reasonOf(error)}`);
      }
    }
    this.users = users;
  }

  usedBlobs(): Iterable<{ sha256: string; by: string }> {
    return this.users;
  }
}

function isDamage(error: unknown): boolean {
  const { cause } = error as { cause?: unknown };
  const code = systemCode(cause) ?? systemCode(error);
  if (/no such table/.test(reasonOf(error))) return true;
  return code === 'SQLITE_CORRUPT' || code === 'SQLITE_NOTADB' || error instanceof SyntaxError;
}
