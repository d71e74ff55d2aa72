// What iPXE's `sanboot` boots: the parsed value of _ipxe_sanboot. Pure.
import { isOperator } from '../model/values.ts';
import type { Refused } from '../refused.ts';

/** Either arguments for `sanboot`, or the disk made from the boot config's image on this head. */
export type Sanboot = { words: string; iscsi: boolean } | { image: true; iscsi: true };

/** The first disk of the BIOS (INT 13h drive 80h). */
const FIRST_DRIVE = 0x80;

/**
 * Reads the attribute. Absent or empty is the first disk; a disk's name (`sdb`, `/dev/nvme1n1p2`, `hd1`) or BIOS drive number
 * (`0x81`) is that disk: the BIOS boots disks, not partitions, and the disk's own loader chooses the partition. `iscsi:` alone is
 * the image of the boot config, from this head; anything else that begins with an option or a URI scheme is passed to iPXE
 * unchanged.
 */
export function sanbootOf(value: string): Sanboot | Refused {
  const text = value.trim();
  const drive = driveOf(text);
  if (drive !== undefined) return { words: `--no-describe --drive 0x${drive.toString(16)}`, iscsi: false };
  if (text === 'iscsi:') return { image: true, iscsi: true };
  if (!/^(--\w|[a-z][a-z0-9+]*:)/i.test(text)) {
    return {
      refused: `'${text}' is neither a disk (sda, hd0, 0x80) nor what iPXE's sanboot takes (options such as --drive 0x81, or a URI such as iscsi:10.54.0.9::::iqn.2026-01.org.example:disk)`,
    };
  }
  const operator = text.split(/\s+/).find(isOperator);
  if (operator) return { refused: `the word '${operator}' in it ends a command of iPXE; it cannot be handed on` };
  return { words: text, iscsi: /(^|\s)iscsi:/i.test(text) };
}

function driveOf(text: string): number | undefined {
  if (text === '') return FIRST_DRIVE;
  if (/^0x[89a-f][0-9a-f]$/i.test(text)) return Number(text);
  const name = text.replace(/^\/dev\//, '');
  const letter = /^(?:sd|hd|vd|xvd)([a-z])\d*$/.exec(name)?.[1];
  if (letter) return FIRST_DRIVE + letter.charCodeAt(0) - 'a'.charCodeAt(0);
  const number = /^(?:hd(\d{1,2})|nvme(\d{1,2})n1(?:p\d+)?|mmcblk(\d)(?:p\d+)?)$/.exec(name)?.slice(1).find(Boolean);
  return number === undefined ? undefined : FIRST_DRIVE + Number(number);
}
