// Which client gets the secrets of a boot: the first one that asks for them over TLS, until the boot ends.
import type { Refused } from '../refused.ts';
import { type Boot, hashOf } from './boot.ts';

export const FIRST_ONLY = 'the secrets of this boot belong to the client that asked first';

/** A client's random word, a new one for each boot: 128 bits in hex. */
const CLAIM = /^[0-9a-f]{32}$/;

/**
 * Returns the hash of a claim that an agent sends in the clear with its first heartbeat: the hash does not reveal the claim. So a boot
 * without secrets has a claim too, in case its files get secrets later.
 */
export function namedClaim(hash: string | undefined): string | undefined {
  return hash !== undefined && /^[0-9a-f]{64}$/.test(hash) ? hash : undefined;
}

/** `take`: the claim is the first one, and its hash must be durable before the answer leaves. `taken`: somebody else was first. */
export type ClaimAnswer = { holds: true } | { take: string } | (Refused & { status: 400 | 403; taken?: true });

export interface ClaimRequest {
  isPrivate: boolean;
  /** Undefined when the client sent none. */
  claim: string | undefined;
  /** Whether a first claim is accepted: only while the node boots. Later, a listener has had the time to forge one. */
  mayTake: boolean;
}

/**
 * Decides about a request for the secrets of a boot. The session id and the token crossed the network in the clear, so they prove
 * nothing against a listener; the claim crosses it only inside TLS.
 */
export function claimAnswer(
  { claimHash }: Pick<Boot, 'claimHash'>,
  { isPrivate, claim, mayTake }: ClaimRequest,
): ClaimAnswer {
  if (!isPrivate) return { status: 403, refused: 'the files of this boot have secrets, which go over TLS only' };
  if (claim === undefined || !CLAIM.test(claim))
    return { status: 400, refused: 'a request for secrets needs claim=, 32 hex digits that the client chose' };
  const hash = hashOf(claim);
  if (claimHash === undefined && mayTake) return { take: hash };
  if (claimHash === undefined)
    return {
      status: 403,
      refused: 'this boot began without a claim for secrets; the node gets them with its next boot',
    };
  if (claimHash === hash) return { holds: true };
  return { status: 403, taken: true, refused: FIRST_ONLY };
}
