// Status facts of a running system, as its agent and the watcher write them: text from a node, trusted only about itself.

export type SystemFacts = Readonly<Record<string, string>>;

/** The names of the facts that a report of the watcher may bring. */
export const SYSTEM_FACTS: ReadonlySet<string> = new Set([
  'root_total',
  'root_free',
  'root_inodes_free',
  'root_readonly',
  'ram_total',
  'ram_free',
  'memory_pressure',
  'oom_kills',
  'failed_units',
  'starting_units',
]);

/** Returns the names of units in a fact; drops anything else. */
export function unitNames(text: string | undefined): string[] {
  return (text ?? '').split(' ').filter(name => /^[\w@.:\\-]{1,256}$/.test(name));
}

/** Returns a number, or undefined when the text is not a valid one. */
export function numberOf(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,15}(?:\.\d{1,6})?$/.test(text) ? Number(text) : undefined;
}

/** Returns the goal of a system that is going down: `up` again, or to stay `down`. */
export function goingOf({ going_down: going }: SystemFacts): 'up' | 'down' | undefined {
  if (going === 'reboot') return 'up';
  return going === 'off' ? 'down' : undefined;
}
