// Where a backup is written to: a file that has its name only once it is whole, or standard output.
import { dirname, resolve } from 'node:path';
import { makeFolder } from '../durable/folders.ts';
import { Draft } from '../durable/replace.ts';
import { MusterError, reasonOf, systemCode } from '../errors.ts';

export interface Output {
  write(chunk: Buffer): Promise<void>;
  /** The file is on disk under its name when this resolves. */
  finish(): Promise<void>;
  /** Removes what was written. */
  drop(): Promise<void>;
}

/** Only its owner may read the file: it holds secrets. A link at `FILE.part` is not followed, and a file there is not written to. */
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
      ? new MusterError('disk-full', `${part}: there is no room for the backup. Nothing was left there.`, {
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
  if (process.stdout.isTTY) throw new MusterError('bad-usage', 'A backup is nothing for a terminal; give a file.');
  const write = async (chunk: Buffer): Promise<void> =>
    new Promise((done, fail) => process.stdout.write(chunk, error => (error ? fail(error) : done())));
  return { write, finish: async () => {}, drop: async () => {} };
}
