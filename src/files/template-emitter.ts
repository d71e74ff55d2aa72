// Collects the text of one file: bounded, and in a trace with the origin of each line.
import type { Emitter } from 'liquidjs';
import type { LineOrigin, WrittenFile } from './template-protocol.ts';
import type { Reads } from './template-scope.ts';

/** The most characters that one template may write. */
const MOST_OUTPUT = 16 * 1024 * 1024;

/** The place of the template that is being rendered, and what all its outputs share. */
export interface Position {
  template: string;
  line: number;
  /** Characters written to all outputs. */
  written: number;
}

export class FileEmitter implements Emitter {
  buffer = '';
  /** Line breaks in the buffer. */
  private breaks = 0;
  private readonly origins: LineOrigin[] = [];
  private readonly position: Position;
  private readonly traced: Reads | undefined;

  /** @param traced the reads, if the result is to have the origin of each line */
  constructor(position: Position, traced?: Reads) {
    this.position = position;
    this.traced = traced;
  }

  write(value: unknown): void {
    const text = textOf(value);
    this.position.written += text.length;
    if (this.position.written > MOST_OUTPUT)
      throw new Error(`the result is larger than ${MOST_OUTPUT / 1024 / 1024} MiB`);
    if (this.traced && text !== '') this.trace(text, this.traced);
    this.buffer += text;
  }

  result(): WrittenFile {
    return { text: this.buffer, ...(this.traced && { origins: this.origins }) };
  }

  /** Notes the origin of the lines that this text begins, and adds its reads to the line that it continues. */
  private trace(text: string, reads: Reads): void {
    const { template, line } = this.position;
    const names = reads.takeRecent();
    const first = this.breaks;
    const lines = text.split('\n');
    this.breaks += lines.length - 1;
    for (const offset of lines.keys()) {
      const known = this.origins[first + offset];
      // Text of a template has its own lines; a value with several lines has one
      const at = names.length > 0 ? line : line + offset;
      const origin = known && known.reads.length > 0 ? known : { template, line: at, reads: [] };
      this.origins[first + offset] = { ...origin, reads: [...new Set([...origin.reads, ...names])] };
    }
  }
}

/** Returns a value as text; a table has none. */
export function textOf(value: unknown): string {
  if (typeof value === 'string') return value;
  if (value === null || value === undefined) return '';
  if (Array.isArray(value)) return value.map(textOf).join('');
  if (typeof value === 'object')
    throw new Error(
      `the value is a table; choose one of its keys (${Object.keys(value).slice(0, 8).join(', ')}), or use to_json`,
    );
  return String(value);
}
