// Downloads stored files: the kernel, the initramfs, the content of an image.
import { createHash } from 'node:crypto';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { STORAGE } from '../api/storage.ts';
import { Draft } from '../durable/replace.ts';
import { MusterError, reasonOf } from '../errors.ts';
import { oneOfCapital } from '../model/kind-words.ts';
import { fileFieldsOf } from './commands.ts';
import { counted } from './counted.ts';
import { fetchShown } from './list-action.ts';
import type { Action } from './table.ts';

/** The file name for standard output. */
const STDOUT = '-';

export const download: Action = {
  name: 'download',
  words: '<field> [file]',
  takes: 'stored-files',
  summary: 'save a stored file to FILE, by default NAME.FIELD; - is standard output',
  examples: ['muster boot -i DefaultBoot download kernel vmlinuz', 'muster image -i DefaultImage download content'],
  async run(context) {
    const { client, terminal, kind, given } = context;
    const [field = '', file] = given.words;
    const fields = fileFieldsOf(kind);
    if (!fields.includes(field)) {
      const what = `${oneOfCapital(kind)} has no stored file '${field}'`;
      throw new MusterError(
        'unknown-field',
        `${what}; ${fields.length > 0 ? `there is ${fields.join(', ')}` : 'none'}.`,
      );
    }
    const [object, ...more] = await fetchShown(context);
    if (!object || more.length > 0 || given.ids.length === 0)
      throw new MusterError('bad-usage', "'download' needs exactly one object: -i NAME.");
    const target = targetFor(file, `${object.name}.${field}`);
    const { body, size, sha256 } = await client.download(STORAGE.download, { kind, params: { id: object.uid, field } });
    const bar = terminal.progress(`downloading ${field}`);
    const hash = createHash('sha256');
    let done = 0;
    const count = counted(chunk => {
      hash.update(chunk);
      done += chunk.length;
      bar.update(done, size);
    });
    let draft: Draft | undefined;
    try {
      if (target === STDOUT) await pipeline(body, count, process.stdout);
      else {
        draft = await Draft.open(target, { draft: `${target}.part`, mode: 0o644 });
        await pipeline(body, count, draft.stream());
      }
      if (hash.digest('hex') !== sha256)
        throw new MusterError('bad-digest', `${target}: the bytes that arrived differ from the stored ones; retry.`);
      await draft?.keep();
    } catch (error) {
      await draft?.drop();
      if (error instanceof MusterError) throw error;
      throw new MusterError('download-failed', `${target}: after ${done} of ${size} bytes: ${reasonOf(error)}`, {
        cause: error as Error,
      });
    } finally {
      bar.stop();
    }
    terminal.say(`${target === STDOUT ? field : target}: ${done} bytes, SHA-256 ${sha256}`);
    return 0;
  },
};

/** Returns the file to write: the named one, or one with the default name in the named folder. */
function targetFor(file: string | undefined, name: string): string {
  if (file === undefined || file === STDOUT) return file ?? name;
  return statSync(file, { throwIfNoEntry: false })?.isDirectory() ? join(file, name) : file;
}
