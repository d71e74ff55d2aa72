// The registry of boots: joins what the servers see into one timeline per boot, mints sessions, and says which are valid.
import { isDeepStrictEqual } from 'node:util';
import {
  addAction,
  addEvent,
  addMessage,
  type Boot,
  type BootAction,
  type BootEvent,
  type BootMessage,
  eventOf,
  furthestStage,
  hashOf,
  type Outcome,
  type Seen,
  tokenOf,
} from './boot.ts';
import type { Directory } from './directory.ts';
import { type RootReader, readsOverIscsi, rootReader } from './iscsi-access.ts';
import { type JourneyLog, type Stage, type StageNote, stageNumber } from './journey.ts';
import { type BootPlan, blobsOfPlan } from './plan.ts';
import { withFacts } from './why-legacy.ts';

export interface BootsPorts {
  directory: Directory;
  now(): number;
  /** Hex digits from a source nobody can guess. */
  randomHex(digits: number): string;
  /** A boot has changed and should be saved some time soon. */
  changed(boot: Boot): void;
  /** An old boot was forgotten. */
  dropped(id: string): void;
  /** Something was added to a timeline, for those who watch. */
  watch(boot: Boot, event: BootEvent): void;
  /** True when another server answers DHCP, so that no ACK is ever seen here. */
  trustsAddressAlone(): boolean;
  /** Milliseconds after which a session that never came up is dead. */
  sessionMs(): number;
}

export type SessionAnswer = { boot: Boot; plan: BootPlan } | { refusal: string; gone: boolean; outcome?: Outcome };

/** Boots kept per node, the newest. */
const KEPT = 10;

/** Messages kept of all boots together; beyond it the oldest boots lose theirs. */
const MESSAGES_KEPT = 100_000;

/** How long after an ACK for a booting client a script may be asked for. */
const GRANT_MS = 10 * 60_000;

/** Without news for this long, the next DISCOVER is a new boot even at the first stages. */
const QUIET_MS = 10 * 60_000;

/** A boot that begins so long after an action on the node's power is its doing: large machines test their memory for minutes. */
const CAUSE_MS = 20 * 60_000;

export class Boots implements JourneyLog {
  private readonly ports: BootsPorts;
  private readonly byNode = new Map<string, Boot[]>();
  private readonly ids = new Map<string, Boot>();
  private readonly bySession = new Map<string, Boot>();
  private readonly byToken = new Map<string, Boot>();
  private readonly grants = new Map<string, { until: number; mac: string | undefined }>();
  /** What was done to a node's power since its newest boot began. */
  private readonly causes = new Map<string, BootAction[]>();
  /** Boots that have messages, the oldest first, and how many messages that are. */
  private readonly talkative = new Set<Boot>();
  private messages = 0;
  private readonly startedAt: number;

  constructor(ports: BootsPorts, saved: readonly Boot[] = []) {
    this.ports = ports;
    this.startedAt = ports.now();
    for (const boot of [...saved].sort((left, right) => left.started - right.started)) this.insert(withFacts(boot));
  }

  /** The boots of a node, oldest first. */
  of(node: string): readonly Boot[] {
    return this.byNode.get(node) ?? [];
  }

  current(node: string): Boot | undefined {
    return this.byNode.get(node)?.at(-1);
  }

  /** The boot with this public number. */
  byId(id: string): Boot | undefined {
    return this.ids.get(id);
  }

  /** The boot of this node whose system may read its root over iSCSI now. */
  rootReader(node: string): RootReader {
    return rootReader(this.of(node), this.ports.now(), this.ports.sessionMs());
  }

  note(note: StageNote): void {
    const node = note.node ?? (note.mac ? this.ports.directory.nodeByMac(note.mac)?.uid : undefined);
    const boot = note.session
      ? this.bySession.get(hashOf(note.session))
      : node
        ? this.bootFor(node, note.stage)
        : undefined;
    if (boot && note.loader !== undefined) {
      boot.loader = note.loader;
      if (note.loaderWanted) boot.loaderWanted = true;
      else delete boot.loaderWanted;
    }
    if (boot && note.arch !== undefined) boot.arch = note.arch;
    if (boot && note.card !== undefined) boot.card = note.card;
    if (boot) this.tell(boot, note);
  }

  /** What a server saw of a boot that it knows. */
  tell(boot: Boot, note: Seen): void {
    this.add(boot, eventOf(note, this.ports.now()));
  }

  /** What is done to a node's power: told on the boot that it ends, and on the one that it begins. */
  action(node: string, text: string, kind: 'begin' | 'result' | 'error'): void {
    const action: BootAction = { at: this.ports.now(), text, ...(kind === 'error' && { error: true }) };
    // A result that is known when the new boot has begun is no cause of the one after.
    if (kind === 'begin' || this.causes.has(node))
      this.causes.set(node, [...(this.causes.get(node) ?? []), action].slice(-20));
    const boot = this.current(node);
    if (!boot) return;
    addAction(boot, action);
    this.ports.changed(boot);
  }

  /** What a booting node says; of a node that is up, or that began no boot, nothing is kept. */
  message(node: string, message: BootMessage): void {
    const boot = this.current(node);
    if (!boot || boot.outcome) return;
    this.talkative.add(boot);
    this.messages += addMessage(boot, message);
    for (const old of this.talkative) {
      if (this.messages <= MESSAGES_KEPT || old === boot) break;
      this.forgetMessages(old);
      this.ports.changed(old);
    }
    this.ports.changed(boot);
  }

  /** A booting client of this node got its address: it may ask for a script for a while. `mac` is the interface's. */
  grant(node: string, mac?: string): void {
    this.grants.set(node, { until: this.ports.now() + GRANT_MS, mac });
  }

  /**
   * Whether a script may be minted for the node. Only a client on UDP port 68 can have got the ACK, so that a user of the running
   * node cannot make himself a session. For a while after a restart, the head trusts the address alone: it has forgotten the ACKs.
   */
  mayMint(node: string): boolean {
    if (this.ports.trustsAddressAlone()) return true;
    const now = this.ports.now();
    return (this.grants.get(node)?.until ?? 0) > now || now - this.startedAt < GRANT_MS / 5;
  }

  /** A new session for the node; those before it are dead. The boot is to be saved before the id is given away. */
  mint(plan: BootPlan, peer: string): { id: string; boot: Boot } {
    const boot = this.bootFor(plan.node.uid, 'script');
    this.forgetSecrets(boot);
    const id = this.ports.randomHex(32);
    // Of several interfaces (`_altmacs`) the initramfs is to use the one that the firmware booted by.
    const mac = this.grants.get(plan.node.uid)?.mac ?? plan.node.mac;
    boot.plan = { ...plan, node: { ...plan.node, mac } };
    boot.sessionHash = hashOf(id);
    boot.tokenHash = hashOf(tokenOf(id));
    this.bySession.set(boot.sessionHash, boot);
    this.byToken.set(boot.tokenHash, boot);
    this.add(boot, { at: this.ports.now(), stage: 'script', detail: `${plan.bootConfig.name} as ${plan.style}`, peer });
    return { id, boot };
  }

  /** The script of a style that leaves the node to itself was sent: nothing more is to be expected of this boot. */
  handOver(boot: Boot): void {
    this.end(boot, 'handed-over');
  }

  /** Whether the boot has lasted longer than a session may. */
  isTooOld(boot: Boot): boolean {
    return this.ports.now() - boot.started > this.ports.sessionMs();
  }

  /** The session behind a URL, for the peer that asks. */
  session(id: string, peer: string): SessionAnswer {
    const boot = /^[0-9a-f]{32}$/.test(id) ? this.bySession.get(hashOf(id)) : undefined;
    if (!boot?.plan) return { refusal: 'no such session', gone: true };
    if (boot.plan.node.ip !== peer)
      return { refusal: `the session belongs to ${boot.plan.node.ip}, not to ${peer}`, gone: false };
    if (boot.outcome) return { refusal: `the boot is over (${boot.outcome})`, gone: true, outcome: boot.outcome };
    if (this.isTooOld(boot)) {
      this.end(boot, 'expired');
      return { refusal: 'the session is too old', gone: true };
    }
    return { boot, plan: boot.plan };
  }

  /** The boot whose system a heartbeat token belongs to; the node's newest session only. */
  byHeartbeatToken(token: string): Boot | undefined {
    return /^[0-9a-f]{32}$/.test(token) ? this.byToken.get(hashOf(token)) : undefined;
  }

  /** The node is up: the boot has ended well, and its URLs end with it. */
  up(boot: Boot, hardware: Record<string, string>): void {
    const isNews = Object.keys(hardware).length > 0 && !isDeepStrictEqual(hardware, boot.hardware);
    if (isNews) boot.hardware = hardware;
    if (boot.outcome) {
      // A heartbeat that brings no news is kept in memory alone: a cluster that is up writes nothing
      if (isNews) this.ports.changed(boot);
      return;
    }
    this.grants.delete(boot.node);
    this.add(boot, { at: this.ports.now(), stage: 'up' });
    this.end(boot, 'up');
  }

  /** The installer has ended well: the boot is over, and its URLs end with it. */
  installed(boot: Boot, peer: string): void {
    this.grants.delete(boot.node);
    this.add(boot, { at: this.ports.now(), stage: 'root', detail: 'the installation has ended', peer });
    this.end(boot, 'installed');
  }

  /** Forgets the boots of a node that was deleted; answers their ids. */
  forget(node: string): string[] {
    const boots = this.byNode.get(node) ?? [];
    for (const boot of boots) this.letGo(boot);
    this.byNode.delete(node);
    this.causes.delete(node);
    this.grants.delete(node);
    return boots.map(boot => boot.id);
  }

  /** The blobs that boots still need, each with the reason in words. */
  *usedBlobs(): Generator<{ sha256: string; by: string }> {
    for (const boot of this.bySession.values()) {
      const { plan } = boot;
      if (!plan) continue;
      const by = `boot ${boot.id} of ${plan.node.name}`;
      if (readsOverIscsi(plan) && plan.image && this.isRootReader(boot)) {
        yield { sha256: plan.image.blob, by: `${by}, which runs from it` };
      }
      if (boot.outcome || this.isTooOld(boot)) continue;
      for (const sha256 of blobsOfPlan(plan)) yield { sha256, by };
    }
  }

  private isRootReader(boot: Boot): boolean {
    const reader = this.rootReader(boot.node);
    return 'boot' in reader && reader.boot === boot;
  }

  private add(boot: Boot, event: BootEvent): void {
    addEvent(boot, event);
    this.ports.changed(boot);
    this.ports.watch(boot, event);
  }

  /** The boot that a note belongs to: the current one, or a new one when this stage means that the node began anew. */
  private bootFor(node: string, stage: Stage): Boot {
    const current = this.current(node);
    if (current && !this.beganAnew(current, stage)) return current;
    if (current && !current.outcome) this.end(current, 'superseded');
    const now = this.ports.now();
    const boot: Boot = { id: this.ports.randomHex(12), node, started: now, events: [] };
    for (const action of this.causes.get(node) ?? []) if (now - action.at < CAUSE_MS) addAction(boot, action);
    this.causes.delete(node);
    this.insert(boot);
    return boot;
  }

  private beganAnew(boot: Boot, stage: Stage): boolean {
    // The loader of the local disk, which the script of `next` sends for.
    if (boot.outcome === 'handed-over' && stage === 'loader') return false;
    if (boot.outcome) return stageNumber(stage) <= stageNumber('script');
    const reached = furthestStage(boot);
    if (!reached) return false;
    const quiet = this.ports.now() - (boot.events.at(-1)?.at ?? boot.started) > QUIET_MS;
    // Firmware repeats a stage at will; a firmware DHCP after the loader, or any DHCP after the script, is another power-on.
    if (stage === 'offered' || stage === 'addressed')
      return quiet || stageNumber(reached) >= stageNumber(stage === 'offered' ? 'loader' : 'ipxe');
    if (stage === 'ipxe') return quiet || stageNumber(reached) >= stageNumber('script');
    return stage === 'script' && stageNumber(reached) >= stageNumber('initramfs');
  }

  private insert(boot: Boot): void {
    const boots = this.byNode.get(boot.node) ?? [];
    boots.push(boot);
    while (boots.length > KEPT) {
      // The boot that the node runs from stays, however often its firmware only begins.
      const [old] = boots.splice(this.isRootReader(boots[0] ?? boot) ? 1 : 0, 1);
      if (!old) break;
      this.letGo(old);
      this.ports.dropped(old.id);
    }
    this.byNode.set(boot.node, boots);
    this.ids.set(boot.id, boot);
    if (boot.messages) {
      this.talkative.add(boot);
      this.messages += boot.messages.length;
    }
    if (boot.sessionHash) this.bySession.set(boot.sessionHash, boot);
    if (boot.tokenHash) this.byToken.set(boot.tokenHash, boot);
  }

  private end(boot: Boot, outcome: Outcome): void {
    boot.outcome = outcome;
    boot.ended = this.ports.now();
    this.ports.changed(boot);
  }

  private letGo(boot: Boot): void {
    this.ids.delete(boot.id);
    this.forgetSecrets(boot);
    this.forgetMessages(boot);
  }

  private forgetMessages(boot: Boot): void {
    if (!this.talkative.delete(boot)) return;
    this.messages -= boot.messages?.length ?? 0;
    delete boot.messages;
  }

  private forgetSecrets(boot: Boot): void {
    if (boot.sessionHash) this.bySession.delete(boot.sessionHash);
    if (boot.tokenHash) this.byToken.delete(boot.tokenHash);
  }
}
