// The values of the configuration file: a schema for each kind, with the words for what is wrong.
import { isAbsolute } from 'node:path';
import type { z } from 'zod';
import { noneOf, type Zod } from './issue.ts';
import { LOG_LEVELS } from './log.ts';
import { type NetworkEntry, parseRange } from './networks.ts';
import { parseIpv4, parseSubnet } from './wire/ip.ts';

/** A text for which the condition holds. */
const textThat =
  (isRight: (text: string) => boolean, must: string) =>
  (z: Zod): z.ZodType<string> =>
    z.string(must).refine(isRight, must);

const oneOf =
  <const T extends readonly string[]>(words: T) =>
  (z: Zod) =>
    z.enum(words, `must be one of ${words.map(word => `"${word}"`).join(', ')}`);

export const text = textThat(given => given !== '', 'must be a text in quotes');

export const path = textThat(isAbsolute, 'must be an absolute path in quotes');

export const yesNo = (z: Zod) => z.boolean('must be true or false, without quotes');

export const integer = (least: number, most: number) => (z: Zod) => {
  const must = `must be a whole number from ${least} to ${most}, without quotes`;
  return z.int(must).min(least, must).max(most, must);
};

export const decimal = (least: number, most: number) => (z: Zod) => {
  const must = `must be a number from ${least} to ${most}, without quotes`;
  return z.number(must).min(least, must).max(most, must);
};

export const subnet = textThat(
  given => (parseSubnet(given)?.prefix ?? 32) <= 30,
  'must be the head\'s address with its prefix, such as "10.54.0.1/24"',
);

export const address = textThat(
  given => given === '' || parseIpv4(given) !== undefined,
  'must be an IPv4 address such as "10.54.0.1", or "" for none',
);

export const endpoint = textThat(
  given => given === '' || (/^\d+\.\d+\.\d+\.\d+:\d{1,5}$/.test(given) && isEndpoint(given)),
  'must be an IPv4 address and a port such as "127.0.0.1:9754", or "" for none',
);

export const range = textThat(
  given => given === '' || parseRange(given) !== undefined,
  'must be two addresses such as "10.54.0.200-10.54.0.250", at most 65536, or "" for none',
);

function isEndpoint(given: string): boolean {
  const [ip = '', port] = given.split(':');
  return parseIpv4(ip) !== undefined && Number(port) >= 1 && Number(port) <= 65535;
}

const listOfAddresses = (must: string) => (z: Zod) =>
  z.array(
    z.string(must).refine(ip => parseIpv4(ip) !== undefined, must),
    must,
  );

export const addresses = listOfAddresses('must be a list of IPv4 addresses such as ["10.54.0.1"]');

// RFC 7143 §4.2.7.1: `iqn.`, a month, a reversed domain. The whole name has 223 bytes at most, and a UID follows.
export const iqn = textThat(
  given => /^iqn\.\d{4}-(0[1-9]|1[0-2])\.[a-z0-9]([a-z0-9.-]{0,150}[a-z0-9])?$/.test(given),
  'must be a year, a month and a reversed domain in lower case, such as "iqn.2026-01.org.example.cluster"',
);

export const logLevel = oneOf(LOG_LEVELS);

/** How DHCP is answered: alone, next to a server that gives the addresses, or not at all. */
const DHCP_MODES = ['authoritative', 'proxy', 'off'] as const;
export type DhcpMode = (typeof DHCP_MODES)[number];

export const dhcpMode = oneOf(DHCP_MODES);

const isSubnet = (given: string): boolean => (parseSubnet(given)?.prefix ?? 32) <= 30;
const isIp = (given: string): boolean => parseIpv4(given) !== undefined;
const isGiven = (given: string): boolean => given !== '';

export const networkEntries = (z: Zod): z.ZodType<NetworkEntry[]> => {
  const given = (isRight: (text: string) => boolean, must: string) =>
    textThat(isRight, `must be ${must}`)(z).optional();
  const seconds = 'must be whole seconds, 60 at least, without quotes';
  const keys = {
    name: textThat(name => /^[A-Za-z][\w.-]{0,40}$/.test(name), 'must be a name such as "rack2"')(z),
    address: given(isSubnet, 'the head\'s address there with its prefix, such as "10.55.0.1/24"'),
    subnet: given(isSubnet, 'a network with its prefix, such as "10.56.0.0/24"'),
    interface: given(isGiven, 'the name of an interface, such as "eth2"'),
    router: given(isIp, 'an IPv4 address such as "10.55.0.254"'),
    dns: addresses(z).optional(),
    domain: given(isGiven, 'a domain name in quotes'),
    lease_seconds: z.int(seconds).min(60, seconds).optional(),
    range: given(
      range => parseRange(range) !== undefined,
      'two addresses with "-" between them, the lower first, such as "10.56.0.200-10.56.0.250"; at most 65536',
    ),
    via: given(isIp, 'an address of the head such as "10.54.0.1"'),
    relays: listOfAddresses('must be a list of IPv4 addresses of relay agents')(z).optional(),
    shared: given(isGiven, 'a word in quotes'),
  };
  const entry = z.strictObject(keys, {
    error: issue =>
      issue.code === 'unrecognized_keys'
        ? `has no key '${issue.keys[0]}'; there are ${Object.keys(keys).join(', ')}`
        : 'must be tables',
  });
  return z.array(entry.superRefine(noneOf(entryProblem)), 'must be a list: write [[networks]] above each');
};

function entryProblem({ name, address, subnet: behind, interface: nic }: NetworkEntry): string | undefined {
  if ((address === undefined) === (behind === undefined))
    return `'${name}' needs either 'address' (the head's own one in a network at an interface) or 'subnet' (behind relay agents)`;
  return behind !== undefined && nic !== undefined
    ? `'${name}' has a 'subnet' behind relays, so no 'interface'`
    : undefined;
}

/** Client architectures that can have a loader: see `boot/identify`. */
export const LOADER_NAMES = [
  'bios',
  'efi32',
  'efi64',
  'efi-arm64',
  'http-efi32',
  'http-efi64',
  'http-efi-arm64',
] as const;
export type LoaderName = (typeof LOADER_NAMES)[number];

export const loaders = (z: Zod): z.ZodType<Partial<Record<LoaderName, string>>> =>
  z.strictObject(Object.fromEntries(LOADER_NAMES.map(name => [name, path(z).optional()])), {
    error: issue =>
      issue.code === 'unrecognized_keys'
        ? `has no client architecture '${issue.keys[0]}'; there are ${LOADER_NAMES.join(', ')}`
        : 'must be a table such as [loaders] with bios = "/usr/lib/ipxe/undionly.kpxe"',
  });
