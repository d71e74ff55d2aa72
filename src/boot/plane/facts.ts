// The body of reports and heartbeats: lines `name=value`. Written by a shell on a node, so nothing in it is trusted.

/** Lines of a body; more are dropped. */
const LINES = 200;

/** The values by name; what is no line `name=value` is dropped, long values are cut, control characters become spaces. */
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

/** Those whose name begins with `prefix.`, without it. */
export function factsBelow(facts: ReadonlyMap<string, string>, prefix: string): Record<string, string> {
  const entries = Array.from(facts).filter(([name]) => name.startsWith(`${prefix}.`));
  return Object.fromEntries(entries.map(([name, value]) => [name.slice(prefix.length + 1), value]));
}
