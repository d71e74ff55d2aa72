// The table of TFTP options: which values count, and how each is answered.

/** The parameters of a transfer once its options are settled. */
export interface Terms {
  /** Bytes of data in a full block. */
  blockSize: number;
  /** Blocks sent before an ACK is waited for. */
  windowSize: number;
  /** The client's wish for the time before a retransmission, in milliseconds. */
  timeoutMs?: number;
}

export interface Negotiated {
  terms: Terms;
  /** The contents of the OACK, in the requested order; when empty, no OACK is sent (RFC 2347). */
  answers: [name: string, value: number][];
}

/** What the answers depend on besides the question. */
export interface Circumstances {
  /** Bytes of the content. */
  size: number;
  /** The largest block that the path to the client carries. */
  mostBlock: number;
}

/** RFC 2348: the largest block, which fills an IP datagram. */
export const LARGEST_BLOCK = 65_464;

interface OptionRow {
  name: string;
  /** Values below `least` or above `most` count as if the option had not been sent. */
  least: number;
  most: number;
  /** The value of the OACK; undefined leaves the option out. */
  answer(asked: number, { size, mostBlock }: Circumstances): number | undefined;
  /** Applies the answered value. */
  apply(terms: Terms, value: number): void;
}

const OPTIONS: readonly OptionRow[] = [
  {
    // RFC 2348: 8 to 65464 octets; the server answers the requested value or a lower one: one that needs no fragments, since
    // firmware does not reassemble them.
    name: 'blksize',
    least: 8,
    most: Number.MAX_SAFE_INTEGER,
    answer: (asked, { mostBlock }) => Math.min(asked, mostBlock, LARGEST_BLOCK),
    apply: (terms, value) => {
      terms.blockSize = value;
    },
  },
  {
    // RFC 2349: a client that reads sends 0 and gets the size; other values mean the same question. An empty file's size is left
    // out, because curl rejects 0.
    name: 'tsize',
    least: 0,
    most: Number.MAX_SAFE_INTEGER,
    answer: (_asked, { size }) => size || undefined,
    apply: () => {},
  },
  {
    // RFC 2349: 1 to 255 seconds; the server answers the same value or leaves the option out.
    name: 'timeout',
    least: 1,
    most: 255,
    answer: asked => asked,
    apply: (terms, value) => {
      terms.timeoutMs = value * 1000;
    },
  },
  {
    // RFC 7440 §3: 1 to 65535 blocks; the server answers the value asked or a lower one. More than 64 blocks at once
    // overrun the receive buffers of firmware and gain nothing on a boot network.
    name: 'windowsize',
    least: 1,
    most: Number.MAX_SAFE_INTEGER,
    answer: asked => Math.min(asked, 64),
    apply: (terms, value) => {
      terms.windowSize = value;
    },
  },
];

/**
 * Settles the options of a read request. Unknown options and impossible values are ignored (RFC 2347); of a repeated option the
 * first counts.
 */
export function negotiate(
  asked: readonly (readonly [name: string, value: string])[],
  circumstances: Circumstances,
): Negotiated {
  const terms: Terms = { blockSize: 512, windowSize: 1 };
  const answers: [string, number][] = [];
  for (const [name, text] of asked) {
    const row = OPTIONS.find(option => option.name === name);
    const value = parseValue(text);
    if (!row || value === undefined || value < row.least || value > row.most) continue;
    if (answers.some(([answered]) => answered === name)) continue;
    const answer = row.answer(value, circumstances);
    if (answer === undefined) continue;
    row.apply(terms, answer);
    answers.push([name, answer]);
  }
  return { terms, answers };
}

/** Values are decimal digits in ASCII (RFC 2348, 2349, 7440). */
function parseValue(text: string): number | undefined {
  return /^[0-9]{1,15}$/.test(text) ? Number(text) : undefined;
}
