// The cluster-conf file of the specified system: a line each for the interface, the range of addresses, the names, the nodes.

import { MusterError } from '../errors.ts';
import { didYouMean } from '../nearest.ts';
import { own } from '../own.ts';
import { ipToNumber, parseIpv4, parseSubnet } from '../wire/ip.ts';
import { isStationMac, parseMac } from '../wire/mac.ts';

export interface ClusterConf {
  domain?: string;
  interface?: string;
  /** The largest number of nodes. */
  nodes?: number;
  range?: AddressRange;
  /** Hardware addresses in the order of the lines: the first is the first node's. */
  macs: string[];
  /** A pattern for names: `compute{}`. */
  nodename?: string;
}

export interface AddressRange {
  first: string;
  last?: string;
  /** Prefix length, if given with the first address. */
  prefix?: number;
}

type Reader = (words: readonly string[], conf: ClusterConf) => string | undefined;

/** One row per keyword: puts its arguments into the result, or returns what is wrong with them. */
const KEYWORDS: Readonly<Record<string, Reader>> = {
  domain: ([name = '', ...more], conf) => {
    if (more.length > 0 || !/^[A-Za-z0-9][A-Za-z0-9.-]*$/.test(name)) return 'wants one domain name';
    conf.domain = name;
    return undefined;
  },
  interface: ([name = '', ...more], conf) => {
    if (more.length > 0 || !/^[^\s/]{1,15}$/.test(name)) return 'wants the name of one interface';
    conf.interface = name;
    return undefined;
  },
  nodes: ([count = '', ...more], conf) => {
    if (more.length > 0 || !/^[1-9]\d{0,6}$/.test(count)) return 'wants the largest number of nodes';
    conf.nodes = Number(count);
    return undefined;
  },
  iprange: ([first = '', last, ...more], conf) => {
    const range = more.length > 0 ? undefined : readRange(first, last);
    if (!range) return 'wants FIRST, with /BITS or /MASK if you like, and LAST if you like';
    conf.range = range;
    return undefined;
  },
  node: ([text = '', ...more], conf) => {
    const mac = parseMac(text);
    if (more.length > 0 || !mac || !isStationMac(mac)) return 'wants the hardware address of one machine';
    if (conf.macs.includes(mac)) return `names ${mac} a second time`;
    conf.macs.push(mac);
    return undefined;
  },
  nodename: ([pattern = '', ...more], conf) => {
    if (more.length > 0 || !/^[A-Za-z][A-Za-z0-9-]{0,40}\{(:0?[1-9]d)?\}$/.test(pattern))
      return 'wants letters and one {} or {:03d}, such as compute{}';
    conf.nodename = pattern;
    return undefined;
  },
};

/** Reads the file. Throws one error with every problem, each with file, line and remedy. */
export function parseClusterConf(content: string, file: string): ClusterConf {
  const conf: ClusterConf = { macs: [] };
  const problems: string[] = [];
  for (const [index, line] of content.split('\n').entries()) {
    const [keyword, ...words] = line.replace(/#.*/, '').trim().split(/\s+/);
    if (!keyword) continue;
    const reader = own(KEYWORDS, keyword);
    const problem = reader ? reader(words, conf) : unknownKeyword(keyword);
    if (problem) problems.push(`${file}, line ${index + 1}: ${reader ? `'${keyword}' ` : ''}${problem}`);
  }
  if (problems.length > 0) throw new MusterError('bad-value', problems.join('\n'));
  return conf;
}

/** Returns `10.54.0.100`, with an optional prefix or mask, and a last address; undefined when it is not a range. */
export function readRange(first: string, last?: string): AddressRange | undefined {
  const subnet = first.includes('/') ? parseSubnet(first) : undefined;
  const from = first.includes('/') ? subnet?.address : parseIpv4(first);
  const to = last === undefined ? undefined : parseIpv4(last);
  if (!from || (last !== undefined && !to)) return undefined;
  if (to && ipToNumber(to) < ipToNumber(from)) return undefined;
  return { first: from, ...(to && { last: to }), ...(subnet && { prefix: subnet.prefix }) };
}

function unknownKeyword(keyword: string): string {
  const names = Object.keys(KEYWORDS);
  return `there is no keyword '${keyword}'; ${didYouMean(keyword, names, `they are ${names.join(', ')}`)}`;
}
