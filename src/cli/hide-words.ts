// Writes a command line that passes through sudo into a file. The start of every command reads such files, and needs none of this.
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { openNew } from '../durable/replace.ts';
import { temporaryFolder } from '../process/temporary.ts';
import { HIDDEN_WORDS } from './hidden-words.ts';

/** Writes words into a file that only this user and root can read. Call `remove` when the program that reads them has ended. */
export async function hideWords(words: readonly string[]): Promise<{ words: string[]; remove(): Promise<void> }> {
  const folder = await temporaryFolder('muster-words-');
  const remove = async (): Promise<void> => rm(folder, { recursive: true, force: true });
  const file = join(folder, 'words');
  try {
    const handle = await openNew(file);
    await handle.writeFile(JSON.stringify(words)).finally(async () => handle.close());
  } catch (error) {
    await remove();
    throw error;
  }
  return { words: [HIDDEN_WORDS, file], remove };
}
