// Nodes behind a real relay agent whose networks have no way to the head: without a router, and with one that does not route.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import type { Lab } from '../../../lab/lab.ts';
import { type LabProcess, startProcess } from '../../../lab/process.ts';
import { runOk } from '../../../src/process/run.ts';
import { withLab } from '../../support/lab.ts';
import { findProgram, requireAll } from '../../support/require.ts';
import { until } from '../../support/until.ts';
import { isNamed, muster } from '../named.ts';

const CONFIG = `
[[networks]]
name = "rack2"
subnet = "10.56.0.0/24"

[[networks]]
name = "rack3"
subnet = "10.57.0.0/24"
router = "10.57.0.254"
`;
/** The network of the node with this index. */
const RACKS = ['10.56.0', '10.57.0'];
const RELAY = '10.54.0.3';

/** Puts each node onto a switch that only the relay agent connects with the head's. The agent forwards no packets. */
async function relayed(lab: Lab, started: LabProcess[]): Promise<void> {
  const router = await startProcess({
    name: 'the machine of the relay agent',
    command: lab.namespace.command(['unshare', '--net', 'sleep', 'infinity']),
    log: join(lab.logs, 'relay-machine.log'),
  });
  started.push(router);
  // Until then it is in the lab's own namespace.
  const hasStarted = async (): Promise<boolean> =>
    (await readFile(`/proc/${router.pid}/comm`, 'utf8')).trim() === 'sleep';
  await until('the machine of the relay agent has started', hasStarted);
  const inside = (words: string): string[] => ['nsenter', '-t', `${router.pid}`, '-n', ...words.split(' ')];
  const outside = RACKS.map((rack, index) => [
    `link add rack${index} type bridge forward_delay 0 stp_state 0`,
    `link set rack${index} up`,
    `link add port${index} type veth peer name down${index} netns ${router.pid}`,
    `link set port${index} master rack${index} up`,
    `link set ${lab.node(index).tap} master rack${index}`,
    `route add ${rack}.0/24 via ${RELAY}`,
  ]);
  const uplink = [`link add port-up type veth peer name uplink netns ${router.pid}`, 'link set port-up master br0 up'];
  await lab.namespace.run(['ip', '-batch', '-'], `${[...uplink, ...outside.flat()].join('\n')}\n`);
  const addresses = [
    `addr add ${RELAY}/24 dev uplink`,
    ...RACKS.map((rack, index) => `addr add ${rack}.254/24 dev down${index}`),
  ];
  const links = ['lo', 'uplink', ...RACKS.map((_, index) => `down${index}`)].map(link => `link set ${link} up`);
  for (const words of [...addresses, ...links]) {
    const [program = '', ...args] = inside(`ip ${words}`);
    await runOk(program, args);
  }
  const dhcrelay = findProgram('dhcrelay') ?? 'dhcrelay';
  const agent = await startProcess({
    name: 'the relay agent',
    command: lab.namespace.command(inside(`${dhcrelay} -4 -d --no-pid -iu uplink -id down0 -id down1 10.54.0.1`)),
    log: join(lab.logs, 'relay-agent.log'),
  });
  started.push(agent);
}

test('a network behind a relay agent that has no router, and one whose router does not route', async t => {
  if (!requireAll(t, { programs: ['dhcrelay'] })) return;
  await withLab(t, { nodes: RACKS.length, memory: 512, config: CONFIG }, async lab => {
    const started: LabProcess[] = [];
    try {
      await relayed(lab, started);
      for (const [index, rack] of RACKS.entries()) {
        await muster(lab, 'node', '-i', `n${index}`, 'update', `ip=${rack}.${100 + index}`);
        await lab.node(index).powerOn();
      }
      const noRouter =
        /no route to the head 10\.54\.0\.1: its network rack2 \(10\.56\.0\.0\/24\) is behind a relay agent, and has no router\.\n/;
      await isNamed(t, lab, 0, 'no-way-to-head', noRouter);
      const noRoute = /its router 10\.57\.0\.254 does not forward to the head/;
      await isNamed(t, lab, 1, 'router-does-not-route', noRoute);
    } finally {
      for (const process of started.reverse()) await process.stop();
    }
  });
});
