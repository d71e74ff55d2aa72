// Hardware addresses as text: lower-case hex with colons, the form that the rest of muster compares.

/** Returns the canonical form `aa:bb:cc:dd:ee:ff`; undefined when the text is not a 48-bit address. Accepts `:`, `-`, `.` or nothing between. */
export function parseMac(text: string): string | undefined {
  const hex = text.trim().toLowerCase();
  const separated = /^([0-9a-f]{2})([:-]?)([0-9a-f]{2})(?:\2[0-9a-f]{2}){4}$/.test(hex);
  const dotted = /^[0-9a-f]{4}\.[0-9a-f]{4}\.[0-9a-f]{4}$/.test(hex);
  if (!separated && !dotted) return undefined;
  const digits = hex.replace(/[^0-9a-f]/g, '');
  return (digits.match(/../g) as string[]).join(':');
}

/** Returns the canonical text. Called for each DHCP packet: the hex digits are made at once and then cut. */
export function macFromBytes(bytes: Uint8Array): string {
  const hex = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');
  let text = hex.slice(0, 2);
  for (let at = 2; at < hex.length; at += 2) text += `:${hex.slice(at, at + 2)}`;
  return text;
}

/** The bytes of a canonical address. */
export function macToBytes(mac: string): Buffer {
  return Buffer.from(mac.replaceAll(':', ''), 'hex');
}

/** Returns whether this is a station's own address: not multicast (IEEE 802.3 group bit), not all zero. */
export function isStationMac(mac: string): boolean {
  const first = Number.parseInt(mac.slice(0, 2), 16);
  return (first & 1) === 0 && mac !== '00:00:00:00:00:00';
}
