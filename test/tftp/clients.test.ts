// Real clients against the server, each in a network namespace of its own, with and without loss.
import { createHash, randomFillSync } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import anyTest, { type ExecutionContext, type TestFn } from 'ava';
import { requireAll } from '../support/require.ts';
import { HEAD, NetPair } from './netpair.ts';

const SIZES = [0, 1, 511, 512, 513, 1024, 187_392, 1_000_000];
const BLOCK_SIZES = [512, 1024, 1428, 1468, 8192, 65464];
const WINDOWS = [1, 4, 16, 64];
/** More than 65535 blocks of 512 bytes. */
const LARGE = 65_600 * 512 + 100;

interface Lab {
  clean: NetPair;
  lossy: NetPair;
  folder: string;
  notes: Record<string, unknown>[];
}

const test = anyTest.serial as TestFn;
let lab: Promise<Lab> | undefined;

async function openLab(): Promise<Lab> {
  const folder = await mkdtemp(join(tmpdir(), 'muster-tftp-'));
  const served: string[] = [];
  for (const size of [...SIZES, LARGE]) {
    const path = join(folder, `served-${size}`);
    await writeFile(path, randomFillSync(Buffer.alloc(size)));
    served.push(`file-${size}=${path}`);
  }
  const notes: Record<string, unknown>[] = [];
  const clean = new NetPair('a');
  const lossy = new NetPair('b');
  const entry = fileURLToPath(new URL('serve.js', import.meta.url));
  for (const pair of [clean, lossy]) {
    await pair.open(pair === lossy ? 1 : 0);
    await pair.serve([entry, HEAD, '69', ...served], note => notes.push(note));
  }
  return { clean, lossy, folder, notes };
}

test.after.always(async () => {
  if (!lab) return;
  const { clean, lossy, folder } = await lab;
  await clean.close();
  await lossy.close();
  await rm(folder, { recursive: true });
});

/** A test that needs the two networks and one client program. */
function withClient(program: string, body: (t: ExecutionContext, lab: Lab) => Promise<void>) {
  return async (t: ExecutionContext): Promise<void> => {
    if (!requireAll(t, { root: true, programs: ['ip', 'nft', program] })) return;
    t.timeout(300_000);
    lab ??= openLab();
    await body(t, await lab);
  };
}

async function same(t: ExecutionContext, folder: string, size: number, got: string, what: string): Promise<void> {
  const digest = async (path: string): Promise<string> =>
    createHash('sha256')
      .update(await readFile(path).catch(() => 'no file'))
      .digest('hex');
  t.is(await digest(got), await digest(join(folder, `served-${size}`)), what);
  await rm(got, { force: true });
}

type Fetch = (size: number, to: string) => [program: string, args: string[]];

const tftpHpa: Fetch = (size, to) => ['tftp', ['-m', 'binary', HEAD, '-c', 'get', `file-${size}`, to]];
const atftp =
  (options: Record<string, number>): Fetch =>
  (size, to) => {
    const settings = Object.entries(options).flatMap(([name, value]) => ['--option', `${name} ${value}`]);
    return ['atftp', [...settings, '--get', '-r', `file-${size}`, '-l', to, HEAD, '69']];
  };
const curl =
  (blockSize: number): Fetch =>
  (size, to) => [
    'curl',
    ['-sS', '--max-time', '60', '--tftp-blksize', String(blockSize), '-o', to, `tftp://${HEAD}/file-${size}`],
  ];

async function fetches(t: ExecutionContext, pair: NetPair, folder: string, size: number, fetch: Fetch): Promise<void> {
  const to = join(folder, 'got');
  const [program, args] = fetch(size, to);
  const what = [program, ...args].join(' ');
  const result = await pair.ask(program, args);
  t.is(result.status, 0, `${what}: ${result.stderr}`);
  // curl makes no file of nothing.
  if (size > 0 || program !== 'curl') await same(t, folder, size, to, what);
}

test(
  'tftp-hpa, every size',
  withClient('tftp', async (t, { clean, folder }) => {
    for (const size of SIZES) await fetches(t, clean, folder, size, tftpHpa);
  }),
);

test(
  'tftp-hpa in its default mode, netascii, gets text as it is here',
  withClient('tftp', async (t, { clean, folder }) => {
    const to = join(folder, 'got');
    await clean.ask('tftp', [HEAD, '-c', 'get', 'file-513', to]);
    await same(t, folder, 513, to, 'netascii there and back');
  }),
);

test(
  'atftp, every size, block size and window',
  withClient('atftp', async (t, { clean, folder }) => {
    for (const size of SIZES) await fetches(t, clean, folder, size, atftp({ blksize: 512 }));
    for (const blksize of BLOCK_SIZES) {
      for (const windowsize of WINDOWS) await fetches(t, clean, folder, 1_000_000, atftp({ blksize, windowsize }));
    }
  }),
);

test(
  'curl, every size and block size',
  withClient('curl', async (t, { clean, folder }) => {
    for (const size of SIZES) await fetches(t, clean, folder, size, curl(512));
    for (const blockSize of BLOCK_SIZES) await fetches(t, clean, folder, 1_000_000, curl(blockSize));
  }),
);

test(
  'windows on a wire of short frames: the blocks fit them',
  withClient('atftp', async (t, { clean, folder }) => {
    await clean.headFrames(1400);
    try {
      for (const windowsize of WINDOWS) await fetches(t, clean, folder, 187_392, atftp({ blksize: 1468, windowsize }));
    } finally {
      await clean.headFrames(1500);
    }
  }),
);

// The block number rolls over to 0.
test(
  'curl and atftp, more than 65535 blocks',
  withClient('atftp', async (t, { clean, folder }) => {
    await fetches(t, clean, folder, LARGE, curl(512));
    await fetches(t, clean, folder, LARGE, atftp({ blksize: 512, windowsize: 16 }));
  }),
);

test(
  'with one packet in a hundred lost at each end: tftp-hpa',
  withClient('tftp', async (t, { lossy, folder }) => {
    await fetches(t, lossy, folder, 187_392, tftpHpa);
  }),
);

test(
  'with one packet in a hundred lost at each end: curl at every block size',
  withClient('curl', async (t, { lossy, folder }) => {
    for (const blockSize of BLOCK_SIZES) await fetches(t, lossy, folder, 187_392, curl(blockSize));
  }),
);

test(
  'with one packet in a hundred lost at each end: atftp at every block size and window',
  withClient('atftp', async (t, { lossy, folder }) => {
    for (const blksize of BLOCK_SIZES) {
      for (const windowsize of WINDOWS) await fetches(t, lossy, folder, 187_392, atftp({ blksize, windowsize }));
    }
  }),
);

test(
  'packets were lost, indeed',
  withClient('curl', async (t, { lossy }) => {
    const lost = await lossy.lost();
    t.log(`${lost} packets`);
    t.true(lost > 20);
  }),
);

test(
  'a file that is not served: each client says so and fails',
  withClient('curl', async (t, { clean }) => {
    const curlResult = await clean.ask('curl', ['-sS', `tftp://${HEAD}/pxelinux.0`]);
    t.is(curlResult.status, 68, 'CURLE_TFTP_NOTFOUND');
    const up = await clean.ask('curl', ['-sS', '-T', fileURLToPath(import.meta.url), `tftp://${HEAD}/file-1`]);
    t.is(up.status, 69, 'CURLE_TFTP_PERM');
  }),
);

test(
  'no fetch of all these left an error on the timeline but the refused ones',
  withClient('curl', async (t, { notes }) => {
    const errors = notes.filter(note => 'error' in note).map(note => note['error']);
    t.deepEqual(
      errors.filter(error => !/pxelinux\.0|only be read/.test(String(error))),
      [],
    );
  }),
);
