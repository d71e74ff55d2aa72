// What is fuzzed: each decoder with what follows it, and the one kind of error that it may throw.

import { readFacts } from '../../src/boot/plane/facts.ts';
import { answer } from '../../src/dhcp/exchange.ts';
import { decode, encode } from '../../src/dhcp/packet.ts';
import { readRequest } from '../../src/dhcp/request.ts';
import { MusterError } from '../../src/errors.ts';
import { readTree, writeTree } from '../../src/files/archive.ts';
import { contentOf } from '../../src/files/read-set.ts';
import { judge } from '../../src/http/conditions.ts';
import { readRange } from '../../src/http/range.ts';
import { readRecords, readVolume, SECTOR } from '../../src/image/iso/records.ts';
import { readRockRidge, suspSkip } from '../../src/image/iso/rock-ridge.ts';
import { Framer, FramingError } from '../../src/iscsi/frame.ts';
import { decodeCommand } from '../../src/iscsi/pdus/command.ts';
import { decodeControl } from '../../src/iscsi/pdus/control.ts';
import { decodeDataOut } from '../../src/iscsi/pdus/data.ts';
import { decodeLoginRequest } from '../../src/iscsi/pdus/login.ts';
import { parseBinary, parseNumber, parseText, TextError } from '../../src/iscsi/text.ts';
import { negotiate } from '../../src/tftp/options.ts';
import { decodePacket } from '../../src/tftp/packet.ts';
import { WireError } from '../../src/wire/reader.ts';
import { captured, capturedNames, contextOf, directoryOf, node } from '../dhcp/build.ts';
import { file, folder, link, withSettings } from '../files/build.ts';
import { requestBytes } from '../tftp/client.ts';

export interface Target {
  name: string;
  seeds(): Buffer[];
  /** Pieces that mean something to the decoder. */
  words: readonly Buffer[];
  /** Throws only when the decoder failed in a way that it must not. */
  run(bytes: Buffer): void | Promise<void>;
}

/** Runs `work`; errors of the given classes are how a decoder refuses. */
function refusing(classes: readonly (new (...words: never[]) => Error)[], work: () => void): void {
  try {
    work();
  } catch (error) {
    if (!classes.some(known => error instanceof known)) throw error;
  }
}

const latin = (...words: string[]): Buffer[] => words.map(word => Buffer.from(word, 'latin1'));

/** Every hardware address is known, so that inputs get past the first question. */
const CONTEXT = contextOf({ directory: { ...directoryOf(), nodeByMac: mac => ({ ...node, mac }) } });

const dhcp: Target = {
  name: 'dhcp',
  seeds: () => capturedNames().map(captured),
  words: [
    ...[12, 43, 50, 51, 52, 53, 54, 55, 57, 60, 61, 66, 67, 77, 82, 93, 97, 118, 175, 255].map(code =>
      Buffer.of(code, 4),
    ),
    ...[1, 3, 4, 7, 8].map(type => Buffer.of(53, 1, type)),
    ...[1, 2, 3].map(fields => Buffer.of(52, 1, fields)),
    ...latin('PXEClient:Arch:00007:UNDI:003016', 'HTTPClient:Arch:00016', 'iPXE'),
  ],
  run(bytes) {
    refusing([WireError], () => {
      const request = readRequest(decode(bytes));
      const result = answer(request, CONTEXT, { network: CONTEXT.networks.main, broadcast: true });
      if (!('reply' in result)) return;
      const wire = encode(result.reply, request.sizeLimit);
      if (wire.length > request.sizeLimit) throw new Error(`a reply of ${wire.length} bytes`);
      try {
        decode(wire);
      } catch (error) {
        throw new Error('a reply that cannot be read', { cause: error });
      }
    });
  },
};

const tftp: Target = {
  name: 'tftp',
  seeds: () => [
    requestBytes(1, 'snponly.efi', 'octet', { tsize: 0, blksize: 1468, windowsize: 16, timeout: 5 }),
    requestBytes(2, 'x', 'netascii'),
    Buffer.of(0, 4, 0, 1),
    Buffer.from('\0\x05\0\x08stop\0', 'latin1'),
  ],
  words: latin('\0', 'blksize\0', 'tsize\0', 'windowsize\0', 'timeout\0', '65464\0', 'octet\0', 'mail\0'),
  run(bytes) {
    refusing([WireError], () => {
      const packet = decodePacket(bytes);
      if (packet.type !== 'rrq') return;
      const { terms } = negotiate(packet.options, { size: 1000, mostBlock: 65464 });
      if (!(terms.blockSize >= 8 && terms.blockSize <= 65464 && terms.windowSize >= 1 && terms.windowSize <= 64))
        throw new Error(`impossible terms ${JSON.stringify(terms)}`);
    });
  },
};

const PDU_DECODERS = [decodeCommand, decodeControl, decodeDataOut, decodeLoginRequest];

const iscsi: Target = {
  name: 'iscsi',
  seeds: () => {
    const text = Buffer.from('InitiatorName=iqn.2026-01.x:y\0AuthMethod=CHAP,None\0MaxBurstLength=262144\0', 'latin1');
    const login = Buffer.alloc(48);
    login.set([0x43, 0x87], 0);
    login.writeUIntBE(text.length, 5, 3);
    const command = Buffer.alloc(48);
    command.set([0x01, 0xc1], 0);
    return [Buffer.concat([login, text, Buffer.alloc((4 - (text.length % 4)) % 4)]), command, text];
  },
  words: latin('\0', '=', 'TargetName=', 'SessionType=Discovery\0', 'CHAP_R=0x', '0b', '4294967296'),
  run(bytes) {
    refusing([FramingError], () => {
      const framer = new Framer(1 << 16);
      framer.headerDigest = (bytes[0] ?? 0) >= 0x80;
      framer.push(bytes);
      for (let frame = framer.next(); frame; frame = framer.next()) {
        for (const decodePdu of PDU_DECODERS) decodePdu(frame.header);
        text(frame.data);
      }
    });
    text(bytes);
  },
};

function text(bytes: Buffer): void {
  refusing([TextError], () => {
    for (const value of parseText(bytes).values()) {
      parseNumber(value);
      parseBinary(value);
    }
  });
}

const iso: Target = {
  name: 'iso',
  seeds: () => {
    const record = Buffer.alloc(34);
    record.set([34, 0, 20, 0, 0, 0, 0, 0, 0, 20, 0, 8, 0, 0], 0);
    record.set([2, 0, 0, 1, 1, 0, 0, 1, 1], 25);
    const sector = Buffer.alloc(SECTOR);
    sector.set([1, ...Buffer.from('CD001'), 1], 0);
    sector.writeUInt32LE(1000, 80);
    sector.writeUInt16LE(2048, 128);
    record.copy(sector, 156);
    return [sector, record, Buffer.from('SP\x07\x01\xbe\xef\0NM\x06\x01\0aPX\x24\x01'.padEnd(80, '\0'), 'latin1')];
  },
  words: latin('NM', 'SL', 'PX', 'CE', 'SP', 'ST', 'CL', 'CD001', '%/E', '\x01\xbe\xef'),
  async run(bytes) {
    refusing([MusterError], () => readVolume(bytes.subarray(0, SECTOR)));
    const rest = bytes.subarray(0, SECTOR);
    refusing([MusterError], () => {
      for (const { systemUse } of readRecords(rest, 2048)) suspSkip(systemUse);
    });
    await readRockRidge(rest, async (_block, offset, length) => rest.subarray(offset, offset + length)).catch(error => {
      if (!(error instanceof MusterError)) throw error;
    });
  },
};

const http: Target = {
  name: 'http',
  seeds: () => latin('bytes=0-99', 'W/"abc", "x"', 'Tue, 24 Nov 2026 12:00:00 GMT', 'stage=image\nhardware.cpus=2\n'),
  words: latin('bytes=', '-', '"abc"', 'W/', '*', ', ', 'GMT', '\n', '='),
  run(bytes) {
    const value = bytes.toString('latin1');
    const range = readRange(value, 1000);
    if (range.kind === 'part' && !(range.start >= 0 && range.length > 0 && range.start + range.length <= 1000))
      throw new Error(`an impossible range ${JSON.stringify(range)}`);
    for (const name of ['if-match', 'if-none-match', 'if-modified-since', 'if-unmodified-since', 'if-range'])
      judge({ [name]: value }, { etag: '"abc"', modified: 1_700_000_000_000 });
    readFacts(value);
  },
};

const files: Target = {
  name: 'files',
  seeds: () => [
    writeTree([folder('/etc'), file('/etc/motd', 'hello'), link('/etc/mtab', '../proc/mounts')]),
    writeTree(
      withSettings(
        'secret = true\n[[scripts]]\nstage = "root"\nfile = "a"\n[files."/x"]\nmode = "0600"\n',
        file('/.fileset/scripts/a', '#!/bin/sh'),
        file('/x.tmpl', '', { owner: 'munge', group: '4000000000', xattrs: [['user.a', Buffer.from('b')]] }),
        file(`/${'long/'.repeat(30)}x`, ''),
      ),
    ),
  ],
  words: latin('ustar\0', 'ustar  \0', './', '../', '/etc/', '12 path=a/b\n', 'SCHILY.xattr.user.a=', '\0'.repeat(512)),
  async run(bytes) {
    // The checksum of each header is made right, so that changed headers get past it.
    const tar = Buffer.from(bytes);
    for (let at = 0; at + 512 <= tar.length; at += 512) {
      if (!tar.toString('latin1', at + 257, at + 262).startsWith('usta')) continue;
      const header = tar.subarray(at, at + 512);
      header.fill(0x20, 148, 156);
      header.write(
        `${header
          .reduce((sum, byte) => sum + byte, 0)
          .toString(8)
          .padStart(6, '0')}\0 `,
        148,
        'latin1',
      );
    }
    const tree = await readTree(tar).catch((error: unknown) => {
      if (!(error instanceof MusterError) || error.code !== 'bad-files') throw error;
    });
    if (!tree) return;
    const again = writeTree(tree);
    if (!writeTree(await readTree(again)).equals(again)) throw new Error('a tree that does not come back');
    refusing([MusterError], () => contentOf(tree));
  },
};

export const TARGETS: readonly Target[] = [dhcp, tftp, iscsi, iso, http, files];
