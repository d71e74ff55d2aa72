// What a cluster with Slurm must do: jobs, ssh from node to node, services, changes of file sets, and canaries.
import { NODES } from '../../src/api/nodes.ts';
import { until } from '../support/until.ts';
import { SLOW, type SlurmCluster } from './slurm-cluster.ts';
import { type SlurmHead, USER } from './slurm-head.ts';

export async function jobsRun({ t }: SlurmCluster, head: SlurmHead): Promise<void> {
  const idle = async (): Promise<boolean> =>
    (await head.must('sinfo', '--noheader', '--Node', '--format=%N %T')).trim() === 'n0 idle\nn1 idle';
  await until('both nodes are idle', idle, {
    ...SLOW,
    seen: async () => `${await head.must('sinfo', '--Node', '--long')}${await head.lastWords()}`,
  });
  const { status, stdout, stderr } = await head.runAsUser('srun', '-N2', 'hostname');
  t.is(status, 0, stderr);
  t.deepEqual(stdout.trim().split('\n').sort(), ['n0', 'n1']);
}

/** The user goes from node to node, by both networks. */
export async function sshWorks(cluster: SlurmCluster): Promise<void> {
  const ssh = `runuser -u ${USER.name} -- ssh -o BatchMode=yes -o StrictHostKeyChecking=yes`;
  cluster.t.is(await cluster.on('n0', `${ssh} n1 hostname`), 'n1');
  cluster.t.is(await cluster.on('n1', `${ssh} n0-eth1 'hostname; id -un'`), `n0\n${USER.name}`);
}

export async function servicesAreRight(cluster: SlurmCluster): Promise<void> {
  const { t } = cluster;
  for (const [node, address] of [
    ['n0', '10.55.1.0/16'],
    ['n1', '10.55.1.1/16'],
  ] as const)
    t.regex(await cluster.on(node, 'ip -brief -4 address show dev eth1'), new RegExp(`^eth1 +UP +${address} *$`));
  for (const node of ['n0', 'n1'])
    await until(
      `chronyd of ${node} follows the head`,
      async () => /^\^\* 10\.54\.0\.1 /m.test(await cluster.on(node, 'chronyc -n sources')),
      { ...SLOW, seen: async () => cluster.on(node, 'chronyc -n sources') },
    );
  const keys = await cluster.on(
    'n0',
    'stat -c "%U %a" /etc/munge/munge.key /home/alice/.ssh/id_ed25519; systemctl is-failed munge slurmd ssh chrony systemd-networkd || true',
  );
  t.deepEqual(keys.split('\n').slice(0, 2), ['munge 400', `${USER.name} 600`]);
  t.false(keys.includes('failed'), keys);
}

/** A change of a template: within two heartbeats of each node, with its restart. */
export async function changeArrives(cluster: SlurmCluster): Promise<void> {
  const { t, lab } = cluster;
  const restarts = async () => Promise.all(['n0', 'n1'].map(async node => (await cluster.restarts(node)).length));
  const before = await restarts();
  const beats = new Map<string, Set<number>>();
  // Between two heartbeats of the usual distance even an emulated node has time to take its files
  await cluster.muster('attrib', 'set', '_status_secs=10');
  await cluster.updateSite('two');
  const changed = Date.now();
  const done = async (): Promise<boolean> => {
    const states = await cluster.states();
    for (const { name, lastSeen = 0 } of await lab.client.call(NODES.status, { query: {} })) {
      if (lastSeen < changed || states.includes(`${name} in-step`)) continue;
      beats.set(name, (beats.get(name) ?? new Set()).add(lastSeen));
    }
    return states.every(state => state.endsWith(' in-step'));
  };
  await until('both nodes have the change', done, { ...SLOW, every: 50 });
  for (const node of ['n0', 'n1']) {
    t.true((beats.get(node)?.size ?? 0) <= 2, `${node} had ${beats.get(node)?.size} heartbeats and not yet the change`);
    t.is(await cluster.on(node, 'cat /etc/site.conf'), `${node} two`);
  }
  await cluster.muster('attrib', 'set', '_status_secs=2');
  await until(
    'both restarts',
    async () => (await restarts()).every((count, at) => count === (before[at] ?? 0) + 1),
    SLOW,
  );
}

/** With releases by hand: first one node, then the other; and not the other when the first one fails. */
export async function canaries(cluster: SlurmCluster): Promise<void> {
  const { t, lab } = cluster;
  const apply = ['node', '-i', 'n[0-1]', 'files', 'apply', '--canary', '1'];
  await cluster.muster('attrib', 'set', '_files_live=manual');
  await cluster.updateSite('wrong');
  await until('both wait', async () => (await cluster.states()).join() === 'n0 pending,n1 pending', SLOW);
  const failed = await lab.muster(...apply);
  t.is(failed.status, 9, failed.stderr);
  t.regex(failed.stdout, /^n0: failed: the script site\/check-site \(change\) ended with 1: n0 wrong/);
  t.regex(failed.stderr, /the others keep their files/);
  t.is(await cluster.on('n1', 'cat /etc/site.conf'), 'n1 two');
  t.true((await cluster.states()).includes('n1 pending'));

  await cluster.updateSite('three');
  const count = (await cluster.restarts('n1')).length;
  await cluster.muster(...apply);
  await cluster.inStep();
  t.is(await cluster.on('n1', 'cat /etc/site.conf'), 'n1 three');
  const second = await until('the restart on n1', async () => (await cluster.restarts('n1'))[count], SLOW);
  const first = (await cluster.restarts('n0')).at(-1) ?? Number.POSITIVE_INFINITY;
  t.true(first < second, `n0 at ${first}, n1 at ${second}`);
}
