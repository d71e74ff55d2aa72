// The answer to a read request: the content of a served file and how it is sent, or why not.
import type { BootFile, BootFiles } from '../boot/boot-file.ts';
import type { BootFileName, Fault } from '../boot/faults.ts';
import type { Stage } from '../boot/journey.ts';
import { reasonOf } from '../errors.ts';
import { FileCache, FileUnavailable, sharedBuffer } from './files.ts';
import { findFile, type Refusal, type TftpFiles } from './names.ts';
import { type Negotiated, negotiate } from './options.ts';
import { ERROR_CODE, type Request } from './packet.ts';
import { shown } from './words.ts';

/** A file to send; threads share its memory, which nobody writes to. */
export interface Work extends Negotiated {
  file: string;
  content: Buffer;
  /** The stage of the boot, unless it is a loader. */
  stage?: Stage;
  kind?: BootFileName;
}

/** A served file that cannot be read: the administrator must repair it. */
export interface Unavailable {
  file: string;
  kind?: BootFileName;
  stage?: Stage;
  unavailable: string;
  /** The code of the system's error, and where the file is. */
  code?: string;
  path?: string;
}

/** A refusal may name the file differently from the request. */
export type ContentAnswer = Work | (Refusal & { file?: string; stage?: Stage; fault?: Fault }) | Unavailable;

/** Netascii is for texts, and is converted byte by byte while everything else waits: a kernel is not a text. */
const MOST_TEXT = 1 << 20;
const NO_TEXT: Refusal = {
  refused: "Files this long are sent in the mode 'octet' alone.",
  code: ERROR_CODE.illegalOperation,
};

export class Contents {
  private readonly files: TftpFiles;
  private readonly bootFiles: BootFiles;
  private readonly cache = new FileCache();
  /** Content given as a buffer, in memory that threads share. */
  private readonly copies = new WeakMap<Buffer, Buffer>();

  constructor(files: TftpFiles, bootFiles: BootFiles = async () => undefined) {
    this.files = files;
    this.bootFiles = bootFiles;
  }

  /** Bytes of file content kept in memory. */
  get bytes(): number {
    return this.cache.bytes;
  }

  /** @param mostBlock the largest block that the path to the client carries */
  async answer(request: Request, ip: string, mostBlock: number): Promise<ContentAnswer> {
    const found = findFile(this.files, request.file);
    if ('source' in found) {
      const { name, source } = found;
      return this.work(request, name, mostBlock, async () =>
        typeof source === 'string' ? this.cache.read(source) : this.shared(source),
      );
    }
    let other: BootFile | undefined;
    try {
      other = await this.bootFiles(`/${request.file.replace(/^\/+/, '')}`, ip);
    } catch (error) {
      return { file: shown(request.file), unavailable: reasonOf(error) };
    }
    if (other === undefined) return found;
    const { name } = other;
    if ('refused' in other) {
      const { refused, stage, fault } = other;
      return { file: name, refused, code: ERROR_CODE.accessViolation, stage, fault };
    }
    const work = await this.work(request, name, mostBlock, async () =>
      'content' in other ? this.shared(other.content) : this.cache.read(other.path, other.file),
    );
    return { ...work, stage: other.stage, kind: other.kind };
  }

  private async work(
    { mode, options }: Request,
    file: string,
    mostBlock: number,
    read: () => Promise<Buffer>,
  ): Promise<Work | (Refusal & { file: string }) | Unavailable> {
    try {
      const content = await read();
      if (mode === 'netascii' && content.length > MOST_TEXT) return { file, ...NO_TEXT };
      const sent = mode === 'netascii' ? this.cache.asNetascii(content) : content;
      return { file, content: sent, ...negotiate(options, { size: sent.length, mostBlock }) };
    } catch (error) {
      return { file, unavailable: reasonOf(error), ...(error instanceof FileUnavailable && error.facts) };
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
