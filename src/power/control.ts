// Power actions on many nodes: for each the URIs in order, soft before hard if requested, and its result as soon as it is known.
import { MusterError, reasonOf } from '../errors.ts';
import { type HardAction, isSoft, type PowerAction, type SoftAction } from '../model/power-actions.ts';
import { fillTemplate } from '../model/power-template.ts';
import { readPowerUri, splitPowerUris } from '../model/power-uri.ts';
import type { NextBoot, PowerTarget } from './driver.ts';
import { type DriverSet, findDrivers, noDriver } from './drivers.ts';
import { actHard, type HardPorts, settled } from './hard.ts';
import { askingAgain, Stagger } from './limits.ts';
import { type PowerKnown, PowerPeek } from './peek.ts';
import type { PoweredNode } from './powered-node.ts';
import { done, known, type PowerResult, together } from './result.ts';
import { actSoft, type SoftPorts } from './soft.ts';
import { Tools, type ToolsPorts } from './tools.ts';

export interface PowerRequest {
  action: PowerAction;
  /** For `reboot` and `shutdown`: only this way; soft and then hard when absent. */
  way?: 'soft' | 'hard';
  next?: NextBoot;
  /** Seconds between switching on two machines. */
  stagger?: number;
  /** Who asked, for the timelines. */
  who?: string;
}

/** One request, and what all its nodes share. */
interface Run {
  request: PowerRequest;
  drivers: DriverSet;
  turn(): Promise<void>;
  again: HardPorts['again'];
  /** How long a status query waits for a machine between on and off, in milliseconds. */
  settleMs: number;
}

/** How long `status` waits for a machine between on and off, in milliseconds. */
const SETTLE_MS = 10_000;

/** Whether an action begins, has a result, or failed. */
export type NoteKind = 'begin' | 'result' | 'error';

export interface PowerPorts {
  tools: ToolsPorts;
  driversFolder: string;
  softTimeoutMs: number;
  staggerSeconds: number;
  now(): number;
  sleep(milliseconds: number): Promise<unknown>;
  random(): number;
  soft(node: PoweredNode): Pick<SoftPorts, 'run' | 'isSilent' | 'hasBootedSince'>;
  /** Reports an event of a node, for its timeline and for watchers. */
  note(node: PoweredNode, text: string, kind: NoteKind, action?: PowerAction): void;
  /** The BMC reported that the machine is off. */
  isOff(uid: string): void;
}

export class PowerControl {
  private readonly ports: PowerPorts;
  private readonly peeks: PowerPeek;

  constructor(ports: PowerPorts) {
    this.ports = ports;
    this.peeks = new PowerPeek(async node => this.ask(node), ports.now);
  }

  async drivers(): Promise<DriverSet> {
    return findDrivers(this.ports.driversFolder);
  }

  /** Never rejects for a node: a failure is its result. After the signal no further node begins. */
  async act(
    nodes: readonly PoweredNode[],
    request: PowerRequest,
    told: (result: PowerResult) => void,
    signal?: AbortSignal,
  ): Promise<void> {
    const stagger = new Stagger(request.stagger ?? this.ports.staggerSeconds, () => this.ports.now());
    const run: Run = {
      request,
      drivers: await this.drivers(),
      turn: async () => {
        const wait = stagger.turn();
        if (wait > 0) await this.ports.sleep(wait);
      },
      again: async work =>
        this.again(async () => {
          signal?.throwIfAborted();
          return work();
        }),
      settleMs: SETTLE_MS,
    };
    await Promise.all(
      nodes.map(async node => {
        try {
          told(await this.one(node, run));
        } catch (error) {
          if (signal?.aborted) return;
          told(this.failure(node, error));
        }
      }),
    );
  }

  /** Returns whether the machine is on, for callers that do not wait: see `PowerPeek`. */
  async peek(node: PoweredNode, limitMs: number): Promise<PowerKnown> {
    return this.peeks.of(node, limitMs);
  }

  private async ask(node: PoweredNode): Promise<PowerKnown> {
    try {
      const request = { action: 'status' as const };
      const again: HardPorts['again'] = async work => work();
      const { state } = await this.hard(node, 'status', {
        request,
        drivers: await this.drivers(),
        turn: async () => {},
        again,
        settleMs: 0,
      });
      return state ? { state } : { problem: 'its BMC reported neither on nor off' };
    } catch (error) {
      return { problem: reasonOf(error) };
    }
  }

  /** Opens the node's first URI, for its console. */
  async open(node: PoweredNode): Promise<PowerTarget> {
    const [target] = this.targets(node, await this.drivers());
    if (target && 'open' in target) return target.open();
    throw target?.problem ?? this.noUri(node);
  }

  private failure(node: PoweredNode, error: unknown): PowerResult {
    const known = error instanceof MusterError ? error : new MusterError('internal', reasonOf(error));
    const hint = known.hint ? { hint: known.hint } : {};
    return { uid: node.uid, name: node.name, text: known.message, code: known.code, ...hint };
  }

  private async one(node: PoweredNode, run: Run): Promise<PowerResult> {
    const { action } = run.request;
    if (action === 'status') return this.hard(node, action, run);
    if (isSoft(action)) return this.softThenHard(node, action, run);
    this.ports.note(node, `power ${action}${moreWords(run.request)}`, 'begin', action);
    return this.noted(node, async () => this.hard(node, action, run));
  }

  private async noted(node: PoweredNode, work: () => Promise<PowerResult>): Promise<PowerResult> {
    try {
      return await work();
    } catch (error) {
      this.ports.note(node, reasonOf(error), 'error');
      throw error;
    }
  }

  /** The specification's order: soft when the node is up and reachable; hard when that is impossible or not done in time. */
  private async softThenHard(node: PoweredNode, action: SoftAction, run: Run): Promise<PowerResult> {
    const { request } = run;
    const hardAction = action === 'reboot' ? 'cycle' : 'off';
    let why = '';
    if (request.way !== 'hard') {
      this.ports.note(node, `${action}: soft${moreWords(request)}`, 'begin', action);
      try {
        return await this.soft(node, action, run);
      } catch (error) {
        if (!(error instanceof MusterError)) throw error;
        why = error.message;
        const isLast = request.way === 'soft' || node.powerUri === '';
        this.ports.note(node, `${action}: soft failed: ${why}`, isLast ? 'error' : 'result');
        if (request.way === 'soft') throw error;
        if (node.powerUri === '')
          throw new MusterError(error.code, `soft failed: ${why}; hard is not possible: the node has no power_uri`);
      }
    }
    this.ports.note(node, `${action}: hard${moreWords(request)}${why ? ', because soft failed' : ''}`, 'begin', action);
    const result = await this.noted(node, async () => this.hard(node, hardAction, run));
    const after = why ? `, after soft failed: ${why}` : '';
    return done(result, result.state ?? result.text, [...(result.how ?? []), `hard${after}`]);
  }

  private async soft(node: PoweredNode, action: SoftAction, { request, drivers, again }: Run): Promise<PowerResult> {
    if (!node.isUp) throw new MusterError('node-unreachable', 'the node is not up');
    // A reboot needs no BMC: a slow or dead one is no reason to wait.
    const needsBmc = action === 'shutdown' || request.next !== undefined;
    const target = needsBmc
      ? await this.firstThatAnswers(node, drivers).catch((error: unknown) => {
          if (request.next) throw error;
          return undefined;
        })
      : undefined;
    try {
      const { next } = request;
      if (next) {
        if (!target) throw this.noUri(node);
        await again(async () => target.bootNext(next, node.efi));
      }
      const { now, sleep, softTimeoutMs } = this.ports;
      await actSoft(action, target, softTimeoutMs, { now, sleep, ...this.ports.soft(node) });
      const isOff = action === 'shutdown' && target !== undefined;
      if (action === 'shutdown') this.ports.isOff(node.uid);
      const text = isOff ? 'off' : action === 'reboot' ? 'rebooting' : 'went down';
      const result = done({ uid: node.uid, name: node.name, ...(isOff && { state: 'off' }) }, text, ['soft']);
      this.ports.note(node, `${action}: ${result.text}`, 'result');
      return result;
    } finally {
      await target?.close?.();
    }
  }

  private async hard(node: PoweredNode, action: 'status' | HardAction, run: Run): Promise<PowerResult> {
    const { request, drivers, turn, again, settleMs } = run;
    const { now, sleep } = this.ports;
    const failures: MusterError[] = [];
    for (const candidate of this.targets(node, drivers)) {
      if ('problem' in candidate) {
        failures.push(candidate.problem);
        continue;
      }
      const target = candidate.open();
      try {
        const { next } = request;
        const reached =
          action === 'status'
            ? { state: known(target, await settled(target, settleMs, { now, sleep, again })) }
            : await actHard(target, { action, efi: node.efi, ...(next && { next }) }, { now, sleep, turn, again });
        const { state } = reached;
        if (state === 'off') this.ports.isOff(node.uid);
        if (action !== 'status') this.ports.note(node, `power ${action}: ${state}`, 'result');
        const by = failures.length > 0 ? [`by ${target.name}; ${failures.map(error => error.message).join('; ')}`] : [];
        return done({ uid: node.uid, name: node.name, state }, state, by);
      } catch (error) {
        if (!(error instanceof MusterError)) throw error;
        failures.push(error);
      } finally {
        await target.close?.();
      }
    }
    throw together(failures) ?? this.noUri(node);
  }

  private async firstThatAnswers(node: PoweredNode, drivers: DriverSet): Promise<PowerTarget | undefined> {
    const failures: MusterError[] = [];
    for (const candidate of this.targets(node, drivers)) {
      if ('problem' in candidate) {
        failures.push(candidate.problem);
        continue;
      }
      const target = candidate.open();
      try {
        await this.again(async () => target.status());
        return target;
      } catch (error) {
        await target.close?.();
        if (!(error instanceof MusterError)) throw error;
        failures.push(error);
      }
    }
    const failure = together(failures);
    if (failure) throw failure;
    return undefined;
  }

  /** Returns each URI of the node as a machine that can be queried, or what is wrong with it. */
  private targets(node: PoweredNode, drivers: DriverSet): ({ open(): PowerTarget } | { problem: MusterError })[] {
    if (node.powerUri === '') return [];
    const refusal = (text: string): { problem: MusterError } => ({ problem: new MusterError('no-power-uri', text) });
    return splitPowerUris(node.powerUri).map(text => {
      const filled = fillTemplate(text, node.facts);
      if ('missing' in filled) return refusal(`power_uri needs ${filled.missing}, which the node does not have`);
      const reading = readPowerUri(filled.text);
      if ('problem' in reading) return refusal(`power_uri ${reading.problem}`);
      const driver = drivers.byScheme.get(reading.uri.scheme);
      if (!driver) return refusal(noDriver(drivers, reading.uri.scheme));
      return { open: () => driver.open(reading.uri, new Tools(this.ports.tools, reading.uri.scheme)) };
    });
  }

  private noUri(node: PoweredNode): MusterError {
    return new MusterError('no-power-uri', 'the node has no power_uri', {
      hint: `Set one: muster node -i ${node.name} update power_uri=ipmi:///USER:PASSWORD@BMC`,
    });
  }

  private async again<T>(work: () => Promise<T>): Promise<T> {
    return askingAgain(work, async milliseconds => this.ports.sleep(milliseconds), this.ports.random);
  }
}

function moreWords({ next, who }: PowerRequest): string {
  return `${next ? `, next boot from ${next}` : ''}${who ? `, by ${who}` : ''}`;
}
