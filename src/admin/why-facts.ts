// What `why` needs to know about many nodes: what muster has in memory, and what it checks for those that are not up.
import { open } from 'node:fs/promises';
import type { Transfer } from '../api/boots.ts';
import type { ShownWhy } from '../api/nodes.ts';
import type { Boot } from '../boot/boot.ts';
import type { Evidence } from '../boot/evidence.ts';
import { LOADER_HEAD, loaderMismatch } from '../boot/loader-format.ts';
import { planBoot } from '../boot/plan.ts';
import { why } from '../boot/why.ts';
import { bootToExplain, type InitramfsLook, type WhyFacts, whyNeeds } from '../boot/why-case.ts';
import { monotonicNow } from '../clock.ts';
import { reasonOf } from '../errors.ts';
import { driverOf } from '../image/initramfs-contents.ts';
import { InitramfsLooks } from '../image/initramfs-looks.ts';
import { effectiveAttributes, isTrue } from '../model/attributes.ts';
import type { Entry } from '../model/cluster.ts';
import { isSilent } from '../ssh/exec.ts';
import type { EvidenceQuestion } from './evidence.ts';
import { planeFor } from './plane.ts';
import type { AdminPorts } from './ports.ts';

/** How long the checks may take for all nodes together, in milliseconds. Later results are left out. */
const LIMIT_MS = 4000;
/** How long a node's system may take to accept a connection, in milliseconds. */
const ANSWER_MS = 1500;
/** Systems checked at the same time. */
const FANOUT = 256;
/** Up to this many nodes, those that are up are also checked on the wire. */
const FEW = 32;

export async function whyOf(ports: AdminPorts, nodes: readonly Entry<'node'>[]): Promise<ShownWhy[]> {
  const begun = monotonicNow();
  const left = (): number => Math.max(0, LIMIT_MS - (monotonicNow() - begun));
  const transfers = new Map(ports.transfers().map(transfer => [transfer.boot, transfer]));
  const asked = nodes.map(node => ({ node, facts: known(ports, node, transfers) }));
  const head = asked.some(({ facts }) => facts.status.state !== 'up') ? await ports.evidence?.head() : undefined;
  const waiting = [...asked];
  const work = async (): Promise<void> => {
    for (let next = waiting.shift(); next; next = waiting.shift())
      await look(ports, next, { head, isOneOfFew: asked.length <= FEW }, left);
  };
  await Promise.all(Array.from({ length: Math.min(FANOUT, asked.length) }, work));
  return asked.map(({ node, facts }) => {
    const { uid, value } = node;
    if (ports.statuses.history(uid).at(-1) !== facts.boots.at(-1)) {
      // Another boot began: what was checked belongs to the one before
      const current = { ...known(ports, node, transfers), ...(facts.power && { power: facts.power }) };
      return { uid, name: value.name, state: current.status.state, ...why(current) };
    }
    // A BMC that reports "off" changes the state. Any other change came after the checks, which suit the state before it
    const latest = ports.statuses.of(uid);
    const status = facts.power || latest.state === facts.status.state ? latest : facts.status;
    // Both the ages and the silences count from now, because rules compare them
    const evidence = { ...ports.evidence?.atOnce(questionOf(ports, node, facts.boots)), ...facts.evidence };
    const present = presentFor(ports, facts.boots);
    return { uid, name: value.name, state: status.state, ...why({ ...facts, status, evidence, ...present }) };
  });
}

/** Returns what is known about a node without further checks. */
export function whyAtOnce(ports: AdminPorts, node: Entry<'node'>, transfer: Transfer | undefined): ShownWhy {
  const { uid, value } = node;
  const facts = known(ports, node, new Map(transfer ? [[transfer.boot, transfer]] : []));
  return { uid, name: value.name, state: facts.status.state, ...why(facts) };
}

function known(
  ports: AdminPorts,
  node: Entry<'node'>,
  transfers: ReadonlyMap<string, NonNullable<WhyFacts['transfer']>>,
): WhyFacts {
  const { uid, value } = node;
  const noBoot = effectiveAttributes(ports.cluster, value).get('_no_boot');
  const ignored = noBoot && isTrue(noBoot.value) ? `_no_boot is set (${noBoot.source})` : undefined;
  const boots = ports.statuses.history(uid);
  const transfer = transfers.get(boots.at(-1)?.id ?? '');
  const evidence = ports.evidence?.atOnce(questionOf(ports, node, boots));
  return {
    name: value.name,
    mac: value.mac,
    boots,
    status: ports.statuses.of(uid),
    plan: planBoot(ports.cluster, node, planeFor(ports, node)),
    ...presentFor(ports, boots),
    listening: (ports.boots.times.now() - ports.boots.beats.startedAt) / 1000,
    ...(ignored && { ignored }),
    ...(transfer && { transfer }),
    ...(evidence && { evidence }),
  };
}

function presentFor(ports: AdminPorts, boots: readonly Boot[]): { now: number; present?: number } {
  const newest = boots.at(-1);
  return { now: Date.now(), ...(newest && { present: newest.started + ports.boots.age(newest) }) };
}

/** For a node without a boot, evidence from this last hour may explain why, in seconds. */
const BEFORE_SECONDS = 3600;

function questionOf(ports: AdminPorts, { uid, value }: Entry<'node'>, boots: readonly Boot[]): EvidenceQuestion {
  const { boot } = bootToExplain({ boots });
  return {
    node: uid,
    ip: value.ip,
    macs: [value.mac, ...(boot?.hardware?.['macs']?.split(/[ ,]+/) ?? [])],
    within: boot ? ports.boots.age(boot) / 1000 : BEFORE_SECONDS,
    needs: { path: false, stored: false, neighbours: false },
    ...(boot && { boot }),
  };
}

/** Makes all the checks that are worth it, concurrently. */
async function look(
  ports: AdminPorts,
  { node, facts }: { node: Entry<'node'>; facts: WhyFacts },
  { head, isOneOfFew }: { head: Evidence | undefined; isOneOfFew: boolean },
  left: () => number,
): Promise<void> {
  const needs = whyNeeds(facts);
  const { boot } = bootToExplain(facts);
  const hasPower = needs.power && node.value.power_uri !== '' && left() > 0;
  const mayAsk = needs.answers && node.value.ip !== '' && left() > 0;
  // Of many nodes, only those that are not up are asked for: a broadcast costs every machine on the wire
  const neighbours = node.value.ip !== '' && facts.boots.length > 0 && (isOneOfFew || facts.status.state !== 'up');
  const question = {
    ...questionOf(ports, node, facts.boots),
    needs: { path: needs.path, stored: needs.stored, neighbours },
  };
  const [power, silent, loaderProblem, initramfs, evidence] = await Promise.all([
    hasPower ? ports.power.control.peek(ports.power.node(node), left()) : undefined,
    mayAsk ? isSilent(node.value.ip, Math.min(ANSWER_MS, left())) : undefined,
    needs.loader && boot ? loaderProblemOf(ports, boot.loader, boot.arch) : undefined,
    needs.initramfs && boot ? initramfsOf(ports, boot) : undefined,
    ports.evidence?.of(question, left()),
  ]);
  if (power) facts.power = power;
  if (silent !== undefined) facts.answers = !silent;
  if (loaderProblem) facts.loaderProblem = loaderProblem;
  if (initramfs) facts.initramfs = initramfs;
  facts.evidence = { ...head, ...evidence };
}

type BootLike = NonNullable<ReturnType<typeof bootToExplain>['boot']>;

async function loaderProblemOf(
  ports: AdminPorts,
  file: string | undefined,
  arch: BootLike['arch'],
): Promise<string | undefined> {
  const path = file === undefined ? undefined : ports.loaderPath(file);
  if (path === undefined || arch === undefined) return undefined;
  const head = await headOf(path).catch(() => undefined);
  const mismatch = head && loaderMismatch(head, arch);
  return mismatch && `${path} ${mismatch}`;
}

async function headOf(path: string): Promise<Buffer> {
  const handle = await open(path, 'r');
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(LOADER_HEAD), 0, LOADER_HEAD, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}

const contents = new InitramfsLooks();

async function initramfsOf(ports: AdminPorts, boot: BootLike): Promise<InitramfsLook | undefined> {
  const file = boot.plan?.initramfs;
  if (!file) return undefined;
  const found = await contents.of(ports.blobs.path(file.blob), file, error =>
    ports.log.info({ node: boot.plan?.node.name }, `cannot read the initramfs: ${reasonOf(error)}`),
  );
  const driver = found && boot.card ? driverOf(found, boot.card) : undefined;
  return found && { releases: found.releases, ...(driver && { driver }) };
}
