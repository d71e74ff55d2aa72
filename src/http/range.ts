// The Range header of RFC 9110 §14 as far as a boot needs it: one range of bytes.

export type RangeAnswer =
  | { kind: 'whole' }
  /** First byte and number of bytes. */
  | { kind: 'part'; start: number; length: number }
  | { kind: 'unsatisfiable' };

/** Returns what to send of `size` bytes. An unknown header, or one with several ranges, is ignored (RFC 9110 §14.2). */
export function readRange(header: string | undefined, size: number): RangeAnswer {
  const match = /^bytes=\s*(\d*)-(\d*)\s*$/i.exec(header ?? '');
  const [, from = '', to = ''] = match ?? [];
  if (!match || (from === '' && to === '')) return { kind: 'whole' };
  if (from === '') {
    // RFC 9110 §14.1.2: a suffix range, the last N bytes.
    const length = Math.min(Number(to), size);
    return length === 0 ? { kind: 'unsatisfiable' } : { kind: 'part', start: size - length, length };
  }
  const start = Number(from);
  if (to !== '' && Number(to) < start) return { kind: 'whole' };
  if (start >= size) return { kind: 'unsatisfiable' };
  const end = to === '' ? size - 1 : Math.min(Number(to), size - 1);
  return { kind: 'part', start, length: end - start + 1 };
}
