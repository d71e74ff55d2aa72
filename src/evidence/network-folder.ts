// Where the kernel shows the interfaces of this process's network namespace.
import { readdirSync, readFileSync } from 'node:fs';

const FOLDER = '/sys/class/net';

/** Returns the names in the text of /proc/net/dev (proc(5)): always those of this process's namespace. */
export function interfaceNames(text: string): string[] {
  return Array.from(text.matchAll(/^ *([^\s:]+):/gm), ([, name = '']) => name);
}

/** Returns the names of the interfaces of this network namespace. */
export function ownInterfaces(): string[] {
  return interfaceNames(readFileSync('/proc/self/net/dev', 'utf8'));
}

/**
 * Returns /sys/class/net when it shows this network namespace. A sysfs that was mounted in another one, as in some containers, shows that
 * one's interfaces: then undefined.
 */
export function networkFolder(): string | undefined {
  try {
    const own = ownInterfaces();
    // `bonding_masters` is a file beside them.
    const shown = new Set(readdirSync(FOLDER).filter(name => name !== 'bonding_masters'));
    return own.length === shown.size && own.every(name => shown.has(name)) ? FOLDER : undefined;
  } catch {
    return undefined;
  }
}
