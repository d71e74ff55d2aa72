// What is done to one machine by its BMC: each action ends when the BMC itself says that it is so.
import { MusterError } from '../errors.ts';
import type { NextBoot, PowerState, PowerTarget } from './driver.ts';

export type HardAction = 'on' | 'off' | 'cycle' | 'reset';

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

/** How long the BMC may take until it says so, in milliseconds. */
const CONFIRM_MS = 60_000;
/** The first pause between two questions; each one is longer, up to the last, in milliseconds. */
const FIRST_PAUSE_MS = 250;
const LAST_PAUSE_MS = 2000;
/** A machine that is still off so long after a cycle is switched on, in milliseconds. */
const CYCLE_MS = 20_000;

/** Carries it out; answers what the state is now, and whether it was so before. */
export async function actHard(
  target: PowerTarget,
  { action, next, efi }: HardRequest,
  ports: HardPorts,
): Promise<{ state: PowerState; wasSo: boolean }> {
  const before = await ports.again(async () => target.status());
  if (next && action !== 'off') await ports.again(async () => target.bootNext(next, efi));
  if (action === 'off') {
    if (before === 'off') return { state: 'off', wasSo: true };
    await ports.again(async () => target.off());
    return { state: await confirm(target, 'off', ports), wasSo: false };
  }
  if (action === 'on' && before === 'on') return { state: 'on', wasSo: true };
  await ports.turn();
  if (action === 'on' || before === 'off') {
    await ports.again(async () => target.on());
    return { state: await confirm(target, 'on', ports), wasSo: false };
  }
  await ports.again(async () => (action === 'cycle' ? target.cycle() : target.reset()));
  return { state: await confirmCycle(target, ports), wasSo: false };
}

/** Asks until the machine is as it should be. */
async function confirm(
  target: PowerTarget,
  wanted: PowerState,
  ports: HardPorts,
  limitMs = CONFIRM_MS,
): Promise<PowerState> {
  const end = ports.now() + limitMs;
  for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(pause * 2, LAST_PAUSE_MS)) {
    if ((await ports.again(async () => target.status())) === wanted) return wanted;
    if (ports.now() >= end)
      throw new MusterError(
        'power-failed',
        `${target.name} took the command and is still ${wanted === 'on' ? 'off' : 'on'} after ${limitMs / 1000} s`,
      );
    await ports.sleep(pause);
  }
}

/** A BMC takes its time between off and on; one that stays off is told to switch on. */
async function confirmCycle(target: PowerTarget, ports: HardPorts): Promise<PowerState> {
  await ports.sleep(FIRST_PAUSE_MS);
  try {
    return await confirm(target, 'on', ports, CYCLE_MS);
  } catch (error) {
    if (!(error instanceof MusterError) || error.code !== 'power-failed') throw error;
    await ports.again(async () => target.on());
    return confirm(target, 'on', ports);
  }
}
