// Simulated nodes that all boot at once, in one process. Prints one line of JSON.
// node storm-nodes.js HEAD PORT COUNT LOADER LOADER_BYTES ROUGH
import { setTimeout as delay } from 'node:timers/promises';
import { BootClients, CLIENT_STAGES, type ClientStage } from '../support/boot-client.ts';
import { stormNode } from './storm-node.ts';

const [address = '', port = '8080', count = '1', loader = '', loaderBytes = '0', rough = ''] = process.argv.slice(2);
/** Everyone presses the button within this time, in milliseconds. */
const SPREAD = 2000;

const times = new Map<ClientStage, number[]>(CLIENT_STAGES.map(stage => [stage, []]));
const counts = { up: 0, failed: 0 };
const head = { address, port: Number(port), loader, loaderBytes: Number(loaderBytes) };
const clients = await BootClients.open(head, '10.54.250.1');
const done = (stage: ClientStage, seconds: number): unknown => times.get(stage)?.push(seconds);

const begun = performance.now();
const whys = new Set<string>();
await Promise.all(
  Array.from({ length: Number(count) }, async (_, index) => {
    const chance = (index * 7919) % 100;
    const node = { ...stormNode(index), slow: rough !== '' && chance < 5 };
    const dies = rough !== '' && chance >= 95;
    await delay(Math.random() * SPREAD);
    try {
      // Where it lost its power it begins again, once.
      if ((await clients.boot(node, { dies, done })) === undefined) await clients.boot(node, { done });
      counts.up += 1;
    } catch (error) {
      counts.failed += 1;
      if (whys.size < 5) whys.add(error instanceof Error ? error.message : String(error));
    }
  }),
);
const seconds = (performance.now() - begun) / 1000;
const stages = Object.fromEntries(
  Array.from(times, ([stage, list]) => {
    const sorted = list.sort((left, right) => left - right);
    const at = (part: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0;
    return [stage, { p50: at(0.5), p95: at(0.95), p99: at(0.99) }];
  }),
);
const most = Array.from(clients.reasons).sort(([, left], [, right]) => right - left);
const words = most.slice(0, 8).map(([reason, count]) => `${count} times ${reason}`);
process.stdout.write(
  `${JSON.stringify({ ...counts, ...clients.counts, seconds, stages, whys: [...whys, ...words] })}\n`,
);
process.exit(0);
