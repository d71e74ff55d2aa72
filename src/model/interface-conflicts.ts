// What interfaces of one node cannot have in common.

/** What counts here of an interface. */
interface Part {
  name: string;
  type: string;
  boot: boolean;
  mac: string;
  addresses: readonly { address: string; plusIndex: boolean }[];
  members: readonly string[];
  vlan: number;
  parent: string;
}

/** Returns what is wrong with interfaces that are each valid on their own; undefined when nothing is. */
export function conflictOf(interfaces: readonly Part[]): string | undefined {
  const boots = interfaces.filter(({ boot }) => boot);
  if (boots.length > 1) return `has boot:yes at ${boots.map(({ name }) => name).join(' and ')}; one can be`;
  return (
    // A bond, a bridge and a VLAN may have the address of what they are made of
    shared(interfaces, 'the hardware address', ({ type, mac }) => (isMade(type) || mac === '' ? [] : [mac])) ??
    shared(interfaces, 'the address', ({ addresses }) =>
      addresses.map(({ address, plusIndex }) => `${address}${plusIndex ? '+index' : ''}`),
    ) ??
    shared(interfaces, 'the VLAN', ({ type, vlan, parent }) => (type === 'vlan' ? [`${vlan} of ${parent}`] : [])) ??
    shared(interfaces, 'the member', ({ members }) => members) ??
    circle(interfaces)
  );
}

function isMade(type: string): boolean {
  return type === 'bond' || type === 'bridge' || type === 'vlan';
}

function shared(interfaces: readonly Part[], what: string, of: (spec: Part) => readonly string[]): string | undefined {
  const holders = new Map<string, string>();
  for (const spec of interfaces)
    for (const value of of(spec)) {
      const other = holders.get(value);
      if (other === spec.name) return `has ${what} ${value} twice at ${other}`;
      if (other !== undefined) return `has ${what} ${value} at ${other} and at ${spec.name}; one can have it`;
      holders.set(value, spec.name);
    }
  return undefined;
}

/** Finds an interface that is a part of itself, directly or through others. */
function circle(interfaces: readonly Part[]): string | undefined {
  const parts = new Map(
    interfaces.map(({ name, members, parent }) => [name, parent === '' ? members : [...members, parent]]),
  );
  for (const { name } of interfaces) {
    const reached = new Set<string>();
    const next = [...(parts.get(name) ?? [])];
    for (let one = next.pop(); one !== undefined; one = next.pop()) {
      if (one === name) return `has ${name} as a part of itself: ${[...reached].join(', ')}`;
      if (reached.has(one)) continue;
      reached.add(one);
      next.push(...(parts.get(one) ?? []));
    }
  }
  return undefined;
}
