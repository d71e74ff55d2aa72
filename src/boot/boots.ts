// The journal of boots: joins what the servers see into one timeline per boot.
import { isDeepStrictEqual } from 'node:util';
import { Beats } from './beats.ts';
import {
  addAction,
  addEvent,
  type Boot,
  type BootEvent,
  type BootMessage,
  eventOf,
  isKnownSystem,
  type Outcome,
  type PowerWish,
  type Seen,
} from './boot.ts';
import type { BootPlan } from './boot-plan.ts';
import { BootRegistry } from './boot-registry.ts';
import { ageOf, quietOf, resume, stampOf, type Times } from './boot-time.ts';
import { Causes } from './causes.ts';
import type { Directory } from './directory.ts';
import { DiskUse } from './disk-use.ts';
import { type Enrolment, identityOf, keepsToken } from './enrolment.ts';
import { Grants } from './grants.ts';
import { Identities } from './identities.ts';
import type { RootReaders } from './iscsi-access.ts';
import type { JourneyLog, StageNote } from './journey.ts';
import { MessageStore } from './message-store.ts';
import { belongsTo } from './next-boot.ts';
import { RootUse } from './root-use.ts';
import { type SessionAnswer, SessionRegister, sessionAnswer } from './session-register.ts';
import { withFacts } from './why-legacy.ts';

export interface BootsPorts {
  directory: Directory;
  /** Milliseconds of a clock that never goes back: every duration goes by it. */
  now(): number;
  /** Milliseconds since 1970, for people; `now` when absent. */
  wall?(): number;
  /** What `now` counts from, see `Times`; one run for ever when absent. */
  run?: string;
  /** Hex digits from a source nobody can guess. */
  randomHex(digits: number): string;
  /** Called when a boot has changed and should be saved soon. */
  changed(boot: Boot): void;
  /** Called when an old boot was dropped. */
  dropped(id: string): void;
  /** Called for each new event of a timeline. */
  watch(boot: Boot, event: BootEvent): void;
  /** True when another server answers DHCP, so that no ACK is ever seen here. */
  trustsAddressAlone(): boolean;
  /** Milliseconds after which a session that never came up expires. */
  sessionMs(): number;
}

/** Outcomes of boots whose systems may still send heartbeats. */
const LATE: ReadonlySet<Outcome> = new Set(['superseded', 'expired', 'enrolled']);

export class Boots implements JourneyLog {
  /** Counts the changes of the hardware facts of nodes. */
  hardwareChanges = 0;
  private readonly ports: BootsPorts;
  readonly times: Times;
  /** Heartbeats of the systems that run. */
  readonly beats: Beats;
  /** Tracks the iSCSI disks in use. */
  readonly disks: DiskUse;
  private readonly registry: BootRegistry;
  private readonly roots: RootUse;
  private readonly sessions = new SessionRegister();
  private readonly identities: Identities;
  private readonly grants: Grants;
  private readonly causes = new Causes();
  private readonly messages = new MessageStore();

  constructor(ports: BootsPorts, saved: readonly Boot[] = []) {
    this.ports = ports;
    const now = (): number => ports.now();
    this.times = { now, wall: () => ports.wall?.() ?? now(), run: ports.run ?? '' };
    this.beats = new Beats(this.times);
    this.disks = new DiskUse(now);
    this.grants = new Grants(ports);
    this.roots = new RootUse({
      now,
      sessionMs: () => ports.sessionMs(),
      of: node => this.of(node),
      isAlive: boot => this.beats.isAlive(boot) || this.disks.isInUse(boot),
    });
    this.registry = new BootRegistry({
      times: this.times,
      randomHex: digits => ports.randomHex(digits),
      changed: boot => ports.changed(boot),
      keepsToken: boot => keepsToken(boot, this.times.wall()),
      isInUse: boot => this.roots.isInUse(boot) || boot === identityOf(this.of(boot.node)),
      added: boot => {
        this.sessions.add(boot);
        this.messages.adopt(boot);
      },
      removed: boot => {
        this.sessions.remove(boot);
        this.messages.forget(boot);
      },
    });
    const { registry, sessions } = this;
    this.identities = new Identities({ registry, sessions, changed: boot => ports.changed(boot) });
    const byAge = [...saved].sort((left, right) => left.started - right.started);
    for (const boot of byAge) resume(boot, this.times);
    // Wall time may have gone back from one boot of a node to the next, so its boots are numbered
    for (const boot of byAge.sort((left, right) => (left.ordinal ?? 0) - (right.ordinal ?? 0)))
      for (const old of this.registry.insert(withFacts(boot))) ports.dropped(old.id);
  }

  /** Returns the boots of a node, oldest first. */
  of(node: string): readonly Boot[] {
    return this.registry.of(node);
  }

  current(node: string): Boot | undefined {
    return this.registry.current(node);
  }

  /** Returns the boot with this public number. */
  byId(id: string): Boot | undefined {
    return this.registry.byId(id);
  }

  /** Returns milliseconds since the boot began. */
  age(boot: Boot): number {
    return ageOf(boot, this.times.now());
  }

  /** Returns milliseconds since the last event of the boot. */
  quiet(boot: Boot): number {
    return quietOf(boot, this.times.now());
  }

  /** Returns the boots of this node whose systems may read their root over iSCSI now, the newest first. */
  rootReaders(node: string): RootReaders {
    return this.roots.readers(node);
  }

  note(note: StageNote): void {
    const boot = this.boot(note);
    if (!boot) return;
    if (note.loader !== undefined) {
      boot.loader = note.loader;
      if (note.loaderWanted) boot.loaderWanted = true;
      else delete boot.loaderWanted;
    }
    if (note.arch !== undefined) boot.arch = note.arch;
    if (note.card !== undefined) boot.card = note.card;
    if (note.system && isKnownSystem(boot, note.system, stampOf(boot, this.times.now()))) this.ports.changed(boot);
    else this.tell(boot, note);
  }

  /** Adds to the timeline of a known boot. */
  tell(boot: Boot, note: Seen): void {
    const event = eventOf(note, stampOf(boot, this.times.now()));
    addEvent(boot, event);
    this.ports.changed(boot);
    this.ports.watch(boot, event);
  }

  /** Notes a power action on the boot that it ends, and on the one that it begins. */
  action(node: string, text: string, kind: 'begin' | 'result' | 'error', wish?: PowerWish): void {
    const now = this.times.now();
    this.causes.add(node, { moment: now, text, kind });
    const boot = this.current(node);
    if (!boot) return;
    const more = { ...(wish && { action: wish }), ...(kind === 'error' && { error: true }) };
    addAction(boot, { at: stampOf(boot, now), text, ...more });
    this.ports.changed(boot);
  }

  /** Keeps a syslog message of a booting node; drops it if the node is up or has no boot. */
  message(node: string, message: Omit<BootMessage, 'at'>): void {
    const boot = this.current(node);
    if (!boot || boot.outcome) return;
    const at = stampOf(boot, this.times.now());
    for (const changed of this.messages.keep(boot, { ...message, at })) this.ports.changed(changed);
  }

  /** A booting client of this node got its address: it may ask for a script for a while. @param mac the interface's */
  grant(node: string, mac?: string): void {
    this.grants.give(node, mac);
  }

  /** Returns whether a script may be minted for the node. */
  mayMint(node: string): boolean {
    return this.grants.mayBegin(node);
  }

  /** Makes a new session for the node; sessions of boots that are not up expire. The boot must be saved before the id leaves the head. */
  mint(plan: BootPlan, peer: string): { id: string; boot: Boot } {
    const { node } = plan;
    const current = this.current(node.uid);
    const isNew = belongsTo(current, 'script', true, this.times.now()) === 'new';
    const boot = current && !isNew ? current : this.begin(node.uid);
    const id = this.ports.randomHex(32);
    // With several interfaces (`_altmacs`) the initramfs must use the one that the firmware booted from.
    const mac = this.grants.macOf(node.uid) ?? node.mac;
    boot.plan = { ...plan, node: { ...node, mac } };
    boot.byAddressAlone = !this.grants.has(node.uid);
    this.sessions.issue(boot, id);
    this.tell(boot, { stage: 'script', detail: `${plan.bootConfig.name} as ${plan.style}`, peer });
    return { id, boot };
  }

  /** Gives an installed system its identity, which outlives its reboots; earlier ones of the node end. It must be saved before the answer leaves. */
  enrol(plan: BootPlan, enrolment: Enrolment, peer: string): Boot {
    const boot = this.identities.begin(plan, enrolment);
    for (const old of this.registry.insert(boot)) this.ports.dropped(old.id);
    this.tell(boot, { stage: 'root', detail: 'its installed system was enrolled', peer });
    this.registry.end(boot, 'enrolled');
    return boot;
  }

  /** The initramfs takes the secrets: the grant of its firmware ends, so that a user of the starting system cannot begin a boot. */
  claimed(boot: Boot, hash: string): void {
    boot.claimHash = hash;
    this.grants.end(boot.node);
  }

  /** The script of a style that leaves the node to itself was sent: nothing more is expected of this boot. */
  handOver(boot: Boot): void {
    this.registry.end(boot, 'handed-over');
  }

  /** Returns whether the boot has lasted longer than a session may. */
  isTooOld(boot: Boot): boolean {
    return this.age(boot) > this.ports.sessionMs();
  }

  /** Returns the session of a URL, for the peer that asks. */
  session(id: string, peer: string): SessionAnswer {
    return sessionAnswer(this.sessions.find(id), peer, boot => this.isTooOld(boot));
  }

  /** A session was used after its time: the boot is over. */
  expire(boot: Boot): void {
    if (!boot.outcome) this.registry.end(boot, 'expired');
  }

  /** Returns the boot of a heartbeat token. */
  byHeartbeatToken(token: string): Boot | undefined {
    return this.sessions.findByToken(token);
  }

  /** A heartbeat came: the boot has succeeded, and its URLs expire. Returns whether it was the first one. */
  up(boot: Boot, hardware: Record<string, string>): boolean {
    const isNews = Object.keys(hardware).length > 0 && !isDeepStrictEqual(hardware, boot.hardware);
    if (isNews) {
      boot.hardware = hardware;
      this.hardwareChanges += 1;
    }
    // A boot that was given up but sends heartbeats is running
    const isFirst = boot.outcome === undefined || LATE.has(boot.outcome);
    if (isFirst) {
      this.grants.end(boot.node);
      this.tell(boot, { stage: 'up' });
      this.registry.end(boot, 'up');
    } else if (isNews) {
      // A heartbeat without news stays in memory: a cluster that is up writes nothing
      this.ports.changed(boot);
    }
    return isFirst;
  }

  /** Keeps that the boot's system goes down; a heartbeat without that takes it back. */
  goodbye(boot: Boot, to: PowerWish | undefined): void {
    if (boot.goodbye?.to === to) return;
    if (to) boot.goodbye = { at: stampOf(boot, this.times.now()), to };
    else delete boot.goodbye;
    this.ports.changed(boot);
  }

  /** The installer has finished: the boot is over, and its URLs expire. */
  installed(boot: Boot, peer: string): void {
    this.grants.end(boot.node);
    this.tell(boot, { stage: 'root', detail: 'the installation has ended', peer });
    // The system that was on the disk before is gone
    this.identities.endBefore(boot.node, boot);
    this.registry.end(boot, 'installed');
  }

  /** Forgets the boots of a node that was deleted; returns their ids. */
  forget(node: string): string[] {
    this.causes.forget(node);
    this.grants.end(node);
    return this.registry.remove(node).map(boot => boot.id);
  }

  /** Yields the blobs that boots still need, each with the reason in words. */
  *usedBlobs(): Generator<{ sha256: string; by: string }> {
    yield* this.roots.usedBlobs(this.sessions.boots());
  }

  /** Returns whether the boot's system may read its root over iSCSI now. */
  isRootReader(boot: Boot): boolean {
    return this.roots.isReader(boot);
  }

  /** Returns the boot that a note belongs to; the note may begin one. */
  private boot({ session, node: uid, mac, stage }: StageNote): Boot | undefined {
    if (session !== undefined) return this.sessions.find(session);
    const node = uid ?? (mac === undefined ? undefined : this.ports.directory.nodeByMac(mac)?.uid);
    if (node === undefined) return undefined;
    const current = this.current(node);
    const belongs = belongsTo(current, stage, this.mayMint(node), this.times.now());
    if (belongs === 'none') return undefined;
    return current && belongs === 'current' ? current : this.begin(node);
  }

  private begin(node: string): Boot {
    const boot = this.registry.begin(node);
    for (const action of this.causes.take(node, boot.begun?.at ?? 0, boot.started)) addAction(boot, action);
    for (const old of this.registry.insert(boot)) this.ports.dropped(old.id);
    return boot;
  }
}
