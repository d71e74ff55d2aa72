// Text of strangers, for terminals, logs and timelines.

/** Returns the text with a question mark for everything but printable ASCII, cut to a number of characters. */
export function printable(text: string, most = Number.POSITIVE_INFINITY): string {
  return text.replace(/[^\x20-\x7e]/g, '?').slice(0, most);
}
