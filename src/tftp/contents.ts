// What a read request is answered with: the content of a served file and how it is sent, or why it is not.
import { reasonOf } from '../errors.ts';
import { FileCache, sharedBuffer } from './files.ts';
import { findFile, type Refusal, type TftpFiles } from './names.ts';
import { type Negotiated, negotiate } from './options.ts';
import type { Request } from './packet.ts';

/** A file to send; the content is memory that threads share, and not written to. */
export interface Work extends Negotiated {
  file: string;
  content: Buffer;
}

/** A file that is to be served and cannot be read: the administrator's to repair. */
export interface Unavailable {
  file: string;
  unavailable: string;
}

export type ContentAnswer = Work | Refusal | Unavailable;

export class Contents {
  private readonly files: TftpFiles;
  private readonly cache = new FileCache();
  /** Contents that are given as they are, in memory that threads share. */
  private readonly copies = new WeakMap<Buffer, Buffer>();

  constructor(files: TftpFiles) {
    this.files = files;
  }

  /** Bytes of file content kept in memory. */
  get bytes(): number {
    return this.cache.bytes;
  }

  async answer({ file, mode, options }: Request): Promise<ContentAnswer> {
    const found = findFile(this.files, file);
    if ('refused' in found) return found;
    const { name, source } = found;
    try {
      const content = typeof source === 'string' ? await this.cache.read(source) : this.shared(source);
      const sent = mode === 'netascii' ? this.cache.asNetascii(content) : content;
      return { file: name, content: sent, ...negotiate(options, sent.length) };
    } catch (error) {
      return { file: name, unavailable: reasonOf(error) };
    }
  }

  private shared(content: Buffer): Buffer {
    const known = this.copies.get(content);
    if (known) return known;
    const copy = sharedBuffer(content.length);
    copy.set(content);
    this.copies.set(content, copy);
    return copy;
  }
}
