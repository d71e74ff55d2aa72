// Actions on one machine through its BMC: each ends when the BMC itself confirms it.
import { MusterError } from '../errors.ts';
import type { HardAction } from '../model/power-actions.ts';
import type { NextBoot, PowerReading, PowerState, PowerTarget } from './driver.ts';
import { NoCycle } from './failures.ts';

export interface HardPorts {
  now(): number;
  sleep(milliseconds: number): Promise<unknown>;
  /** Waits for this machine's turn to draw current. */
  turn(): Promise<void>;
  /** Repeats a question to a busy BMC. */
  again<T>(work: () => Promise<T>): Promise<T>;
}

export interface HardRequest {
  action: HardAction;
  next?: NextBoot;
  efi: boolean;
}

/** How long the BMC may take to confirm, in milliseconds. */
const CONFIRM_MS = 60_000;
/** The first pause between two queries; each one is longer, up to the last, in milliseconds. */
const FIRST_PAUSE_MS = 250;
const LAST_PAUSE_MS = 2000;
/** A machine still off this long after a cycle is switched on, in milliseconds. */
const CYCLE_MS = 20_000;
/**
 * How long "on" must last after a cycle if "off" is never seen, in milliseconds: a BMC shows the old state for some seconds, and
 * some never show the moment without power.
 */
const STAYS_ON_MS = 8000;
/** The pause between off and on when they are two actions, in milliseconds: power supplies need one. */
const BETWEEN_MS = 2000;

/** Executes the action; returns the resulting state, and whether it was so before. */
export async function actHard(
  target: PowerTarget,
  { action, next, efi }: HardRequest,
  ports: HardPorts,
): Promise<{ state: PowerState; wasSo: boolean }> {
  const before = await settled(target, CONFIRM_MS, ports);
  if (next && action !== 'off') await ports.again(async () => target.bootNext(next, efi));
  if (action === 'off') {
    if (before === 'off') return { state: 'off', wasSo: true };
    return { state: await change(target, 'off', ports), wasSo: false };
  }
  if (action === 'on' && before === 'on') return { state: 'on', wasSo: true };
  await ports.turn();
  if (action === 'on' || before === 'off') return { state: await change(target, 'on', ports), wasSo: false };
  return { state: await cycle(target, action, ports), wasSo: false };
}

/** Returns the BMC's reading once it is on or off, or at the latest when the time is over. Throws its failure to answer. */
export async function settled(
  target: PowerTarget,
  limitMs: number,
  { now, sleep, again }: Pick<HardPorts, 'now' | 'sleep' | 'again'>,
): Promise<PowerReading> {
  const end = now() + limitMs;
  const pause = pauses(sleep);
  for (;;) {
    const reading = await again(async () => target.status());
    if (reading === 'on' || reading === 'off' || now() >= end) return reading;
    await pause();
  }
}

async function change(target: PowerTarget, wanted: PowerState, ports: HardPorts): Promise<PowerState> {
  const doubt = await command(async () => (wanted === 'on' ? target.on() : target.off()), ports);
  // A BMC that refuses the present state has done it already, or somebody else has.
  if (doubt?.code === 'power-failed') {
    if ((await look(target, ports)) === wanted) return wanted;
    throw doubt;
  }
  return confirm(target, wanted, ports, doubt);
}

/** Sends a command. A failure is not final: a BMC that did not answer may still have done it. */
async function command(work: () => Promise<void>, ports: HardPorts): Promise<MusterError | undefined> {
  try {
    await ports.again(work);
    return undefined;
  } catch (error) {
    if (error instanceof NoCycle || !mayPass(error, 'power-failed')) throw error;
    return error;
  }
}

/** A failure that another query may not meet. */
function mayPass(error: unknown, ...more: MusterError['code'][]): error is MusterError {
  return error instanceof MusterError && ['bmc-silent', 'bmc-busy', ...more].includes(error.code);
}

/** One query during an action; returns the failure to answer. */
async function look(target: PowerTarget, ports: HardPorts): Promise<PowerReading | MusterError> {
  try {
    return await ports.again(async () => target.status());
  } catch (error) {
    // A BMC that has just switched its machine may report nonsense for a while.
    if (mayPass(error, 'power-failed')) return error;
    throw error;
  }
}

/** Queries until the machine is in the right state. @param doubt why the command may not have arrived */
async function confirm(
  target: PowerTarget,
  wanted: PowerState,
  ports: HardPorts,
  doubt?: MusterError,
): Promise<PowerState> {
  const end = ports.now() + CONFIRM_MS;
  const pause = pauses(ports.sleep);
  for (;;) {
    const reading = await look(target, ports);
    if (reading === wanted) return wanted;
    if (ports.now() >= end) throw doubt ?? unconfirmed(target, reading);
    await pause();
  }
}

/** Off and on again. A machine that stays off is switched on; "on" counts only if it was seen off, or stays on. */
async function cycle(target: PowerTarget, action: 'cycle' | 'reset', ports: HardPorts): Promise<PowerState> {
  let doubt: MusterError | undefined;
  try {
    doubt = await command(async () => (action === 'cycle' ? target.cycle() : target.reset()), ports);
  } catch (error) {
    if (error instanceof NoCycle) return offAndOn(target, ports);
    throw error;
  }
  if (doubt?.code === 'power-failed') throw doubt;
  const begun = ports.now();
  const pause = pauses(ports.sleep);
  let wasOff = false;
  for (;;) {
    await pause();
    const reading = await look(target, ports);
    const passed = ports.now() - begun;
    wasOff ||= reading === 'off' || reading === 'changing';
    if (reading === 'on' && wasOff) return 'on';
    if (reading === 'on' && passed >= STAYS_ON_MS) {
      if (doubt) throw doubt;
      return 'on';
    }
    if (reading === 'off' && passed >= CYCLE_MS) return change(target, 'on', ports);
    if (passed >= CONFIRM_MS) throw doubt ?? unconfirmed(target, reading);
  }
}

async function offAndOn(target: PowerTarget, ports: HardPorts): Promise<PowerState> {
  await change(target, 'off', ports);
  await ports.sleep(BETWEEN_MS);
  return change(target, 'on', ports);
}

function unconfirmed(target: PowerTarget, reading: PowerReading | MusterError): MusterError {
  if (reading instanceof MusterError) return reading;
  const words = {
    on: 'is still on',
    off: 'is still off',
    changing: 'is still changing',
    unknown: 'does not say whether it is on',
  }[reading];
  return new MusterError('power-failed', `${target.name} took the command and ${words} after ${CONFIRM_MS / 1000} s`);
}

/** Pauses that grow. */
function pauses(sleep: HardPorts['sleep']): () => Promise<unknown> {
  let next = FIRST_PAUSE_MS;
  return async () => {
    const pause = next;
    next = Math.min(next * 2, LAST_PAUSE_MS);
    await sleep(pause);
  };
}
