// Part of the contract: a boot that is rehearsed (`muster boot explain`).
import type { Stage } from '../boot/journey.ts';

/** Firmware by the number of its architecture: IANA "Processor Architecture Types" (RFC 4578 §2.1, RFC 5970 §3.3). */
export const FIRMWARES = { bios: 0, efi32: 6, efi64: 7, arm64: 11, http: 16, 'http-arm64': 19 } as const;
export type Firmware = keyof typeof FIRMWARES;

/** A DHCP reply in words. */
export interface RehearsedPacket {
  /** `OFFER`, `ACK`, `NAK`. */
  kind: string;
  yiaddr: string;
  siaddr: string;
  file: string;
  /** In the order of the packet. */
  options: { code: number; name: string; value: string; hex: string }[];
}

export interface RehearsedFile {
  name: string;
  /** Bytes. */
  size: number;
  sha256: string;
  /** Where the head reads a loader. */
  path?: string;
}

/** What would be answered at one stage of a boot. */
export interface RehearsedStage {
  number: number;
  stage: Stage;
  result: 'answered' | 'refused' | 'skipped';
  /** One sentence. */
  summary: string;
  /** All of it for people, a line each. */
  lines: string[];
  packets?: RehearsedPacket[];
  files?: RehearsedFile[];
  /** The script. */
  text?: string;
  /** The kernel's command line. */
  cmdline?: string;
}

/** A boot without a packet: what would be answered, and what an update would change of it. */
export interface Rehearsal {
  /** Of a node; none for a hardware address that is none's. */
  uid?: string;
  name?: string;
  mac: string;
  firmware: Firmware;
  /** Why this firmware, when it was not asked for. */
  assumed?: string;
  /** What else there is to know, such as that an unknown machine would become a node. */
  remarks: string[];
  stages: RehearsedStage[];
  /** The update that was tried. */
  update?: Record<string, string | null>;
  /** The stages with it. */
  after?: RehearsedStage[];
  /** Of each stage that it changes, lines with `-` before and `+` after. */
  differences?: { number: number; stage: Stage; lines: string[] }[];
}
