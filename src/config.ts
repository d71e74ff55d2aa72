// The configuration: reads the TOML file by the table of keys, and finds contradictions in it.
import { readFileSync } from 'node:fs';
import { parse } from 'smol-toml';
import { z } from 'zod';
import { CONFIG_KEYS, type Config, type ConfigKey, type Key } from './config-keys.ts';
import { MusterError, reasonOf } from './errors.ts';
import { placedText } from './issue.ts';
import { didYouMean } from './nearest.ts';
import { Networks, networksProblems } from './networks.ts';
import { own } from './own.ts';
import { parseSubnet } from './wire/ip.ts';

export { CONFIG_KEYS, type Config, type ConfigKey };

export function defaultConfig(): Config {
  return Object.fromEntries(Object.entries(CONFIG_KEYS).map(([name, row]) => [name, row.default])) as Config;
}

/** Reads a configuration file. Throws one error with every problem, each with file, key and remedy. */
export function loadConfig(file: string): Config {
  let content: string;
  try {
    content = readFileSync(file, 'utf8');
  } catch (error) {
    throw new MusterError('bad-config', `${file}: cannot be read: ${reasonOf(error)}`, { cause: error });
  }
  return parseConfig(content, file);
}

export function parseConfig(content: string, file: string): Config {
  let tree: Record<string, unknown>;
  try {
    tree = parse(content);
  } catch (error) {
    throw new MusterError('bad-config', `${file}: is not TOML: ${reasonOf(error)}`, { cause: error });
  }
  const config = defaultConfig();
  const problems: string[] = [];
  for (const [name, value] of flatten(tree)) {
    const row = own<Key<unknown>>(CONFIG_KEYS, name);
    if (!row) {
      problems.push(`${file}: unknown key '${name}'${hint(name)}`);
      continue;
    }
    const { success, data, error } = row.schema(z).safeParse(value);
    if (success) (config as Record<string, unknown>)[name] = data;
    else problems.push(`${file}: key '${name}' ${placedText(error.issues[0])}; it is ${JSON.stringify(value)}`);
  }
  problems.push(...contradictions(config).map(problem => `${file}: ${problem}`));
  if (problems.length > 0) throw new MusterError('bad-config', problems.join('\n'));
  return config;
}

/** Returns what cannot be true together, of values that are each valid. */
export function contradictions(config: Config): string[] {
  const problems: string[] = [];
  const router = config['dhcp.router'];
  const head = parseSubnet(config['head.address']);
  if (head && (head.address === head.network || head.address === head.broadcast)) {
    problems.push(
      `key 'head.address': ${head.address} is the network's own or its broadcast address; give the head's address`,
    );
  }
  if (router && head && !inSubnet(router, config['head.address'])) {
    problems.push(
      `key 'dhcp.router': ${router} is not in the boot network ${head.network}/${head.prefix}; nodes could not reach it`,
    );
  }
  if (problems.length === 0)
    problems.push(...networksProblems(networksOf(config)).map(problem => `key 'networks': ${problem}`));
  return problems;
}

/** The networks that a configuration describes. */
export function networksOf(config: Config): Networks {
  const defaults = {
    address: config['head.address'],
    interface: config['head.interface'],
    router: config['dhcp.router'],
    dns: config['dhcp.dns'],
    domain: config['dhcp.domain'],
    leaseSeconds: config['dhcp.lease_seconds'],
    range: config['dhcp.range'],
  };
  return new Networks(defaults, config.networks);
}

function inSubnet(ip: string, cidr: string): boolean {
  const prefix = cidr.split('/')[1];
  return parseSubnet(`${ip}/${prefix}`)?.network === parseSubnet(cidr)?.network;
}

function* flatten(tree: Record<string, unknown>, prefix = ''): Generator<[string, unknown]> {
  for (const [name, value] of Object.entries(tree)) {
    const full = prefix + name;
    const isTable = typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);
    if (isTable && !Object.hasOwn(CONFIG_KEYS, full)) yield* flatten(value as Record<string, unknown>, `${full}.`);
    else yield [full, value];
  }
}

function hint(name: string): string {
  const names = Object.keys(CONFIG_KEYS);
  return `; ${didYouMean(name, names, `the keys are ${names.join(', ')}`)}`;
}
