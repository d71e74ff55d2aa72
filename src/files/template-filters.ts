// The filters of templates besides those of LiquidJS.
import { createHash } from 'node:crypto';
import type { FilterImplOptions } from 'liquidjs';
import { foldNodeSet } from '../model/nodeset.ts';
import { quoteWord } from '../shell-words.ts';
import { ipFromNumber, ipToNumber, parseSubnet, type Subnet } from '../wire/ip.ts';
import { textOf } from './template-emitter.ts';

/** Filters of LiquidJS that give a different result each time, or that are for HTML. */
export const REMOVED_FILTERS = [
  'date',
  'date_to_xmlschema',
  'date_to_rfc822',
  'date_to_string',
  'date_to_long_string',
  'sample',
  'escape_once',
  'newline_to_br',
  'strip_html',
];

/** Our filters, besides `head_file`. */
export const FILTERS: Readonly<Record<string, FilterImplOptions>> = {
  nodeset: (value: unknown) => foldNodeSet(listOf(value, 'nodeset')),
  indent: (value: unknown, width: unknown = 2) => {
    const count = Number(width);
    if (!Number.isInteger(count) || count < 0 || count > 100) throw new Error('indent needs a number from 0 to 100');
    return textOf(value).replace(/^(?=.)/gm, ' '.repeat(count));
  },
  to_json: (value: unknown) => JSON.stringify(value ?? null),
  sha256: (value: unknown) => createHash('sha256').update(textOf(value)).digest('hex'),
  quote: (value: unknown) => quoteWord(textOf(value)),
  lines: (value: unknown) =>
    textOf(value)
      .split('\n')
      .filter(line => line !== ''),
  ip_address: (value: unknown) => subnetOf(value, 'ip_address').address,
  ip_network: (value: unknown) => subnetOf(value, 'ip_network').network,
  ip_netmask: (value: unknown) => subnetOf(value, 'ip_netmask').netmask,
  ip_prefix: (value: unknown) => subnetOf(value, 'ip_prefix').prefix,
  ip_broadcast: (value: unknown) => subnetOf(value, 'ip_broadcast').broadcast,
  ip_reverse: (value: unknown) => {
    const { address } = subnetOf(value, 'ip_reverse');
    return `${address.split('.').reverse().join('.')}.in-addr.arpa`;
  },
  ip_plus: (value: unknown, offset: unknown) => {
    const sum = ipToNumber(subnetOf(value, 'ip_plus').address) + Number(offset);
    if (!Number.isInteger(sum) || sum < 0 || sum > 0xffff_ffff)
      throw new Error(`ip_plus: '${textOf(value)} plus ${String(offset)}' is no IPv4 address`);
    return ipFromNumber(sum);
  },
};

/** Reads `10.54.0.7/16`; an address without a prefix is a network of one. */
function subnetOf(value: unknown, filter: string): Subnet {
  const text = textOf(value);
  const subnet = parseSubnet(text.includes('/') ? text : `${text}/32`);
  if (!subnet) throw new Error(`${filter} needs an IPv4 address such as 10.54.0.7/16, and not '${text}'`);
  return subnet;
}

function listOf(value: unknown, filter: string): string[] {
  if (!Array.isArray(value)) throw new Error(`${filter} needs a list of names, such as nodes | map: "name"`);
  return value.map(textOf);
}
