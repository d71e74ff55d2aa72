// Results of templates with what each read: a result serves every node for which the reads have the same values. Bounded.
import { hash } from 'node:crypto';
import type {
  FurtherFile,
  Read,
  TemplateFailure,
  TemplateResult,
  TemplateSource,
  WrittenFile,
} from './template-protocol.ts';

/** Bytes of results and steps that are kept. */
const MOST_BYTES = 128 * 1024 * 1024;
/** What a step costs besides its texts. */
const STEP_BYTES = 400;

export interface MadeFile extends Omit<FurtherFile, 'path' | 'text' | 'isBase64' | 'origins'> {
  /** Of the tag `file`; the template's own result has none. */
  path?: string;
  content: Buffer;
  /** Of the content, in hex. */
  sha256: string;
}

export type Made = { files: readonly MadeFile[] } | { failed: TemplateFailure };

/**
 * A template is a function of its reads: after the same reads with the same values, it reads the same next. So the way to a result is a chain of
 * steps, and each is found by the digest of the template and of all values before it.
 */
type Step = { read: string } | { made: Made };

export type Found = { made: Made } | { missing: string };

/** Returns what identifies the value of a read. */
export type Identify = (read: string) => string | Promise<string>;

export class ResultCache {
  /** By state. Steps that were used since the last clean-up stay longer. */
  private readonly steps = new Map<string, { step: Step; bytes: number; used: boolean }>();
  private readonly most: number;
  private bytes = 0;
  /** By state, the results that are being rendered: a second request for one waits. */
  private readonly making = new Map<string, Promise<void>>();

  constructor(most = MOST_BYTES) {
    this.most = most;
  }

  /** Bytes that the results take, about. */
  get size(): number {
    return this.bytes;
  }

  /** Whether more results fit in without dropping others soon. */
  get hasRoom(): boolean {
    return this.bytes < this.most * 0.8;
  }

  /** Returns a kept result, or the state up to which the reads are known. */
  async find(source: TemplateSource, identify: Identify): Promise<Found> {
    let state = firstState(source);
    for (;;) {
      const found = this.steps.get(state);
      if (!found) return { missing: state };
      found.used = true;
      if ('made' in found.step) return found.step;
      const { read } = found.step;
      // Most values are there at once: a promise for each would cost more than the look-up
      const value = identify(read);
      state = nextState(state, typeof value === 'string' ? value : await value);
    }
  }

  /** Claims a missing result: returns a function that ends the claim, or a promise of the end of an earlier claim. */
  claim(missing: string): (() => void) | Promise<void> {
    const other = this.making.get(missing);
    if (other) return other;
    let end = (): void => undefined;
    const made = new Promise<void>(resolve => {
      end = resolve;
    });
    this.making.set(missing, made);
    return () => {
      this.making.delete(missing);
      end();
    };
  }

  /** Keeps a result. @param identify for the reads that do not have their own identity */
  async keep(source: TemplateSource, reads: readonly Read[], made: Made, identify: Identify): Promise<void> {
    let state = firstState(source);
    for (const [read, identity] of reads) {
      this.add(state, { read }, STEP_BYTES + read.length);
      state = nextState(state, identity ?? (await identify(read)));
    }
    const bytes = 'files' in made ? made.files.reduce((sum, { content }) => sum + content.length + STEP_BYTES, 0) : 0;
    this.add(state, { made }, STEP_BYTES + bytes);
  }

  private add(state: string, step: Step, bytes: number): void {
    this.bytes -= this.steps.get(state)?.bytes ?? 0;
    this.steps.delete(state);
    this.steps.set(state, { step, bytes, used: false });
    this.bytes += bytes;
    for (const [oldest, held] of this.steps) {
      if (this.bytes <= this.most) break;
      this.steps.delete(oldest);
      if (held.used) this.steps.set(oldest, { ...held, used: false });
      else this.bytes -= held.bytes;
    }
  }
}

/** Returns a result as contents. */
export function madeOf(result: TemplateResult): Made {
  if ('failed' in result) return result;
  const main = result.main ? [fileOf(result.main)] : [];
  const further = result.further.map(({ text, isBase64: _bytes, origins: _unused, ...file }) => ({
    ...file,
    ...fileOf({ text }),
  }));
  return { files: [...main, ...further] };
}

function fileOf({ text, isBase64 }: WrittenFile): { content: Buffer; sha256: string } {
  const content = Buffer.from(text, isBase64 ? 'base64' : 'utf8');
  return { content, sha256: hash('sha256', content) };
}

function firstState({ name, digest, secret }: TemplateSource): string {
  return `${secret ? 's' : '-'} ${digest} ${name}`;
}

function nextState(state: string, value: string): string {
  return hash('sha256', `${state}\0${value}`, 'base64');
}
