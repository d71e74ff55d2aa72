// Why is this node not up? One sentence with the cause and one with the remedy, from what was seen and what was not. Pure.
import { type Boot, type BootEvent, furthestStage } from './boot.ts';
import { type Stage, stageNumber } from './journey.ts';
import { type Case, caseOf, presentOf, type WhyFacts } from './why-case.ts';
import { CLOCK_REMEDY, CLOCK_RULE, clockCause } from './why-clock.ts';
import { ERROR_RULES, explained } from './why-errors.ts';
import { evidenceSeen, findEvidence, findOutsideBoots } from './why-evidence.ts';
import { pathLoses } from './why-path.ts';
import { STALL_RULES } from './why-stalls.ts';
import { heartbeatLost, keepsRestarting, silentAgent, upNow } from './why-up.ts';
import { isOff, poweredOff, powerSeen, say, type Why } from './why-verdict.ts';
import { mebibytes, sentence, span } from './why-words.ts';

/** Seconds without news after which a stage counts as stalled: the time of real firmware and kernels, with a margin. */
const PATIENCE: Record<Stage, number> = {
  offered: 20,
  addressed: 20,
  loader: 45,
  ipxe: 20,
  script: 20,
  kernel: 120,
  initramfs: 90,
  image: 60,
  root: 240,
  up: 0,
};

/** An image transfer is slow below this rate, in bytes per second, if it has more than this many seconds to go. */
const SLOW_RATE = 2_000_000;
const SLOW_SECONDS = 60;

export function why(facts: WhyFacts): Why {
  const reason = ownReason(facts);
  const isFine = reason.verdict === 'waiting' || reason.verdict === 'well';
  const found = (isFine && keepsRestarting(facts)) || reason;
  const cause = found.verdict === 'waiting' ? clockCause(facts, found.cause) : undefined;
  return cause === undefined ? found : { ...found, rule: CLOCK_RULE, cause, remedy: CLOCK_REMEDY };
}

function ownReason(facts: WhyFacts): Why {
  const { status } = facts;
  const boot = facts.boots.at(-1);
  if (facts.ignored !== undefined)
    return say('failed', 'ignored', `DHCP does not answer it: ${facts.ignored}.`, 'Clear _no_boot to let it boot.');
  const outside = byOutside(facts, boot);
  if (outside) return outside;
  if (status.state === 'up') return upNow(facts);
  const situation = caseOf(facts);
  if (!boot || !situation) return neverSeen(facts);
  const silent = silentAgent(facts, boot);
  if (silent) return silent;
  if (boot.outcome === 'handed-over') {
    return say('well', 'left-to-its-disk', `It boots from its own disk, as its boot style ${boot.plan?.style} says.`);
  }
  if (boot.outcome === 'installed')
    return say(
      'well',
      'installed',
      'Its installation is complete and it runs from its own disk, so it sends nothing to muster.',
    );
  if (status.state === 'down' && boot.outcome === 'up') return heartbeatLost(facts, boot);
  return (
    byEvidence(situation) ?? (situation.error ? explainError(situation, situation.error) : explainSilence(situation))
  );
}

/** What the head has evidence of, for a node that is up, was up, or was never seen. */
function byOutside(facts: WhyFacts, boot: Boot | undefined): Why | undefined {
  if ((boot && boot.outcome !== 'up') || isOff(facts)) return undefined;
  const silence = facts.status.silence ?? Number.POSITIVE_INFINITY;
  const found = findOutsideBoots({ ...facts, ...(boot && { boot }), quiet: silence, silence });
  return found && say('failed', found.rule, found.cause, found.remedy, [...found.seen], found.settle);
}

/** The head's evidence takes precedence over guesses about the node. */
function byEvidence(situation: Case): Why | undefined {
  if (isOff(situation)) return undefined;
  const found = findEvidence(situation);
  if (!found) return undefined;
  const cause = again(situation, found.cause);
  const seen = new Set([...found.seen, ...evidenceOf(situation)]);
  return say('failed', found.rule, cause, found.remedy, [...seen], found.settle);
}

function neverSeen(facts: WhyFacts): Why {
  if ('refused' in facts.plan) {
    const cause = `It has never requested an address, and it could not boot if it did: ${facts.plan.refused}.`;
    return say(
      'failed',
      'nothing-to-boot',
      cause,
      'Set what is missing; `muster node explain` shows where each value comes from.',
      powerSeen(facts),
    );
  }
  if (isOff(facts)) return poweredOff('It has never requested an address');
  return say(
    'stuck',
    'never-seen',
    `No packet from ${facts.mac} has ever reached this head.`,
    'Switch it on, set its firmware to boot from the network first, and check the MAC address (`muster node unknown` lists unknown machines), its cable, and the VLAN of its switch port or the relay agent.',
    powerSeen(facts),
  );
}

function explainError(situation: Case, error: BootEvent): Why {
  const event = explained(situation, error);
  const evidence = evidenceOf(situation);
  const rule = event.fault && ERROR_RULES[event.fault];
  if (!rule) {
    const remedy = 'Read its timeline (`muster node timeline`) and its console.';
    const cause = again(situation, sentence(event.error ?? ''));
    return say('failed', `failed-at-${event.stage}`, cause, remedy, evidence);
  }
  const cause = again(situation, rule.cause?.(situation, event) ?? sentence(event.error ?? ''));
  const settle = rule.settle?.(situation, event);
  return say('failed', rule.rule ?? event.fault ?? '', cause, rule.remedy(situation, event), evidence, settle);
}

function explainSilence(situation: Case): Why {
  const { reached, quiet, unheard, next } = situation;
  const evidence = evidenceOf(situation);
  if (isOff(situation)) {
    const where = reached ? `It was last seen at ${stageWords(reached)}, ${span(quiet)} ago` : 'Nothing was seen of it';
    return poweredOff(where, evidence);
  }
  if (!reached) return neverSeen(situation);
  const isInstalling = situation.boot.plan?.install && stageNumber(reached) >= stageNumber('kernel');
  if (isInstalling && !next) {
    const cause = `Its installer has been running for ${span((presentOf(situation) - situation.boot.started) / 1000)}. Its answer file reports the end with <installed_url()>.`;
    return say('waiting', 'installing', cause, undefined, evidence);
  }
  const underWay = next
    ? undefined
    : (loaderOnItsWay(situation) ?? downloadOnItsWay(situation, reached) ?? onItsWay(situation, reached, evidence));
  if (underWay) return underWay;
  const rule = STALL_RULES.find(row => row.after.includes(reached) && (row.when?.(situation) ?? true));
  const patience = rule?.patience?.(situation) ?? PATIENCE[reached];
  if (unheard <= patience && !next) {
    const restarted = unheard < quiet ? ` (musterd was started ${span(unheard)} ago)` : '';
    const hint = rule?.hint ? `; ${rule.hint(situation)}` : '';
    const cause = `It is booting: ${stageWords(reached)}, ${span(quiet)} ago${restarted}${hint}; nothing is unusual yet.`;
    return say('waiting', 'booting', cause, undefined, evidence);
  }
  if (rule) {
    const cause = again(situation, rule.cause(situation));
    return say('stuck', rule.name, cause, rule.remedy(situation), evidence, rule.settle?.(situation));
  }
  return say(
    'stuck',
    `silent-after-${reached}`,
    again(situation, `Nothing came after ${reached} for ${span(quiet)}.`),
    undefined,
    evidence,
  );
}

/** A loader transfer by TFTP, which appears on the timeline only when it ends. */
function loaderOnItsWay(situation: Case): Why | undefined {
  const { tftp } = situation.evidence?.path ?? {};
  if (!tftp || tftp.unanswered > 2) return undefined;
  const words = `${tftp.acknowledged} of ${tftp.blocks} blocks of ${tftp.file} by TFTP`;
  return say('waiting', 'booting', `It is booting and has fetched ${words}.`, undefined, evidenceOf(situation));
}

/** A transfer of kernel or initramfs, which appears on the timeline only when it ends, however slow the link is. */
function downloadOnItsWay(situation: Case, reached: Stage): Why | undefined {
  const { tcp } = situation.evidence?.path ?? {};
  if (!tcp || (reached !== 'script' && reached !== 'kernel')) return undefined;
  if (tcp.ago + tcp.quiet > MOVES_SECONDS || tcp.acknowledged <= tcp.segment) return undefined;
  const words = `${(tcp.acknowledged / 2 ** 20).toFixed(1)} MiB of kernel and initramfs over this connection`;
  const loses = pathLoses(situation);
  if (loses)
    return say(
      'waiting',
      'path-loses-packets',
      `It has fetched ${words}, and ${loses.words}.`,
      loses.remedy,
      evidenceOf(situation),
    );
  return say('waiting', 'booting', `It is booting and has fetched ${words}.`, undefined, evidenceOf(situation));
}

/** An image that is being sent or waits for its turn. Slow is not stopped. */
function onItsWay(situation: Case, reached: Stage, evidence: string[]): Why | undefined {
  const { transfer } = situation;
  if (!transfer || transfer.cut || (reached !== 'initramfs' && reached !== 'image')) return undefined;
  const { state, done, size, rate = 0, idle = 0, seconds, place } = transfer;
  const left = seconds === undefined ? '' : `; ${span(seconds)} to go`;
  if (state === 'queued') {
    const cause = `It waits for its turn to get the image: place ${place} in the queue${left}.`;
    return say('waiting', 'image-queued', cause, undefined, [
      ...evidence,
      '`muster boots` shows the transfers in progress',
    ]);
  }
  if (idle > STILL_SECONDS) return undefined;
  const words = `${mebibytes(done)} of ${mebibytes(size)} MiB, at ${(rate / 1e6).toFixed(1)} MB/s${left}`;
  const isSlow = rate > 0 && rate < SLOW_RATE && (seconds ?? 0) > SLOW_SECONDS;
  const loses = isSlow ? pathLoses(situation) : undefined;
  if (loses) {
    const cause = `Its image arrives slowly (${words}), and ${loses.words}.`;
    return say('waiting', 'path-loses-packets', cause, loses.remedy, evidence);
  }
  if (isSlow)
    return say(
      'waiting',
      'image-slow',
      `Its image arrives slowly: ${words}.`,
      'Check the speed and the errors of its link (`ethtool`, the switch port), and how many transfers run at once (`muster boots`, http.image_transfers).',
      evidence,
    );
  return say('waiting', 'booting', `Its image is on its way: ${words}.`, undefined, evidence);
}

/** A node that acknowledged something within this many seconds is alive and fetching. */
const MOVES_SECONDS = 5;

/** A transfer without progress for this many seconds has stopped: TCP retransmits after 1 s, then 2, 4 and 8 s. */
const STILL_SECONDS = 20;

function again(situation: Case, cause: string): string {
  const { next } = situation;
  if (!next) return cause;
  const stage = furthestStage(next);
  return `Its last boot failed: ${cause.charAt(0).toLowerCase()}${cause.slice(1)} It has been retrying for ${span((presentOf(situation) - next.started) / 1000)}${stage ? ` and is at ${stageWords(stage)}` : ''}.`;
}

const stageWords = (stage: Stage): string => `stage ${stageNumber(stage)}, ${stage}`;

function evidenceOf(situation: Case): string[] {
  const { boot, reached, error, quiet, next, transfer } = situation;
  const seen = boot.events
    .filter(event => !event.error)
    .slice(-3)
    .map(event => `${event.stage}${event.detail ? `: ${event.detail}` : ''}`);
  const since = error ? `the error was reported ${span(quiet)} ago` : `nothing for ${span(quiet)}`;
  const silence = next ? `then nothing for ${span(quiet)}, and it restarted` : since;
  const sent = transfer && !next ? [`image: ${mebibytes(transfer.done)} of ${mebibytes(transfer.size)} MiB sent`] : [];
  return [
    ...seen,
    ...(reached || error ? [silence] : []),
    ...sent,
    ...looked(situation),
    ...evidenceSeen(situation),
    ...powerSeen(situation),
  ];
}

function looked({ initramfs, boot, loaderProblem }: Case): string[] {
  const { driver, releases } = initramfs ?? {};
  return [
    ...(loaderProblem ? [`the file ${loaderProblem}`] : []),
    ...(releases && releases.length > 0 ? [`its initramfs has modules for the kernel ${releases.join(', ')}`] : []),
    ...(driver && boot.card
      ? [
          `its network card is ${boot.card}: its initramfs has ${'driver' in driver ? `the driver ${driver.driver}` : 'no driver for it'}`,
        ]
      : []),
  ];
}
