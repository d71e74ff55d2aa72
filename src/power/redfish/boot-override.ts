// The boot override of a system (DSP2046, Boot): the changes to try, one after the other, until the BMC accepts one.
import type { NextBoot } from '../driver.ts';
import { type Body, listOf } from './body.ts';
import { spelled } from './system.ts';

/** PATCH bodies that are all sent, in this order. */
export type Change = readonly Body[];

const TARGET = 'BootSourceOverrideTarget';
const ENABLED = 'BootSourceOverrideEnabled';
const MODE = 'BootSourceOverrideMode';

const TARGETS: Record<NextBoot, string> = { pxe: 'Pxe', disk: 'Hdd' };

/**
 * Some reset the mode when a change does not name it, some refuse a change that names it, and some accept only one property at a
 * time.
 * @param boot the current state of the system
 * @param efi whether its firmware was seen to be UEFI
 */
export function changes(boot: Body, device: NextBoot, efi: boolean): Change[] {
  const target = asSpelled(boot, TARGET, TARGETS[device]);
  const enabled = asSpelled(boot, ENABLED, 'Once');
  const shown = boot[MODE];
  const modes =
    typeof shown === 'string' && shown !== '' ? [...(efi ? [asSpelled(boot, MODE, 'UEFI')] : []), shown] : [];
  const both = { [ENABLED]: enabled, [TARGET]: target };
  const bodies = [...[...new Set(modes)].map(mode => ({ ...both, [MODE]: mode })), both];
  const inTwo = [{ [TARGET]: target }, { [ENABLED]: enabled }];
  return [...bodies.map(body => [body]), inTwo].map(change => change.map(body => ({ Boot: body })));
}

/** Returns whether the system shows that it will boot from there. */
export function showsNext(boot: Body, device: NextBoot): boolean {
  const is = (name: string, value: string) => String(boot[name] ?? '').toLowerCase() === value.toLowerCase();
  return is(TARGET, TARGETS[device]) && !is(ENABLED, 'Disabled');
}

/** Returns whether a resource has the properties at all. */
export function hasOverride(boot: Body): boolean {
  return TARGET in boot || ENABLED in boot;
}

function asSpelled(boot: Body, name: string, wanted: string): string {
  return spelled(listOf(boot[`${name}@Redfish.AllowableValues`]).map(String), wanted) ?? wanted;
}
