// Decoders of image formats that are fed without end, or with sizes that lie: memory and work stay bounded, whatever comes.
import test from 'ava';
import { readAptFile } from '../../src/cli/repo-files/apt.ts';
import { readYumFile } from '../../src/cli/repo-files/yum.ts';
import { ByteSource } from '../../src/image/byte-source.ts';
import { cpioFiles } from '../../src/image/cpio.ts';
import { findRoot, planImageUpload } from '../../src/image/cwsquash.ts';
import { tarMembers } from '../../src/image/import/tar.ts';
import { readRecords, readVolume } from '../../src/image/iso/records.ts';
import { readTreeInfo } from '../../src/image/iso/treeinfo.ts';
import { retained } from '../support/retained.ts';

const MIB = 1 << 20;

/** A tar header of a type and a size, with its checksum. */
function tarHeader(type: string, size: number, name = 'x'): Buffer {
  const header = Buffer.alloc(512);
  header.write(name, 0, 'latin1');
  header.write(`${size.toString(8).padStart(11, '0')}\0`, 124, 'latin1');
  header.write('        ', 148, 'latin1');
  header.write(type, 156, 'latin1');
  header.write('ustar\0', 257, 'latin1');
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return header;
}

function padded(content: Buffer): Buffer {
  return Buffer.concat([content, Buffer.alloc((512 - (content.length % 512)) % 512)]);
}

function pax(key: string, value: string): Buffer {
  const rest = ` ${key}=${value}\n`;
  let length = rest.length + 1;
  while (`${length}${rest}`.length !== length) length = `${length}${rest}`.length;
  return Buffer.from(`${length}${rest}`, 'latin1');
}

/** Pieces made one at a time, and how many were asked for. */
function endless(make: (index: number) => Buffer): { pieces: AsyncGenerator<Buffer>; asked: () => number } {
  let asked = 0;
  async function* generate(): AsyncGenerator<Buffer> {
    for (;;) {
      asked += 1;
      yield make(asked);
    }
  }
  return { pieces: generate(), asked: () => asked };
}

async function all(members: AsyncIterable<unknown>, most = Number.POSITIVE_INFINITY): Promise<number> {
  let count = 0;
  for await (const _ of members) {
    count += 1;
    if (count >= most) break;
  }
  return count;
}

test('tar: global headers with ever new keys are refused, not collected', async t => {
  const value = 'v'.repeat(1000);
  const { pieces, asked } = endless(index => {
    const content = pax(`SCHILY.xattr.user.k${index}`, value);
    return Buffer.concat([tarHeader('g', content.length), padded(content)]);
  });
  await t.throwsAsync(all(tarMembers(new ByteSource(pieces))), { message: /global headers have more than 1048576/ });
  t.true(asked() < 1200, String(asked()));
});

test('tar: names and headers that never come to a member leave nothing behind', async t => {
  const name = padded(Buffer.alloc(64 * 1024, 'n'));
  const header = tarHeader('L', name.length);
  const left = await retained(async () => {
    let rest = 1500;
    async function* pieces(): AsyncGenerator<Buffer> {
      for (; rest > 0; rest -= 1) yield Buffer.concat([header, name]);
    }
    t.is(await all(tarMembers(new ByteSource(pieces()))), 0);
  });
  t.true(left < 8 * MIB, `${left} bytes of some 94 MiB are left`);
});

test('tar: a header that claims more than there can be is refused before anything is read', async t => {
  for (const type of ['x', 'g', 'L', 'K']) {
    const { pieces, asked } = endless(index => (index === 1 ? tarHeader(type, 0o77777777777) : Buffer.alloc(MIB)));
    await t.throwsAsync(all(tarMembers(new ByteSource(pieces))), { code: 'bad-value', message: /the limit is \d+/ });
    t.true(asked() <= 2, `${type}: ${asked()}`);
  }
});

test('cpio: names are bounded, and files without end leave nothing behind', async t => {
  const file = (nameSize: number): Buffer => {
    const fields = [0, 0o100644, 0, 0, 1, 0, 0, 0, 0, 0, 0, nameSize, 0];
    return Buffer.from(`070701${fields.map(field => field.toString(16).padStart(8, '0')).join('')}`, 'latin1');
  };
  const long = endless(index => (index === 1 ? file(0x7fffffff) : Buffer.alloc(MIB)));
  await t.throwsAsync(all(cpioFiles(new ByteSource(long.pieces))), { message: /header that cannot be read/ });
  t.true(long.asked() <= 2);
  // 110 bytes of header and 2 of name
  const small = Buffer.concat([file(2), Buffer.from('a\0')]);
  const many = Buffer.concat(Array.from({ length: 1000 }, () => small));
  const left = await retained(async () => {
    t.is(await all(cpioFiles(new ByteSource(endless(() => many).pieces)), 100_000), 100_000);
  });
  t.true(left < 4 * MIB, `${left} bytes are left`);
});

test('zeros between archives are passed in pieces, however many they are', async t => {
  const zeros = Buffer.alloc(MIB);
  let rest = 256;
  async function* pieces(): AsyncGenerator<Buffer> {
    for (; rest > 0; rest -= 1) yield zeros;
    yield Buffer.from('end');
  }
  const source = new ByteSource(pieces());
  await source.skipZeros();
  t.is(source.position, 256 * MIB);
  t.is((await source.take(3)).toString(), 'end');
});

test('tables of disk images: any bytes are an answer or a refusal, and no size is believed', t => {
  for (let round = 0; round < 64; round += 1) {
    const bytes = Buffer.alloc(64 * 1024, round * 37);
    // A GPT whose table claims more entries than any disk has
    bytes.write('EFI PART', 512, 'latin1');
    bytes.writeUInt32LE(0xffffffff, 512 + 80);
    bytes.writeUInt32LE(0xffffffff, 512 + 84);
    bytes.write('hsqs', round * 512, 'latin1');
    t.notThrows(() => findRoot(bytes, Number.MAX_SAFE_INTEGER));
    t.notThrows(() => planImageUpload(bytes, Number.MAX_SAFE_INTEGER));
  }
});

test('ISO 9660: records of a directory end, whatever their lengths are', t => {
  for (const fill of [0, 1, 33, 34, 255]) {
    const directory = Buffer.alloc(4 * MIB, fill);
    try {
      t.true(readRecords(directory, 2048).length <= directory.length / 33);
    } catch (error) {
      t.is((error as { code?: string }).code, 'bad-iso');
    }
    t.notThrows(() => {
      try {
        readVolume(directory.subarray(0, 2048));
      } catch (error) {
        if ((error as { code?: string }).code !== 'bad-iso') throw error;
      }
    });
  }
});

test('descriptions as text: a file of many lines is read once, and keeps what it names and no more', async t => {
  const lines = `${'key = value # and more\n'.repeat(40_000)}[section]\n${'x'.repeat(MIB)}\n`;
  const left = await retained(() => {
    t.true('problem' in readTreeInfo(lines));
    for (const read of [readYumFile, readAptFile]) {
      try {
        read(lines, 'endless', () => {});
      } catch (error) {
        // What it is refused for is told in one short message.
        t.true((error as Error).message.length < 2_000, (error as Error).message.slice(0, 200));
      }
    }
  });
  t.true(left < 8 * MIB, `${left} bytes are left`);
});
