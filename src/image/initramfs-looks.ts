// The contents of initramfs files, cached by digest: a stored file never changes, so each is read once.
import { Latest } from '../latest.ts';
import { type InitramfsContents, readInitramfs } from './initramfs-contents.ts';

/** The number of cached answers, the most recently used ones. */
const MOST = 8;
/** Reading one takes a second; reading stops after this time, in milliseconds. */
const READ_MS = 30_000;

export interface StoredInitramfs {
  sha256: string;
  offset: number;
  size: number;
}

export class InitramfsLooks {
  private readonly answers = new Latest<string, Promise<InitramfsContents | undefined>>(MOST);
  private readonly read: typeof readInitramfs;
  private readonly milliseconds: number;

  constructor(read = readInitramfs, milliseconds = READ_MS) {
    this.read = read;
    this.milliseconds = milliseconds;
  }

  /**
   * Returns the contents of a file; undefined when it cannot be read. Does not retry a file that cannot be unpacked, but retries one that
   * took too long.
   * @param failed receives the error, once per attempt
   */
  async of(
    path: string,
    file: StoredInitramfs,
    failed: (error: unknown) => void,
  ): Promise<InitramfsContents | undefined> {
    const known = this.answers.get(file.sha256);
    if (known) {
      this.answers.set(file.sha256, known);
      return known;
    }
    const signal = AbortSignal.timeout(this.milliseconds);
    const answer = this.read(path, file, signal).catch(error => {
      if (signal.aborted) this.answers.delete(file.sha256);
      failed(error);
      return undefined;
    });
    this.answers.set(file.sha256, answer);
    return answer;
  }
}
