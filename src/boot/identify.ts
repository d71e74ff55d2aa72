// Who asks for an address: iPXE, a firmware that needs a loader, or a running system. The DHCP server calls this for every
// message; differences of firmware are rows in `quirks`.
import type { LoaderName } from '../config-values.ts';
import { refusalByQuirk } from './quirks.ts';

/** What a DHCP client says about itself. */
export interface ClientMarks {
  /** The hardware address, canonical. */
  mac?: string;
  /** Option 93, in the client's order (RFC 4578 §2.1: "one or more"). */
  architectures?: readonly number[];
  /** Option 60. */
  vendorClass?: string;
  /** Option 77, raw. */
  userClass?: Uint8Array;
  /** Whether option 175 (iPXE's own) is there. */
  ipxeOptions: boolean;
}

export type Identity =
  | { kind: 'ipxe'; arch: LoaderName | undefined; label: string }
  /** `refused`: why it gets nothing to load, whatever loaders there are. */
  | { kind: 'firmware'; via: 'tftp' | 'http'; arch: LoaderName | undefined; label: string; refused?: string }
  | { kind: 'system'; label: string };

interface Architecture {
  /** For messages: its name in the registry. */
  label: string;
  http: boolean;
  loader?: LoaderName;
}

/**
 * IANA "Processor Architecture Types" (RFC 5970 §3.3 and RFC 4578 §2.1). RFC 4578 printed 7 and 9 the wrong way round, so x64
 * firmware uses both.
 */
const ARCHITECTURES: Readonly<Record<number, Architecture>> = {
  0: { label: 'x86 BIOS', http: false, loader: 'bios' },
  6: { label: 'x86 UEFI', http: false, loader: 'efi32' },
  7: { label: 'x64 UEFI', http: false, loader: 'efi64' },
  9: { label: 'x64 UEFI', http: false, loader: 'efi64' },
  10: { label: 'ARM 32-bit UEFI', http: false },
  11: { label: 'ARM 64-bit UEFI', http: false, loader: 'efi-arm64' },
  15: { label: 'x86 UEFI HTTP boot', http: true, loader: 'http-efi32' },
  16: { label: 'x64 UEFI HTTP boot', http: true, loader: 'http-efi64' },
  18: { label: 'ARM 32-bit UEFI HTTP boot', http: true },
  19: { label: 'ARM 64-bit UEFI HTTP boot', http: true, loader: 'http-efi-arm64' },
  20: { label: 'x86 BIOS HTTP boot', http: true },
  // U-Boot asks like this for its own scripts, and also runs UEFI programs (bootefi).
  21: { label: 'ARM 32-bit U-Boot', http: false },
  22: { label: 'ARM 64-bit U-Boot', http: false, loader: 'efi-arm64' },
  23: { label: 'ARM 32-bit U-Boot HTTP boot', http: true },
  24: { label: 'ARM 64-bit U-Boot HTTP boot', http: true, loader: 'http-efi-arm64' },
  27: { label: 'RISC-V 64-bit UEFI', http: false },
  28: { label: 'RISC-V 64-bit UEFI HTTP boot', http: true },
  39: { label: 'LoongArch 64-bit UEFI', http: false },
  40: { label: 'LoongArch 64-bit UEFI HTTP boot', http: true },
};

/** The HTTP counterpart of a loader, for firmware that says `HTTPClient` with its TFTP architecture. */
const OVER_HTTP: Partial<Record<LoaderName, LoaderName>> = {
  efi32: 'http-efi32',
  efi64: 'http-efi64',
  'efi-arm64': 'http-efi-arm64',
};

/** Returns who asks, from the client's own words. */
export function identify(marks: ClientMarks): Identity {
  const { arch, label, http, number } = architectureOf(marks);
  if (marks.ipxeOptions || saysIpxe(marks.userClass)) return { kind: 'ipxe', arch, label: `iPXE, ${label}` };
  const viaHttp = http || marks.vendorClass?.startsWith('HTTPClient') === true;
  const boots = viaHttp || marks.architectures !== undefined || marks.vendorClass?.startsWith('PXEClient') === true;
  if (!boots) return { kind: 'system', label: marks.vendorClass ?? 'no vendor class' };
  const { mac = '', vendorClass = '' } = marks;
  const refused = refusalByQuirk({ mac, vendorClass, architecture: number });
  if (!viaHttp) return { kind: 'firmware', via: 'tftp', arch, label, ...(refused !== undefined && { refused }) };
  return {
    kind: 'firmware',
    via: 'http',
    arch: arch && (OVER_HTTP[arch] ?? arch),
    label: http ? label : `${label} HTTP boot`,
    ...(refused !== undefined && { refused }),
  };
}

/** Returns the first architecture that can have a loader, else the first. */
function architectureOf(marks: ClientMarks): {
  arch: LoaderName | undefined;
  label: string;
  http: boolean;
  number: number | undefined;
} {
  const numbers = marks.architectures ?? vendorClassArchitecture(marks.vendorClass);
  const number = numbers.find(candidate => ARCHITECTURES[candidate]?.loader) ?? numbers[0];
  if (number === undefined) return { arch: undefined, label: 'no architecture given', http: false, number };
  const row = ARCHITECTURES[number];
  return { arch: row?.loader, label: `${row?.label ?? 'architecture'} (${number})`, http: row?.http ?? false, number };
}

/** `PXEClient:Arch:00007:UNDI:003016` (PXE 2.1, table 2-1): older ROMs do not send option 93 as well. */
function vendorClassArchitecture(vendorClass: string | undefined): number[] {
  const digits = /^(?:PXE|HTTP)Client:Arch:(\d{5})/.exec(vendorClass ?? '')?.[1];
  return digits === undefined ? [] : [Number(digits)];
}

/** User class `iPXE`: raw as iPXE sends it, or one of the length-prefixed items of RFC 3004 §4. */
function saysIpxe(userClass: Uint8Array | undefined): boolean {
  if (!userClass) return false;
  const bytes = Buffer.from(userClass.buffer, userClass.byteOffset, userClass.byteLength);
  if (bytes.equals(IPXE)) return true;
  for (let at = 0; at < bytes.length; at += 1 + bytes.readUInt8(at)) {
    const end = at + 1 + bytes.readUInt8(at);
    if (end <= bytes.length && bytes.subarray(at + 1, end).equals(IPXE)) return true;
  }
  return false;
}

const IPXE = Buffer.from('iPXE');
