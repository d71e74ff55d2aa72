// CRC32C, the digest of iSCSI (RFC 7143 §13.1): reflected polynomial 82F63B78h, sixteen bytes per step with sixteen tables.

const TABLES = makeTables();

/** Returns the digest of `bytes` from `start` to before `end`, as a number to be written little-endian (RFC 7143 §13.1). */
export function crc32c(bytes: Uint8Array, start = 0, end = bytes.length): number {
  const t = TABLES;
  // All indexes exist; the casts only tell the compiler so. `?? 0` would cost a third of the speed.
  const b = bytes as unknown as Record<number, number>;
  let crc = -1;
  let i = start;
  for (; i + 16 <= end; i += 16) {
    crc ^= at(b, i) | (at(b, i + 1) << 8) | (at(b, i + 2) << 16) | (at(b, i + 3) << 24);
    crc =
      at(t, 3840 + (crc & 255)) ^
      at(t, 3584 + ((crc >>> 8) & 255)) ^
      at(t, 3328 + ((crc >>> 16) & 255)) ^
      at(t, 3072 + (crc >>> 24)) ^
      at(t, 2816 + at(b, i + 4)) ^
      at(t, 2560 + at(b, i + 5)) ^
      at(t, 2304 + at(b, i + 6)) ^
      at(t, 2048 + at(b, i + 7)) ^
      at(t, 1792 + at(b, i + 8)) ^
      at(t, 1536 + at(b, i + 9)) ^
      at(t, 1280 + at(b, i + 10)) ^
      at(t, 1024 + at(b, i + 11)) ^
      at(t, 768 + at(b, i + 12)) ^
      at(t, 512 + at(b, i + 13)) ^
      at(t, 256 + at(b, i + 14)) ^
      at(t, at(b, i + 15));
  }
  for (; i < end; i += 1) crc = (crc >>> 8) ^ at(t, (crc ^ at(b, i)) & 255);
  return ~crc >>> 0;
}

function at(list: Record<number, number>, index: number): number {
  return list[index] as number;
}

/** Table k at 256·k: what a byte adds to the digest when k more bytes follow it in the step. */
function makeTables(): Record<number, number> {
  const tables = new Int32Array(16 * 256);
  for (let byte = 0; byte < 256; byte += 1) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
    tables[byte] = crc;
  }
  for (let index = 256; index < tables.length; index += 1) {
    const before = tables[index - 256] ?? 0;
    tables[index] = (before >>> 8) ^ (tables[before & 255] ?? 0);
  }
  return tables;
}
