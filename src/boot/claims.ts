// Who may have the secrets of a boot: the first client that asks for them over TLS, for as long as the boot lasts.
import type { Refused } from '../refused.ts';
import { type Boot, hashOf } from './boot.ts';

/** A client's random word, a new one for each boot: 128 bits in hex. */
const CLAIM = /^[0-9a-f]{32}$/;

/** `take`: the claim is the first one, and its hash must be durable before the answer leaves. `taken`: somebody else was first. */
export type ClaimAnswer = { holds: true } | { take: string } | (Refused & { status: 400 | 403; taken?: true });

/**
 * Decides about a request for the secrets of a boot. The session id and the token crossed the network in the clear, so they prove
 * nothing against a listener; the claim crosses it only inside TLS.
 * @param claim undefined when the client sent none
 */
export function claimAnswer(
  { claimHash }: Pick<Boot, 'claimHash'>,
  isPrivate: boolean,
  claim: string | undefined,
): ClaimAnswer {
  if (!isPrivate) return { status: 403, refused: 'the files of this boot have secrets, which go over TLS only' };
  if (claim === undefined || !CLAIM.test(claim))
    return { status: 400, refused: 'a request for secrets needs claim=, 32 hex digits that the client chose' };
  const hash = hashOf(claim);
  if (claimHash === undefined) return { take: hash };
  if (claimHash === hash) return { holds: true };
  return { status: 403, taken: true, refused: 'the secrets of this boot belong to the client that asked first' };
}
