// The Slurm recipe of OpenHPC in docs/file-sets.md: Debian's slurmctld and munged on the head, two nodes from one image, and file
// sets for everything that they need to be a cluster.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { cachePlan, ensureImage } from '../../../lab/image-cache.ts';
import { labRecipe, withPackages } from '../../../lab/recipe.ts';
import { requireLab, withLab } from '../../support/lab.ts';
import { requireAll } from '../../support/require.ts';
import { BOOT_MS, controller, NODE_PACKAGES, prepare, SECOND_PORTS, SlurmCluster } from '../slurm-cluster.ts';
import { SLURM_PROGRAMS, SlurmHead } from '../slurm-head.ts';
import { canaries, changeArrives, jobsRun, servicesAreRight, sshWorks } from '../slurm-steps.ts';

async function withCluster(t: ExecutionContext, body: (cluster: SlurmCluster, head: SlurmHead) => Promise<void>) {
  const recipe = withPackages(labRecipe(), ...NODE_PACKAGES);
  const files = await ensureImage(undefined, undefined, cachePlan(recipe));
  const folder = await mkdtemp(join(tmpdir(), 'muster-openhpc-'));
  t.teardown(async () => rm(folder, { recursive: true, force: true }));
  const machines = Object.fromEntries(SECOND_PORTS.map((secondPort, index) => [index, { secondPort }]));
  const options = {
    ...{ files, nodes: 2, machines, attributes: { _status_secs: '2' }, cmdline: 'net.ifnames=0' },
    config: `\n[files]\nfolder = "${folder}"\n`,
  };
  await withLab(t, options, async lab => {
    const head = await SlurmHead.start(lab);
    try {
      await body(new SlurmCluster(t, lab, folder), head);
    } catch (error) {
      t.log(await head.lastWords());
      throw error;
    } finally {
      await head.stop();
    }
  });
}

test.serial('Slurm on two nodes from one image and file sets: jobs, ssh, changes, canaries, and a reboot', async t => {
  t.timeout(900_000);
  if (!requireAll(t, { programs: SLURM_PROGRAMS }) || !requireLab(t)) return;
  await withCluster(t, async (cluster, head) => {
    const begun = performance.now();
    const mark = (what: string): void => t.log(`${((performance.now() - begun) / 1000).toFixed(0)} s: ${what}`);
    await prepare(cluster, head);
    mark('the head is prepared');
    await Promise.all([0, 1].map(async index => cluster.lab.bootUp(index, { timeoutMs: BOOT_MS })));
    mark('both nodes are up');
    await cluster.inStep();
    // Now the nodes have reported their hardware
    await controller(cluster, head);
    t.regex(await cluster.file('n0', '/etc/slurm/slurm.conf'), /^NodeName=n\[0-1\] CPUs=1 RealMemory=\d+ /m);
    await jobsRun(cluster, head);
    mark('a job ran on both');
    await sshWorks(cluster);
    await servicesAreRight(cluster);
    mark('ssh, the second interface and chrony work');
    await changeArrives(cluster);
    mark('a change arrived');
    await canaries(cluster);
    mark('canaries');

    const hostKeys = async () => cluster.on('n1', 'sha256sum /etc/ssh/ssh_host_e*_key');
    const keys = await hostKeys();
    t.is(await cluster.muster('node', '-i', 'n1', 'reboot', '--wait'), 'n1: up (soft)\n');
    mark('n1 is up again');
    t.is(await hostKeys(), keys);
    await sshWorks(cluster);
    await jobsRun(cluster, head);
    mark('a job ran on both again');
  });
});
