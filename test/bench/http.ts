// Images over HTTP against nginx with sendfile and one worker each: wrk reads with many connections, by turns.
import { chmod, mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { packageRoot } from '../../src/package-root.ts';
import { runOk } from '../../src/process/run.ts';
import { costOf, serve } from './pair.ts';
import { type BenchRow, median, row } from './row.ts';

const CLIENTS = [1, 32, 256, 2000];
const SECONDS = 4;
const ROUNDS = 5;
const SIZE = 1 << 30;
const PORTS = { ours: 8089, nginx: 8090 };

export async function* benchHttp(): AsyncGenerator<BenchRow> {
  const folder = await mkdtemp(join(tmpdir(), 'muster-bench-'));
  // nginx's worker is somebody else.
  await chmod(folder, 0o755);
  const file = join(folder, 'image');
  await writeFile(file, '');
  await truncate(file, SIZE);
  await writeFile(join(folder, 'nginx.conf'), nginxConfig(folder));
  const script = join(packageRoot, 'dist/test/bench/http-serve.js');
  const ours = await serve([process.execPath, [script, file, `${SIZE}`, `${PORTS.ours}`]], { ready: /^ready / });
  const nginx = await serve(['nginx', ['-c', join(folder, 'nginx.conf'), '-e', join(folder, 'error.log')]]);
  const urls = [ours.first.slice('ready '.length), `http://127.0.0.1:${PORTS.nginx}/image`];
  const pids = [ours.child.pid ?? 0, nginx.child.pid ?? 0];
  try {
    for (const clients of CLIENTS) {
      const rates: number[][] = [[], []];
      const costs: number[][] = [[], []];
      for (let round = 0; round < ROUNDS; round += 1) {
        for (const [index, url] of urls.entries()) {
          const before = costOf(pids[index] ?? 0).cpu;
          const bytes = await wrk(url, clients);
          costs[index]?.push((costOf(pids[index] ?? 0).cpu - before) / (bytes / 1e9));
          rates[index]?.push(bytes / SECONDS / 1e6);
        }
      }
      const [mine = 0, theirs = 0] = rates.map(median);
      const [cost = 0, theirCost = 0] = costs.map(median);
      const name = `${clients} ${clients === 1 ? 'client' : 'clients'}`;
      const peerName = 'nginx';
      yield row({ case: name, ours: mine, peer: theirs, peerName, unit: 'MB/s', higherIsBetter: true });
      yield row({
        case: `${name}, processor time`,
        ours: cost,
        peer: theirCost,
        peerName,
        unit: 's/GB',
        higherIsBetter: false,
      });
    }
    const memory = (): { ours: number; peer: number } => {
      const [mine = 0, theirs = 0] = pids.map(pid => costOf(pid).memory);
      return { ours: mine, peer: theirs };
    };
    const words = { peerName: 'nginx', unit: 'MiB', higherIsBetter: false };
    yield row({ case: 'memory', ...memory(), ...words });
    for (let round = 0; round < 9; round += 1) for (const url of urls) await wrk(url, Math.max(...CLIENTS));
    yield row({ case: 'memory after ten times the load', ...memory(), ...words });
  } finally {
    await ours.stop();
    await nginx.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

/** Bytes that came in the time. */
async function wrk(url: string, clients: number): Promise<number> {
  const threads = clients === 1 ? 1 : 2;
  const words = ['-c', `${clients}`, '-t', `${threads}`, '-d', `${SECONDS}s`, '--timeout', '60s', url];
  const out = await runOk('wrk', words, { timeoutMs: 60_000, package: 'wrk' });
  const [, figure = '0', unit = 'B'] = /^Transfer\/sec:\s+([\d.]+)(\w+)/m.exec(out) ?? [];
  return Number(figure) * 1024 ** ['B', 'KB', 'MB', 'GB'].indexOf(unit) * SECONDS;
}

function nginxConfig(folder: string): string {
  return `daemon off; worker_processes 1; pid ${folder}/nginx.pid; error_log ${folder}/error.log;
events { worker_connections 8192; }
http { access_log off; sendfile on; tcp_nopush on; client_body_temp_path ${folder}/b; proxy_temp_path ${folder}/p;
  fastcgi_temp_path ${folder}/f; uwsgi_temp_path ${folder}/u; scgi_temp_path ${folder}/s;
  server { listen 127.0.0.1:${PORTS.nginx}; root ${folder}; default_type application/octet-stream; } }
`;
}
