// How values of the configuration file are read: one function per kind, which returns the value or what is wrong with it.
import { isAbsolute } from 'node:path';
import { LOG_LEVELS, type LogLevel } from './log.ts';
import { entriesProblem, type NetworkEntry, parseRange } from './networks.ts';
import { parseIpv4, parseSubnet } from './wire/ip.ts';

/** The value that was read, or what is wrong with it. */
export type Reading<T> = { value: T } | { problem: string };

export const text = (value: unknown): Reading<string> =>
  typeof value === 'string' && value !== '' ? { value } : { problem: 'must be a text in quotes' };

export const path = (value: unknown): Reading<string> =>
  typeof value === 'string' && isAbsolute(value) ? { value } : { problem: 'must be an absolute path in quotes' };

export const yesNo = (value: unknown): Reading<boolean> =>
  typeof value === 'boolean' ? { value } : { problem: 'must be true or false, without quotes' };

export const integer =
  (least: number, most: number) =>
  (value: unknown): Reading<number> =>
    typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most
      ? { value }
      : { problem: `must be a whole number from ${least} to ${most}, without quotes` };

export const decimal =
  (least: number, most: number) =>
  (value: unknown): Reading<number> =>
    typeof value === 'number' && value >= least && value <= most
      ? { value }
      : { problem: `must be a number from ${least} to ${most}, without quotes` };

export const subnet = (value: unknown): Reading<string> =>
  typeof value === 'string' && parseSubnet(value) && (parseSubnet(value)?.prefix ?? 32) <= 30
    ? { value }
    : { problem: 'must be the head\'s address with its prefix, such as "10.54.0.1/24"' };

export const address = (value: unknown): Reading<string> =>
  typeof value === 'string' && (value === '' || parseIpv4(value))
    ? { value }
    : { problem: 'must be an IPv4 address such as "10.54.0.1", or "" for none' };

export const endpoint = (value: unknown): Reading<string> =>
  typeof value === 'string' && (value === '' || (/^\d+\.\d+\.\d+\.\d+:\d{1,5}$/.test(value) && isEndpoint(value)))
    ? { value }
    : { problem: 'must be an IPv4 address and a port such as "127.0.0.1:9754", or "" for none' };

export const range = (value: unknown): Reading<string> =>
  typeof value === 'string' && (value === '' || parseRange(value))
    ? { value }
    : { problem: 'must be two addresses such as "10.54.0.200-10.54.0.250", at most 65536, or "" for none' };

function isEndpoint(text: string): boolean {
  const [ip = '', port] = text.split(':');
  return parseIpv4(ip) !== undefined && Number(port) >= 1 && Number(port) <= 65535;
}

export const addresses = (value: unknown): Reading<string[]> =>
  Array.isArray(value) && value.every(item => typeof item === 'string' && parseIpv4(item))
    ? { value: value as string[] }
    : { problem: 'must be a list of IPv4 addresses such as ["10.54.0.1"]' };

// RFC 7143 §4.2.7.1: `iqn.`, a month, a reversed domain. The whole name has 223 bytes at most, and a UID follows.
export const iqn = (value: unknown): Reading<string> =>
  typeof value === 'string' && /^iqn\.\d{4}-(0[1-9]|1[0-2])\.[a-z0-9]([a-z0-9.-]{0,150}[a-z0-9])?$/.test(value)
    ? { value }
    : {
        problem:
          'must be a year, a month and a reversed domain in lower case, such as "iqn.2026-01.org.example.cluster"',
      };

export const logLevel = (value: unknown): Reading<LogLevel> =>
  LOG_LEVELS.includes(value as LogLevel)
    ? { value: value as LogLevel }
    : { problem: `must be one of ${LOG_LEVELS.map(level => `"${level}"`).join(', ')}` };

/** How DHCP is answered: alone, next to a server that gives the addresses, or not at all. */
const DHCP_MODES = ['authoritative', 'proxy', 'off'] as const;
export type DhcpMode = (typeof DHCP_MODES)[number];

export const dhcpMode = (value: unknown): Reading<DhcpMode> =>
  DHCP_MODES.includes(value as DhcpMode)
    ? { value: value as DhcpMode }
    : { problem: `must be one of ${DHCP_MODES.map(mode => `"${mode}"`).join(', ')}` };

export const networkEntries = (value: unknown): Reading<NetworkEntry[]> => {
  const problem = entriesProblem(value);
  return problem === undefined ? { value: value as NetworkEntry[] } : { problem };
};

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

export const loaders = (value: unknown): Reading<Partial<Record<LoaderName, string>>> => {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return { problem: 'must be a table such as [loaders] with bios = "/usr/lib/ipxe/undionly.kpxe"' };
  }
  for (const [name, file] of Object.entries(value)) {
    if (!LOADER_NAMES.includes(name as LoaderName)) {
      return { problem: `has no client architecture '${name}'; there are ${LOADER_NAMES.join(', ')}` };
    }
    if (typeof file !== 'string' || !isAbsolute(file))
      return { problem: `'${name}' must be an absolute path in quotes` };
  }
  return { value: value as Partial<Record<LoaderName, string>> };
};
