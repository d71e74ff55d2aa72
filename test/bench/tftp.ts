// A loader of 1 MB by TFTP against tftpd-hpa, dnsmasq and atftpd: clients in one process, by turns, block sizes and windows of firmware.
import { chmod, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { packageRoot } from '../../src/package-root.ts';
import { runOk } from '../../src/process/run.ts';
import { costOf, type Served, serve } from './pair.ts';
import { processorShare } from './processor-share.ts';
import { type BenchRow, median, row } from './row.ts';

interface Load {
  clients: number;
  blksize: number;
  window: number;
  /** Of one processor, for each server: the clients, in one process, come to their own end before a quick server does. */
  share?: number;
}

const LOADS: readonly Load[] = [
  { clients: 1, blksize: 512, window: 1 },
  { clients: 1, blksize: 1468, window: 1 },
  { clients: 64, blksize: 1468, window: 1 },
  { clients: 1000, blksize: 1468, window: 1 },
  { clients: 1, blksize: 1468, window: 16 },
  { clients: 64, blksize: 1468, window: 16 },
  { clients: 1000, blksize: 1468, window: 16 },
  { clients: 64, blksize: 1468, window: 1, share: 0.3 },
  { clients: 64, blksize: 1468, window: 16, share: 0.3 },
];
/** The first load with as many clients as there will be, and what is repeated for the memory. */
const HEAVIEST = { clients: 1000, blksize: 1468, window: 1 };
const LOADED = LOADS.findIndex(({ clients }) => clients === HEAVIEST.clients);
const ROUNDS = 5;
const SECONDS = 2;
const FILE = 'loader.efi';

interface Server {
  name: string;
  address: string;
  port: number;
  start(): Promise<Served>;
}

export async function* benchTftp(): AsyncGenerator<BenchRow> {
  const folder = await mkdtemp(join(tmpdir(), 'muster-bench-'));
  await chmod(folder, 0o755);
  await writeFile(join(folder, FILE), Buffer.alloc(1 << 20, 7), { mode: 0o644 });
  const servers = await serversOf(folder);
  const running: Served[] = [];
  for (const server of servers) running.push(await server.start());
  const memory = (): { ours: number; peer: number } => {
    const [ours = 0, , peer = 0] = running.map(({ child }) => costOf(child.pid ?? 0).memory);
    return { ours, peer };
  };
  const memories: { ours: number; peer: number }[] = [];
  try {
    for (const load of LOADS) {
      for (const [index, server] of servers.entries())
        if (hasEnded(running[index])) running[index] = await server.start();
      await delay(500);
      const found = await rounds(servers, running, load);
      const [ours = 0, ...peers] = found.map(median);
      const part = load.share === undefined ? '' : `, by ${load.share} of a processor`;
      const name = `${load.clients} clients, blksize ${load.blksize}, windowsize ${load.window}${part}`;
      for (const [index, peer] of peers.entries()) {
        const peerName = servers[index + 1]?.name ?? '';
        if (peer > 0) yield row({ case: name, ours, peer, peerName, unit: 'MB/s', higherIsBetter: true });
        else process.stderr.write(`bench: ${name}: ${peerName} served nothing\n`);
      }
      memories.push(memory());
    }
    const words = { peerName: 'dnsmasq', unit: 'MiB', higherIsBetter: false };
    yield row({ case: 'memory after 1,000 clients', ...(memories[LOADED] ?? memory()), ...words });
    for (let round = 0; round < 9; round += 1)
      for (const server of [servers[0], servers[2]]) if (server) await measure(server, HEAVIEST);
    yield row({ case: 'memory after ten times the load', ...memory(), ...words });
  } finally {
    for (const server of running) await server.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

/** MB/s of each server in each round, by turns. */
async function rounds(servers: readonly Server[], running: readonly Served[], load: Load): Promise<number[][]> {
  const { share } = load;
  const pids = running.filter(served => !hasEnded(served)).map(({ child }) => child.pid ?? 0);
  const shares = share === undefined ? [] : await Promise.all(pids.map(async pid => processorShare(pid, share)));
  const found: number[][] = servers.map(() => []);
  try {
    for (let round = 0; round < ROUNDS; round += 1)
      for (const [index, server] of servers.entries()) found[index]?.push(await measure(server, load));
  } finally {
    for (const held of shares) await held.lift();
  }
  return found;
}

/** Some peers do not survive a thousand clients. */
function hasEnded(served: Served | undefined): boolean {
  return !served || served.child.exitCode !== null || served.child.signalCode !== null;
}

async function serversOf(folder: string): Promise<Server[]> {
  // Beside tftpd-hpa it cannot be installed
  await runOk('apt-get', ['download', '-o', 'APT::Sandbox::User=root', 'atftpd'], { cwd: folder, timeoutMs: 60_000 });
  const [archive = ''] = (await readdir(folder)).filter(name => name.endsWith('.deb'));
  await runOk('dpkg-deb', ['-x', join(folder, archive), join(folder, 'atftpd')]);
  const script = join(packageRoot, 'dist/test/tftp/serve.js');
  const ours = [script, '127.0.0.1', '6969', `${FILE}=${join(folder, FILE)}`];
  const dnsmasq = ['--keep-in-foreground', '--conf-file=/dev/null', '--pid-file=', '--port=0', '--user=root'];
  const tftp = ['--enable-tftp', `--tftp-root=${folder}`, '--tftp-max=4000', '--listen-address=127.0.69.2'];
  return [
    {
      name: 'muster',
      address: '127.0.0.1',
      port: 6969,
      start: async () => serve([process.execPath, ours], { ready: /^port / }),
    },
    {
      name: 'tftpd-hpa',
      address: '127.0.69.1',
      port: 69,
      start: async () =>
        serve(['in.tftpd', ['--foreground', '--listen', '--address', '127.0.69.1:69', '--secure', folder]]),
    },
    {
      name: 'dnsmasq',
      address: '127.0.69.2',
      port: 69,
      start: async () => serve(['dnsmasq', [...dnsmasq, '--bind-interfaces', '--except-interface=eth0', ...tftp]]),
    },
    {
      name: 'atftpd',
      address: '127.0.69.3',
      port: 69,
      start: async () =>
        serve([
          join(folder, 'atftpd/usr/sbin/atftpd'),
          ['--daemon', '--no-fork', '--bind-address', '127.0.69.3', '--maxthread', '4000', '--user', 'root', folder],
        ]),
    },
  ];
}

/** MB of files per second. */
async function measure({ address, port }: Server, load: Load): Promise<number> {
  const script = join(packageRoot, 'dist/test/bench/tftp-load.js');
  const words = [script, address, port, FILE, load.clients, load.blksize, load.window, SECONDS].map(String);
  const out = await runOk(process.execPath, words, { timeoutMs: 60_000 });
  const { bytes, seconds } = JSON.parse(out) as { bytes: number; seconds: number };
  return bytes / seconds / 1e6;
}
