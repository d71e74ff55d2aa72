// The body of reports and heartbeats: lines `name=value`. A shell on a node writes it, so nothing in it is trusted.

/** Lines of a body; more are dropped. */
const LINES = 200;

/** Returns the values by name; drops other lines, cuts long values, and turns control characters into spaces. */
export function readFacts(body: string): Map<string, string> {
  const facts = new Map<string, string>();
  for (const line of body.split('\n').slice(0, LINES)) {
    const match = /^([A-Za-z][\w.-]{0,63})=(.*)$/.exec(line.replace(/\r$/, ''));
    if (match?.[1])
      facts.set(
        match[1],
        (match[2] ?? '')
          .slice(0, 1024)
          .replace(/\p{Cc}/gu, ' ')
          .trim(),
      );
  }
  return facts;
}

/** Returns those with a name that begins with `prefix.`, without it. */
export function factsBelow(facts: ReadonlyMap<string, string>, prefix: string): Record<string, string> {
  const entries = Array.from(facts).filter(([name]) => name.startsWith(`${prefix}.`));
  return Object.fromEntries(entries.map(([name, value]) => [name.slice(prefix.length + 1), value]));
}
