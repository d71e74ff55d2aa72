// Single-use tokens that enrol installed systems, and the identity that an enrolled system gets. Pure.
import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto';
import { effectiveAttributes } from '../model/attributes.ts';
import type { Cluster, Entry } from '../model/cluster.ts';
import type { Refused } from '../refused.ts';
import { type Boot, hashOf } from './boot.ts';
import { type BootPlan, DEFAULT_STATUS_SECONDS } from './boot-plan.ts';

/** What begins the identity of an installed system. */
export interface Enrolment {
  /** 32 hex digits that the node chose; its token for heartbeats is derived from it. */
  session: string;
  claimHash: string;
  enrolHash: string;
  /** When the token expires, in milliseconds since 1970. */
  enrolUntil: number;
}

/** The node that a token is for: it works from this address alone. */
export interface Enrollee {
  uid: string;
  ip: string;
}

const TOKEN = /^([0-9a-z]{1,10})-([0-9a-f]{16})-([0-9a-f]{32})$/;
const WORD = /^[0-9a-f]{32}$/;
/** Milliseconds for which a token is valid at most. */
const LONGEST = 7 * 24 * 3_600_000;

/** Makes and reads tokens. They carry their own time and proof, so none is stored, and they outlive a restart of the head. */
export class EnrolmentTokens {
  private readonly key: Buffer;

  /** @param headKey 32 bytes */
  constructor(headKey: Buffer) {
    // RFC 5869: keys for different uses come from one secret
    this.key = Buffer.from(hkdfSync('sha256', headKey, '', 'muster enrolment token', 32));
  }

  /** @param until milliseconds since 1970 @param nonce 16 hex digits from a source nobody can guess */
  make(node: Enrollee, until: number, nonce: string): string {
    const seconds = Math.floor(until / 1000).toString(36);
    return `${seconds}-${nonce}-${this.proof(node, seconds, nonce)}`;
  }

  /** Returns why a token is not valid for a node now; undefined when it is. @param now milliseconds since 1970 */
  problem(node: Enrollee, token: string, now: number): (Refused & { status: 403 | 410 }) | undefined {
    const [, seconds = '', nonce = '', proof = ''] = TOKEN.exec(token) ?? [];
    const right = this.proof(node, seconds, nonce);
    if (proof.length !== right.length || !timingSafeEqual(Buffer.from(proof), Buffer.from(right)))
      return { status: 403, refused: 'the token is wrong, or of another node or address' };
    if (expiryOf(token) <= now) return { status: 410, refused: 'the token has expired' };
    return undefined;
  }

  private proof({ uid, ip }: Enrollee, seconds: string, nonce: string): string {
    return createHmac('sha256', this.key).update(`${uid}\0${ip}\0${seconds}\0${nonce}`).digest('hex').slice(0, 32);
  }
}

/** Returns when a token expires, in milliseconds since 1970; 0 for any other text. */
function expiryOf(token: string): number {
  const [, seconds] = TOKEN.exec(token) ?? [];
  return seconds === undefined ? 0 : Number.parseInt(seconds, 36) * 1000;
}

/** Returns whether the token that began a boot could be used again if the boot were forgotten. @param now milliseconds since 1970 */
export function keepsToken({ enrolHash, enrolUntil, started }: Boot, now: number): boolean {
  // Rows of older versions do not have the time
  return enrolHash !== undefined && now < (enrolUntil ?? started + LONGEST);
}

/** The answer to a request with a valid token: enrol the system, or repeat the answer that it did not receive. */
export type EnrolAnswer = { enrol: Enrolment } | { again: Boot } | (Refused & { status: 400 | 409 });

/** Decides about a request with a valid token. The node chose session and claim, and repeats them when it asks again. */
export function enrolAnswer(
  boots: readonly Boot[],
  { token, session, claim }: { token: string; session: string; claim: string },
): EnrolAnswer {
  if (!WORD.test(session) || !WORD.test(claim))
    return { status: 400, refused: 'an enrolment needs session= and claim=, 32 hex digits each that the node chose' };
  const [enrolHash, claimHash] = [hashOf(token), hashOf(claim)];
  const used = boots.find(boot => boot.enrolHash === enrolHash);
  if (!used) return { enrol: { session, claimHash, enrolHash, enrolUntil: expiryOf(token) } };
  if (used.sessionHash === hashOf(session) && used.claimHash === claimHash) return { again: used };
  return { status: 409, refused: 'the token was used already' };
}

/** Returns the identity of the node's installed system, among its boots; undefined when none was enrolled, or it ended. */
export function identityOf(boots: readonly Boot[]): Boot | undefined {
  return boots.findLast(({ plan, tokenHash }) => plan?.style === 'installed' && tokenHash !== undefined);
}

/** Returns the plan of an installed system: it loads nothing from the head. */
export function installedPlan(cluster: Cluster, { uid, value }: Entry<'node'>): BootPlan {
  const attributes = effectiveAttributes(cluster, value);
  const { name, mac, ip } = value;
  return {
    node: { uid, name, mac, ip, hostname: attributes.get('_hostname')?.value || name },
    style: 'installed',
    styleSource: 'its enrolment',
    rwLayer: 'overlayfs',
    bootConfig: { uid: '', name: '', release: '', source: '' },
    kernel: null,
    initramfs: null,
    cmdline: '',
    image: null,
    iscsiDigests: false,
    statusSeconds: Number(attributes.get('_status_secs')?.value ?? DEFAULT_STATUS_SECONDS),
  };
}

/** Returns the line for a root shell on the node. Its token is an input of a program, never an argument. */
export function enrolLine(
  { address, port, pin }: { address: string; port: number; pin: string },
  token: string,
): string {
  const url = `https://${address}:${port}`;
  const fetch = `curl -fsSk --pinnedpubkey ${pin} ${url}/boot/v1/agent.tar`;
  return `d=$(mktemp -d) && ${fetch} | tar -xC $d && echo ${token} | sh $d/enroll ${url} ${pin}`;
}
