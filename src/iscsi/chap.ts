// CHAP (RFC 1994, RFC 7143 §12.1.3): the target's challenge, the initiator's proof, and the target's own on request.
import { createHash, timingSafeEqual } from 'node:crypto';
import type { Refused } from '../refused.ts';
import type { Chap, ChapAccount } from './directory.ts';
import { encodeBinary, type Pair, parseBinary, parseNumber } from './text.ts';

/** CHAP_A: the hash, and the length of its result and of our challenge (RFC 7143 §12.1.3 and the IANA registry), best first. */
const ALGORITHMS = [
  { number: 7, hash: 'sha256', length: 32 },
  { number: 5, hash: 'md5', length: 16 },
] as const;

type Algorithm = (typeof ALGORITHMS)[number];

/** RFC 7143 §12.1.3: a binary value has 1024 bytes at most. */
const MAX_CHALLENGE = 1024;

export type ChapAnswer = { answers: readonly Pair[]; done: boolean } | Refused;

/** One authentication; each call receives the keys of one login request. */
export class ChapExchange {
  private readonly chap: Chap;
  private readonly random: (bytes: number) => Buffer;
  private readonly others: readonly ChapAccount[];
  /** The proven account of the initiator, once the exchange is over. */
  proven: ChapAccount | undefined;
  private algorithm: Algorithm | undefined;
  private identifier = 0;
  private challenge: Buffer = Buffer.alloc(0);

  /** @param random cryptographically strong random bytes @param others further accounts that may be proven */
  constructor(chap: Chap, random: (bytes: number) => Buffer, others: readonly ChapAccount[] = []) {
    this.chap = chap;
    this.random = random;
    this.others = others;
  }

  receive(keys: ReadonlyMap<string, string>): ChapAnswer {
    const offered = keys.get('CHAP_A');
    if (!this.algorithm) return offered === undefined ? { answers: [], done: false } : this.begin(offered);
    return this.check(keys, this.algorithm);
  }

  private begin(offered: string): ChapAnswer {
    const numbers = offered.split(',').map(parseNumber);
    this.algorithm = ALGORITHMS.find(row => numbers.includes(row.number));
    if (!this.algorithm) return { refused: `no CHAP algorithm in common: it offers ${offered.slice(0, 64)}` };
    this.identifier = this.random(1).readUInt8(0);
    this.challenge = this.random(this.algorithm.length);
    const answers: Pair[] = [
      ['CHAP_A', String(this.algorithm.number)],
      ['CHAP_I', String(this.identifier)],
      ['CHAP_C', encodeBinary(this.challenge)],
    ];
    return { answers, done: false };
  }

  private check(keys: ReadonlyMap<string, string>, algorithm: Algorithm): ChapAnswer {
    const response = parseBinary(keys.get('CHAP_R') ?? '');
    const name = keys.get('CHAP_N');
    if (name === undefined || !response) return { refused: 'CHAP_N or CHAP_R is missing or cannot be read' };
    // Compares everything in any case, so that the time reveals nothing about the names.
    const [proven] = [this.chap, ...this.others].filter(account => {
      const expected = proof(algorithm, this.identifier, account, this.challenge);
      const nameFits = sameText(name, account.user);
      const responseFits = response.length === expected.length && timingSafeEqual(response, expected);
      return nameFits && responseFits;
    });
    return proven ? this.proveOurselves(keys, algorithm, proven) : { refused: 'wrong CHAP name or secret' };
  }

  /** Mutual CHAP, if the initiator sends its own challenge. */
  private proveOurselves(keys: ReadonlyMap<string, string>, algorithm: Algorithm, proven: ChapAccount): ChapAnswer {
    const theirs = keys.get('CHAP_C');
    if (theirs === undefined) return this.end([], proven);
    const { mutual } = this.chap;
    if (!mutual) return { refused: 'it asks for mutual CHAP, and no account of the target is set' };
    // RFC 7143 §9.2.1: the same secret in both directions lets the initiator impersonate the target.
    if (sameText(mutual.secret, proven.secret)) return { refused: 'both directions of CHAP have the same secret' };
    const identifier = parseNumber(keys.get('CHAP_I') ?? '');
    const challenge = parseBinary(theirs);
    if (identifier === undefined || identifier > 255) return { refused: 'CHAP_I is missing or no byte' };
    if (!challenge || challenge.length > MAX_CHALLENGE) return { refused: 'CHAP_C cannot be read or is too long' };
    // RFC 7143 §9.2.1: a reflected challenge must end the connection.
    if (challenge.equals(this.challenge)) return { refused: 'it sends our own CHAP challenge back' };
    const response = encodeBinary(proof(algorithm, identifier, mutual, challenge));
    const answers: Pair[] = [
      ['CHAP_N', mutual.user],
      ['CHAP_R', response],
    ];
    return this.end(answers, proven);
  }

  private end(answers: readonly Pair[], proven: ChapAccount): ChapAnswer {
    this.proven = proven;
    return { answers, done: true };
  }
}

/** RFC 1994 §4.1: the hash over identifier, secret and challenge. */
function proof(algorithm: Algorithm, identifier: number, account: ChapAccount, challenge: Buffer): Buffer {
  const hash = createHash(algorithm.hash);
  return hash
    .update(Buffer.from([identifier]))
    .update(account.secret, 'utf8')
    .update(challenge)
    .digest();
}

/** Compares digests: their length and the time reveal nothing about the texts. */
function sameText(left: string, right: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text, 'utf8').digest();
  return timingSafeEqual(digest(left), digest(right));
}
