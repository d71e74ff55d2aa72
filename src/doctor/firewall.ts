// Whether a packet filter lets the boot network in: a reading of `nft -j list ruleset`, good enough to warn, not to prove.
export interface Port {
  protocol: 'tcp' | 'udp';
  port: number;
}

interface Chain {
  family: string;
  table: string;
  name: string;
  hook?: string;
  policy?: string;
}

interface Rule {
  family: string;
  table: string;
  chain: string;
  expr: Record<string, unknown>[];
}

/** Returns the ports that some input chain drops, as far as readable: closed by policy or by its last rule, and opened by none. */
export function closedPorts(ruleset: unknown, ports: readonly Port[], nic: string): Port[] {
  const objects = ((ruleset as { nftables?: Record<string, unknown>[] }).nftables ?? []).filter(Boolean);
  const chains = objects.flatMap(item => (item['chain'] ? [item['chain'] as Chain] : []));
  const rules = objects.flatMap(item => (item['rule'] ? [item['rule'] as Rule] : []));
  const input = chains.filter(chain => chain.hook === 'input' && chain.family !== 'ip6' && chain.family !== 'bridge');
  return ports.filter(port =>
    input.some(chain => {
      const reached = rulesFrom(chain, rules);
      const last = rules.filter(rule => sameChain(rule, chain)).at(-1);
      const closes = chain.policy === 'drop' || (last !== undefined && isBare(last) && denies(last));
      return closes && !reached.some(rule => accepts(rule, port, nic));
    }),
  );
}

/** Returns the rules of a chain and of those it jumps to. */
function rulesFrom(chain: Chain, rules: readonly Rule[], seen = new Set<string>()): Rule[] {
  if (seen.has(chain.name)) return [];
  seen.add(chain.name);
  const own = rules.filter(rule => sameChain(rule, chain));
  return own.flatMap(rule => {
    const targets = rule.expr.flatMap(item => {
      const verdict = (item['jump'] ?? item['goto']) as { target: string } | undefined;
      return verdict ? [verdict.target] : mapTargets(item);
    });
    return [rule, ...targets.flatMap(name => rulesFrom({ ...chain, name }, rules, seen))];
  });
}

/** Returns chains in a verdict map, such as firewalld's zones by interface. */
function mapTargets(item: Record<string, unknown>): string[] {
  if (!item['vmap']) return [];
  return Array.from(
    JSON.stringify(item['vmap']).matchAll(/"(?:jump|goto)":\{"target":"([^"]+)"\}/g),
    match => match[1] ?? '',
  );
}

function sameChain(rule: Rule, chain: Chain): boolean {
  return rule.family === chain.family && rule.table === chain.table && rule.chain === chain.name;
}

function denies(rule: Rule): boolean {
  return rule.expr.some(item => 'drop' in item || 'reject' in item);
}

/** Returns whether it applies to every packet. */
function isBare(rule: Rule): boolean {
  return !rule.expr.some(item => 'match' in item || 'xt' in item);
}

/** Returns whether the rule accepts new packets to the port from the interface: all its matches must hold for them. */
function accepts(rule: Rule, { protocol, port }: Port, nic: string): boolean {
  if (!rule.expr.some(item => 'accept' in item)) return false;
  return rule.expr.every(item => {
    const match = item['match'] as { op: string; left: Record<string, unknown>; right: unknown } | undefined;
    if (!match) return !('xt' in item);
    const left = match.left as { payload?: { protocol?: string; field?: string }; meta?: { key: string } };
    if (match.op !== '==' && match.op !== 'in') return false;
    if (left.payload?.field === 'dport') {
      return [protocol, 'th'].includes(left.payload.protocol ?? '') && holds(match.right, port);
    }
    if (left.meta?.key === 'iifname' || left.meta?.key === 'iif') return holds(match.right, nic);
    if (left.meta?.key === 'l4proto') return holds(match.right, protocol);
    // Connection states: `new` must be among them.
    return 'ct' in left && JSON.stringify(match.right).includes('"new"');
  });
}

/** Returns whether a value is the right side of a match, in its set, or in one of its ranges. */
function holds(right: unknown, value: string | number): boolean {
  if (Array.isArray(right)) return right.some(item => holds(item, value));
  if (typeof right === 'object' && right !== null) {
    const { set, range } = right as { set?: unknown; range?: [number, number] };
    if (range) return typeof value === 'number' && value >= range[0] && value <= range[1];
    return set !== undefined && holds(set, value);
  }
  if (typeof right === 'string' && right.endsWith('*')) return String(value).startsWith(right.slice(0, -1));
  return right === value;
}
