// Every built-in power driver, one row each; a site's own are looked up in their folder on request.
import { didYouMean } from '../nearest.ts';
import type { PowerDriver } from './driver.ts';
import { ipmi } from './drivers/ipmi.ts';
import { lab } from './drivers/lab.ts';
import { libvirt } from './drivers/libvirt.ts';
import { redfish } from './drivers/redfish.ts';
import { vbox } from './drivers/vbox.ts';
import { listPlugins, type Plugin, pluginDriver } from './plugins.ts';

export const DRIVERS: readonly PowerDriver[] = [ipmi, libvirt, vbox, redfish, lab];

/** The current drivers. */
export interface DriverSet {
  byScheme: ReadonlyMap<string, PowerDriver>;
  plugins: readonly Plugin[];
}

export async function findDrivers(folder: string): Promise<DriverSet> {
  const plugins = await listPlugins(folder);
  const own = plugins.filter(plugin => plugin.problem === undefined).map(pluginDriver);
  return { byScheme: new Map([...DRIVERS, ...own].map(driver => [driver.scheme, driver])), plugins };
}

/** Returns why there is no driver for the scheme. */
export function noDriver({ byScheme, plugins }: DriverSet, scheme: string): string {
  const broken = plugins.find(plugin => plugin.scheme === scheme);
  if (broken?.problem) return `the driver ${broken.file} cannot be used: ${broken.problem}`;
  const names = [...byScheme.keys()];
  return `there is no power driver '${scheme}'; ${didYouMean(scheme, names, `there are ${names.join(', ')}`)}`;
}
