// Serial numbers of 32 bits that wrap around (RFC 7143 §4.2.2, RFC 1982).

export function serialAdd(value: number, count: number): number {
  return (value + count) >>> 0;
}

/** Whether `left` comes before `right`. */
export function serialBefore(left: number, right: number): boolean {
  return ((left - right) | 0) < 0;
}
