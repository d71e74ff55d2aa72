// The nodes of a soak, in a network namespace of their own: reads one order a line, as JSON, and answers each with a line.
// node nodes.js HEAD PORT LOADER LOADER_BYTES
import { createInterface } from 'node:readline';
import { stormNode } from '../bench/storm-node.ts';
import { BootClients } from '../support/boot-client.ts';

export interface Orders {
  /** Boots every node of `first` to `last`, so many at a time; some of them lose their power once, half way. */
  boot: { first: number; last: number; together: number; dying: number };
  /** Heartbeats of the nodes that are up, in turn. */
  beat: { count: number };
  /** DISCOVERs of machines that are no nodes, and requests that are to be refused. */
  strangers: { count: number; seed: number };
}

export interface Done {
  done: number;
  failed: number;
  retries: number;
  why: string;
}

const [address = '', port = '8080', loader = '', loaderBytes = '0'] = process.argv.slice(2);
const head = { address, port: Number(port), loader, loaderBytes: Number(loaderBytes) };
const clients = await BootClients.open(head, '10.54.250.1');
const tokens = new Map<number, string>();

async function boot({ first, last, together, dying }: Orders['boot'], done: Done): Promise<void> {
  let next = first;
  const one = async (): Promise<void> => {
    for (let index = next++; index <= last; index = next++) {
      const node = stormNode(index);
      try {
        const dies = dying > 0 && index % dying === 0;
        const token = (await clients.boot(node, { dies })) ?? (await clients.boot(node));
        if (token !== undefined) tokens.set(index, token);
        done.done += 1;
      } catch (error) {
        done.failed += 1;
        done.why = error instanceof Error ? error.message : String(error);
      }
    }
  };
  await Promise.all(Array.from({ length: together }, one));
}

async function beat({ count }: Orders['beat'], done: Done): Promise<void> {
  const known = [...tokens];
  let next = 0;
  const one = async (): Promise<void> => {
    for (let turn = next++; turn < count; turn = next++) {
      const [index, token] = known[turn % known.length] ?? [0, ''];
      const facts = `token=${token}\nstatus.load=${(turn % 400) / 100}\nstatus.ram_free=${8e9 + turn}\nstatus.uptime=${turn}\n`;
      // While the head restarts nobody answers: the agent's next heartbeat comes ten seconds later, this one at once.
      const { status } = await clients.once(stormNode(index), '/node/v1/heartbeat', facts).catch(() => ({ status: 0 }));
      if (status === 200) done.done += 1;
      else done.failed += 1;
    }
  };
  if (known.length > 0) await Promise.all(Array.from({ length: 16 }, one));
}

async function strangers({ count, seed }: Orders['strangers'], done: Done): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) {
    const number = (seed * count + turn).toString(16).padStart(8, '0');
    clients.discover(`02:00:${number.match(/../g)?.join(':')}`);
    const session = number.padStart(32, '0');
    const path = turn % 2 === 0 ? `/boot/v1/${session}/kernel` : `/../${number}`;
    const { status } = await clients.once(stormNode(turn % 50), path).catch(() => ({ status: 0 }));
    if (status >= 400) done.done += 1;
    else done.failed += 1;
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  const order = JSON.parse(line) as Partial<Orders>;
  const done: Done = { done: 0, failed: 0, retries: 0, why: '' };
  const before = clients.counts.retries;
  if (order.boot) await boot(order.boot, done);
  if (order.beat) await beat(order.beat, done);
  if (order.strangers) await strangers(order.strangers, done);
  done.retries = clients.counts.retries - before;
  process.stdout.write(`${JSON.stringify(done)}\n`);
}
process.exit(0);
