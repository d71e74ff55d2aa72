// The shapes an option's value can have (RFC 2132 §2): bytes to value and back.
import { ipAt, ipToBytes } from '../wire/ip.ts';
import { WireError } from '../wire/reader.ts';

/** How the values of one kind of option are encoded. */
export interface Shape<T> {
  /** Reads a whole value. Throws WireError with the option's name as field when its length or content is wrong. */
  read(bytes: Buffer, field: string): T;
  write(value: T): Buffer;
}

/** Any bytes, uninterpreted. */
export const bytes: Shape<Buffer> = {
  read: value => value,
  write: value => value,
};

export const u8: Shape<number> = {
  read: (value, field) => exactly(value, 1, field).readUInt8(0),
  write: value => Buffer.of(value),
};

export const u16: Shape<number> = {
  read: (value, field) => exactly(value, 2, field).readUInt16BE(0),
  write: value => Buffer.of(value >>> 8, value & 0xff),
};

/** At least one 16-bit number, such as the architectures of RFC 4578 §2.1. */
export const u16s: Shape<number[]> = {
  read: (value, field) => {
    multipleOf(value, 2, field);
    return Array.from({ length: value.length / 2 }, (_, index) => value.readUInt16BE(index * 2));
  },
  write: values => Buffer.concat(values.map(u16.write)),
};

export const u32: Shape<number> = {
  read: (value, field) => exactly(value, 4, field).readUInt32BE(0),
  write: value => Buffer.of(value >>> 24, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff),
};

/** One IPv4 address, as dotted text. */
export const ip: Shape<string> = {
  read: (value, field) => ipAt(exactly(value, 4, field), 0),
  write: ipToBytes,
};

/** At least one IPv4 address. */
export const ips: Shape<string[]> = {
  read: (value, field) => {
    multipleOf(value, 4, field);
    return Array.from({ length: value.length / 4 }, (_, index) => ipAt(value, index * 4));
  },
  write: values => Buffer.concat(values.map(ip.write)),
};

/** Text of at least one character. A terminating NUL is not part of it: senders differ (RFC 2132 §2). */
export const text: Shape<string> = {
  read: (value, field) => {
    if (value.length === 0) throw new WireError('a text of no bytes', 0, field);
    const end = value.indexOf(0);
    return value.toString('latin1', 0, end < 0 ? value.length : end);
  },
  write: value => Buffer.from(value, 'latin1'),
};

function exactly(value: Buffer, length: number, field: string): Buffer {
  if (value.length !== length) throw new WireError(`wanted ${length} bytes, it has ${value.length}`, 0, field);
  return value;
}

function multipleOf(value: Buffer, size: number, field: string): void {
  if (value.length === 0 || value.length % size !== 0) {
    throw new WireError(`wanted a multiple of ${size} bytes, it has ${value.length}`, 0, field);
  }
}
