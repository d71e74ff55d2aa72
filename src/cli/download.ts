// Fetching stored files back: the kernel, the initramfs, the content of an image.
import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { MusterError } from '../errors.ts';
import { KINDS } from '../model/kinds.ts';
import { fetchShown } from './object-actions.ts';
import type { Action } from './table.ts';

export const download: Action = {
  name: 'download',
  words: '<field> [file]',
  takes: 'stored-files',
  summary: 'fetch a stored file; to NAME.FIELD when no file is given',
  examples: ['muster boot -i DefaultBoot download kernel vmlinuz', 'muster image -i DefaultImage download content'],
  async run(context) {
    const { client, terminal, kind, given } = context;
    const [field = '', file] = given.words;
    const [object, ...more] = await fetchShown(context);
    if (!object || more.length > 0 || given.ids.length === 0)
      throw new MusterError('bad-usage', "'download' needs exactly one object: -i NAME.");
    const target = file ?? `${object.name}.${field}`;
    const { body, size, sha256 } = await client.download(
      `/api/v1/${KINDS[kind].one}/${object.uid}/${encodeURIComponent(field)}`,
    );
    const bar = terminal.progress(`downloading ${field}`);
    const hash = createHash('sha256');
    let done = 0;
    const count = new Transform({
      transform(chunk: Buffer, _encoding, next) {
        hash.update(chunk);
        done += chunk.length;
        bar.update(done, size);
        next(null, chunk);
      },
    });
    const part = `${target}.part`;
    try {
      await pipeline(body, count, createWriteStream(part));
      if (hash.digest('hex') !== sha256)
        throw new MusterError('bad-digest', `${target}: the bytes that arrived are not those that are stored; repeat.`);
      await rename(part, target);
    } finally {
      bar.stop();
      await rm(part, { force: true });
    }
    terminal.say(`${target}: ${done} bytes, SHA-256 ${sha256}`);
    return 0;
  },
};
