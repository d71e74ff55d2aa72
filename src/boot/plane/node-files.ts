// Sends a node the files of its file sets: at boot as its plan froze them, later as they are now.
import { reasonOf } from '../../errors.ts';
import { missingContents } from '../../files/bundle.ts';
import { EMPTY_INDEX, readIndex } from '../../files/index-text.ts';
import { filesState, indexFor } from '../../files/live-state.ts';
import type { Refused } from '../../refused.ts';
import type { Boot } from '../boot.ts';
import { type PlannedFiles, takesFiles } from '../boot-plan.ts';
import { claimAnswer, FIRST_ONLY } from '../claims.ts';
import { BUNDLE_RETRY_S, type BundleTurn } from './bundle-turns.ts';
import { readFacts } from './facts.ts';
import type { PlaneContext } from './ports.ts';
import { type Answer, type Effect, type Question, refuse, say } from './question.ts';
import type { Admitted } from './who.ts';

type Files = Pick<PlannedFiles, 'index' | 'secret'>;

/** Answers a boot with its files, before its root starts. */
export async function bootFiles({ question, context, boot, plan, session }: Admitted['session']): Promise<Answer> {
  const { files } = plan;
  if (!files) return refuse(404, 'the node had no file sets when this boot began');
  const { peer } = question;
  const claim = readFacts(question.body ?? '').get('claim');
  const noted = (detail: string): Effect => ({ do: 'note', note: { stage: 'initramfs', session, peer, detail } });
  return bundle({ context, question, boot, files, claim, mayTake: true, has: new Set(), noted });
}

/** Answers a running node after a change: the index that its heartbeat named, and the contents that the node does not have. */
export async function liveFiles({ question, context, boot, facts }: Admitted['token']): Promise<Answer> {
  const wanted = facts.get('index') ?? '';
  const current = wanted === EMPTY_INDEX.sha256 ? EMPTY : await currentFiles(context, boot);
  if (!current) return refuse(409, 'the node has no file sets now');
  if ('refused' in current) return refuse(409, `the files of the node cannot be rendered: ${current.refused}`);
  if (current.index !== wanted) return refuse(409, 'the files of the node have changed since its heartbeat');
  const has = new Set(
    Array.from((question.body ?? '').matchAll(/^have=([0-9a-f]{64})\r?$/gm), ([, sha256 = '']) => sha256),
  );
  const noted = (detail: string): Effect => ({
    do: 'tell',
    boot,
    note: { stage: 'up', peer: question.peer, detail: `after a change: ${detail}` },
  });
  return bundle({ context, question, boot, files: current, claim: facts.get('claim'), mayTake: false, has, noted });
}

const EMPTY: Files = { index: EMPTY_INDEX.sha256, secret: false };

interface Wish {
  context: PlaneContext;
  question: Question;
  boot: Boot;
  files: Files;
  claim: string | undefined;
  mayTake: boolean;
  has: ReadonlySet<string>;
  noted(detail: string): Effect;
}

async function bundle({ context, question, boot, files, claim, mayTake, has, noted }: Wish): Promise<Answer> {
  const effects: Effect[] = [];
  if (files.secret) {
    const claimed = claimAnswer(boot, { isPrivate: question.isPrivate === true, claim, mayTake });
    if ('refused' in claimed)
      return refuse(claimed.status, claimed.refused, claimed.taken && refusedEffects(TAKEN, boot, question));
    if (isDoubtful(context, boot)) return refuse(503, DOUBTFUL, refusedEffects(DOUBTFUL, boot, question));
    if ('take' in claimed) effects.push({ do: 'claim', boot, hash: claimed.take });
  }
  const turn = await context.bundles?.begin(boot.id);
  if (context.bundles && !turn) return BUSY;
  const parts = await whole(turn, async () => partsOf(context, boot, { digest: files.index, has, turn }));
  if (parts === 'busy') return BUSY;
  if ('refused' in parts) return refuse(410, parts.refused);
  const bytes = Buffer.concat(parts);
  const detail = `${parts.length - 1} contents of its files, ${bytes.length} bytes${files.secret ? ', over TLS' : ''}`;
  return say(bytes, {
    type: 'application/octet-stream',
    noStore: true,
    ...(turn && { turn }),
    effects: [...effects, noted(detail)],
  });
}

const BUSY: Answer = { ...refuse(503, 'the head sends as many files of nodes as it can'), retryAfter: BUNDLE_RETRY_S };

type Parts = Buffer[] | Refused | 'busy';

/** Ends the turn unless there is a bundle to send. */
async function whole(turn: BundleTurn | undefined, make: () => Promise<Parts>): Promise<Parts> {
  let parts: Parts | undefined;
  try {
    parts = await make();
    return parts;
  } finally {
    if (!Array.isArray(parts)) turn?.end();
  }
}

const TAKEN = 'another client asked for the secrets of this boot, after the first one; it got nothing';
const DOUBTFUL = 'a boot without a DHCP exchange gets no secrets while an earlier system of the node sends heartbeats';

/** Returns whether a user of the running system may have begun this boot: a node that really boots sends no more heartbeats. */
function isDoubtful({ boots }: PlaneContext, boot: Boot): boolean {
  const isEarlier = (other: Boot): boolean => (other.ordinal ?? 0) < (boot.ordinal ?? 0);
  return (
    boot.byAddressAlone === true && boots.of(boot.node).some(other => isEarlier(other) && boots.beats.isAlive(other))
  );
}

/**
 * Takes the claim of an answer and returns the answer; a refusal when another request took the claim in the meantime. There must be no
 * await between this and the next check of the claim.
 */
export function withClaim(given: Answer, question: Question): Answer {
  for (const effect of given.effects ?? []) {
    if (effect.do !== 'claim') continue;
    const { boot, hash } = effect;
    boot.claimHash ??= hash;
    if (boot.claimHash !== hash) return refuse(403, FIRST_ONLY, refusedEffects(TAKEN, boot, question));
  }
  return given;
}

/** Reports a second client of a boot on the timeline and in the log: one of the two is not the node. */
function refusedEffects(text: string, boot: Boot, { peer }: Question): Effect[] {
  return [
    { do: 'tell', boot, note: { stage: 'initramfs', peer, detail: text } },
    { do: 'log', level: 'warn', more: { node: boot.plan?.node.name }, text, rarely: true },
  ];
}

interface BundleWish {
  /** Of the index. */
  digest: string;
  has: ReadonlySet<string>;
  turn: BundleTurn | undefined;
}

/** Returns the index and the contents of a bundle; renders them again when they are no longer kept. */
async function partsOf(context: PlaneContext, boot: Boot, wish: BundleWish): Promise<Parts> {
  const { digest } = wish;
  if (digest === EMPTY_INDEX.sha256) return [Buffer.from(EMPTY_INDEX.text)];
  const kept = await keptParts(context, wish);
  if (kept) return kept;
  await context.files?.(boot.node);
  return (
    (await keptParts(context, wish)) ?? {
      refused: 'these files of the node have changed, and are not kept any more',
    }
  );
}

async function keptParts({ fileContent }: PlaneContext, { digest, has, turn }: BundleWish): Promise<Parts | undefined> {
  const text = await fileContent?.(digest);
  if (!text) return undefined;
  const index = readIndex(text.toString());
  if ('refused' in index) return index;
  const parts = [text];
  const missing = missingContents(index, has);
  const size = missing.reduce((sum, one) => sum + one.size, text.length);
  if (turn?.take(size) === false) return 'busy';
  for (const { sha256 } of missing) {
    if (turn?.isReplaced) return 'busy';
    const content = await fileContent?.(sha256);
    if (!content) return undefined;
    parts.push(content);
  }
  return parts;
}

/** Returns the files of a running node as they are now; undefined for a boot that takes no files. */
async function currentFiles({ files }: PlaneContext, boot: Boot): Promise<Files | Refused | undefined> {
  if (!files || !boot.plan || !takesFiles(boot.plan)) return undefined;
  const answer = await files(boot.node);
  if ('refused' in answer) return answer;
  return answer.files;
}

/** Returns the section [Files] of the answer to a heartbeat; empty when the node keeps what it has. */
export async function filesSection(
  context: PlaneContext,
  boot: Boot,
  facts: Readonly<Record<string, string>>,
): Promise<string> {
  if (!context.files || !boot.plan || !takesFiles(boot.plan)) return '';
  const current = await currentFiles(context, boot).catch((error: unknown) => ({ refused: reasonOf(error) }));
  const rule = context.liveRule?.(boot.node) ?? { mode: 'auto' };
  const wanted = current && 'refused' in current ? current : current?.index;
  context.filesSeen?.(boot, filesState({ isUp: true, current: wanted, rule, facts }));
  if (current && 'refused' in current) return '';
  const index = indexFor(current?.index, rule, facts['files_applied']);
  if (index === undefined) return '';
  return `\n[Files]\nindex = ${index}\nsecret = ${current?.secret ? 'yes' : 'no'}\n`;
}
