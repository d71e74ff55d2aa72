// The target of a backup: a file that gets its name only when it is complete, or standard output.
import { dirname, resolve } from 'node:path';
import { makeFolder } from '../durable/folders.ts';
import { Draft } from '../durable/replace.ts';
import { MusterError, reasonOf, systemCode } from '../errors.ts';

export interface Output {
  write(chunk: Buffer): Promise<void>;
  /** Resolves when the file is on disk under its name. */
  finish(): Promise<void>;
  /** Removes what was written. */
  drop(): Promise<void>;
}

/** Only its owner may read the file, because it contains secrets. Does not follow a link at `FILE.part`, and does not write to a file there. */
export async function openOutput(target: string): Promise<Output> {
  if (target === '-') return standardOutput();
  const part = `${target}.part`;
  let draft: Draft;
  try {
    await makeFolder(dirname(resolve(target)), 0o755);
    draft = await Draft.open(target, { draft: part });
  } catch (error) {
    throw new MusterError('bad-value', `${part}: cannot be written: ${reasonOf(error)}`, { cause: error });
  }
  const orFull = (error: unknown): unknown =>
    systemCode(error) === 'ENOSPC' || systemCode(error) === 'EDQUOT'
      ? new MusterError('disk-full', `${part}: there is no space for the backup. Nothing was left there.`, {
          cause: error,
        })
      : error;
  return {
    write: async chunk => {
      try {
        await draft.write(chunk);
      } catch (error) {
        throw orFull(error);
      }
    },
    finish: async () => {
      try {
        await draft.keep();
      } catch (error) {
        throw orFull(error);
      }
    },
    drop: async () => draft.drop(),
  };
}

function standardOutput(): Output {
  if (process.stdout.isTTY) throw new MusterError('bad-usage', 'A backup cannot go to a terminal; give a file.');
  const write = async (chunk: Buffer): Promise<void> =>
    new Promise((done, fail) => process.stdout.write(chunk, error => (error ? fail(error) : done())));
  return { write, finish: async () => {}, drop: async () => {} };
}
