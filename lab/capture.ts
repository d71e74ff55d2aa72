// QEMU's packet capture of a node's network card: whether the node has asked for an address.

/** pcap file format: 24 bytes of file header, then records of 16 bytes of header and the frame. */
const FILE_HEADER = 24;
const RECORD_HEADER = 16;
/** Ethernet II. */
const ETHERTYPE_AT = 12;
const IPV4 = 0x0800;
const PACKET_AT = 14;
/** QEMU before 8.0 writes the header of virtio-net before each frame of a tap; its length depends on the guest's features. */
const PREFIXES = [0, 10, 12];
const UDP = 17;
/** RFC 2131 §4.1: clients send to the server's port 67. */
const DHCP_SERVER = 67;

/**
 * Returns whether a capture (pcap, as QEMU's `filter-dump` writes it, little-endian) contains a client's DHCP packet. A part of a
 * file will do.
 */
export function holdsDhcp(capture: Buffer): boolean {
  let at = FILE_HEADER;
  while (at + RECORD_HEADER <= capture.length) {
    const size = capture.readUInt32LE(at + 8);
    const frame = capture.subarray(at + RECORD_HEADER, at + RECORD_HEADER + size);
    if (PREFIXES.some(prefix => isDhcp(frame.subarray(prefix)))) return true;
    at += RECORD_HEADER + size;
  }
  return false;
}

function isDhcp(frame: Buffer): boolean {
  if (frame.length < PACKET_AT + 20 || frame.readUInt16BE(ETHERTYPE_AT) !== IPV4) return false;
  // RFC 791 §3.1: the header's length in words of four bytes, and the protocol
  const datagram = PACKET_AT + ((frame[PACKET_AT] ?? 0) & 0x0f) * 4;
  if (frame[PACKET_AT + 9] !== UDP || frame.length < datagram + 4) return false;
  return frame.readUInt16BE(datagram + 2) === DHCP_SERVER;
}
