// Exports, read by the programs they are for.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { ExportedNode, ExportFacts } from '../../src/exports/facts.ts';
import { EXPORT_FORMATS, EXPORTS } from '../../src/exports/table.ts';
import { hostKey } from '../../src/files/derived.ts';
import { run, runOk } from '../../src/process/run.ts';
import { requireAll } from '../support/require.ts';

const node = (index: number, more: Partial<ExportedNode> = {}): ExportedNode => ({
  name: `n${index}`,
  hostname: `n${index}`,
  ip: `10.54.0.${100 + index}`,
  mac: `52:54:00:00:00:0${index}`,
  state: 'up',
  groups: ['compute'],
  attributes: { rack: 'r 1,2', _boot_config: 'DefaultBoot', slot: String(index) },
  interfaces: [
    { name: 'eno1', boot: true, mac: `52:54:00:00:00:0${index}`, addresses: [`10.54.0.${100 + index}`] },
    { name: 'ib0', boot: false, mac: '', addresses: [`10.55.0.${100 + index}`, `fd00::${index}`] },
  ],
  hardware: { cpus: '8', memory_kb: '16384000' },
  hostKeys: [hostKey(Buffer.alloc(32, 'k'), String(index).padStart(32, '0'), 'ed25519').public],
  ...more,
});

const FACTS: ExportFacts = {
  domain: 'cluster.example',
  cluster: 'blue',
  head: { name: 'head1', address: '10.54.0.1' },
  nodes: [
    node(0),
    node(1),
    node(2, {
      groups: ['compute', 'gpu-big'],
      hostname: 'login.other.example',
      hardware: { sockets: '2', cores_per_socket: '16', threads_per_core: '2', memory_kb: '1000000' },
    }),
  ],
  now: Date.UTC(2026, 0, 1),
  port: 9100,
};
const EMPTY: ExportFacts = { ...FACTS, nodes: [] };

async function written(t: ExecutionContext, name: keyof typeof EXPORTS, facts = FACTS): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'muster-export-'));
  t.teardown(async () => rm(folder, { recursive: true, force: true }));
  const file = join(folder, name);
  await writeFile(file, EXPORTS[name].write(facts));
  return file;
}

test('every format ends its lines, and a cluster without nodes gives no broken file', t => {
  for (const format of EXPORT_FORMATS) {
    t.regex(EXPORTS[format].write(FACTS), /[^\n]\n$/, format);
    const empty = EXPORTS[format].write(EMPTY);
    t.true(empty === '' || empty.endsWith('\n'), format);
    t.notRegex(empty, /undefined|NaN/, format);
  }
});

test('hosts(5): each address once, with all names of the machine there', t => {
  t.is(
    EXPORTS.hosts.write({ ...FACTS, nodes: FACTS.nodes.slice(2) }),
    [
      '10.54.0.1   head1.cluster.example head1',
      '10.54.0.102 login.other.example login n2',
      '10.55.0.102 login-ib0.cluster.example login-ib0 n2-ib0',
      'fd00::2     login-ib0.cluster.example login-ib0 n2-ib0',
      '',
    ].join('\n'),
  );
});

test('ssh-keygen finds a node by name, host name and address in known_hosts', async t => {
  const file = await written(t, 'known_hosts');
  for (const name of ['n0', 'n0.cluster.example', '10.54.0.100', '10.55.0.100', 'login', 'n1-ib0'])
    t.regex(await runOk('ssh-keygen', ['-F', name, '-f', file]), /ssh-ed25519/, name);
  t.is((await run('ssh-keygen', ['-F', 'n9', '-f', file])).status, 1);
});

test('ssh reads ssh_config and takes the address from it', async t => {
  const file = await written(t, 'ssh_config');
  const said = await runOk('ssh', ['-G', '-F', file, 'login.other.example']);
  t.regex(said, /^hostname 10\.54\.0\.102$/m);
  t.regex(said, /^hostkeyalias n2$/m);
});

test('dnsmasq accepts its file', async t => {
  if (!requireAll(t, { programs: ['dnsmasq'] })) return;
  const file = await written(t, 'dnsmasq');
  const { status, stderr } = await run('dnsmasq', ['--test', `--conf-file=${file}`]);
  t.is(status, 0, stderr);
});

test('named-checkzone loads the zone', async t => {
  if (!requireAll(t, { programs: ['named-checkzone'] })) return;
  for (const facts of [FACTS, EMPTY, { ...FACTS, domain: '' }]) {
    const file = await written(t, 'zone', facts);
    const { status, stdout } = await run('named-checkzone', [facts.domain || 'cluster', file]);
    t.is(status, 0, stdout);
  }
});

test('Ansible knows hosts, groups and variables', async t => {
  if (!requireAll(t, { programs: ['ansible-inventory'] })) return;
  const file = `${await written(t, 'ansible')}.yml`;
  await writeFile(file, EXPORTS.ansible.write(FACTS));
  const list = JSON.parse(await runOk('ansible-inventory', ['-i', file, '--list'], { env: { HOME: tmpdir() } })) as {
    _meta: { hostvars: Record<string, Record<string, unknown>> };
    compute: { hosts: string[] };
    gpu_big: { hosts: string[] };
  };
  t.deepEqual(list.compute.hosts, ['n0', 'n1', 'n2']);
  t.deepEqual(list.gpu_big.hosts, ['n2']);
  t.like(list._meta.hostvars['n1'], { ansible_host: '10.54.0.101', muster_attributes: { rack: 'r 1,2', slot: '1' } });
});

test('nodeattr reads genders', async t => {
  if (!requireAll(t, { programs: ['nodeattr'] })) return;
  const file = await written(t, 'genders');
  t.is((await run('nodeattr', ['-f', file, '-k'])).status, 0);
  t.is(await runOk('nodeattr', ['-f', file, '-c', 'gpu-big']), 'n2\n');
  t.is(await runOk('nodeattr', ['-f', file, '-v', 'n1', 'slot']), '1\n');
  t.is(await runOk('nodeattr', ['-f', file, '-v', 'n1', 'rack']), 'r_1_2\n');
});

test('nodeset reads the groups of ClusterShell', async t => {
  if (!requireAll(t, { programs: ['nodeset'] })) return;
  const file = await written(t, 'clustershell');
  const config = `${file}.conf`;
  await writeFile(
    config,
    `[Main]\ndefault: muster\n[muster]\nmap: sed -n 's/^$GROUP:\\(.*\\)/\\1/p' ${file}\nlist: sed -n 's/:.*//p' ${file}\n`,
  );
  t.is(await runOk('nodeset', ['--groupsconf', config, '-e', '@compute']), 'n0 n1 n2\n');
  t.is(await runOk('nodeset', ['--groupsconf', config, '-e', '@gpu-big']), 'n2\n');
});

test('slurmd finds its node in the lines for slurm.conf', async t => {
  if (!requireAll(t, { programs: ['slurmd'] })) return;
  const lines = EXPORTS.slurm.write(FACTS);
  t.is(
    lines,
    [
      'NodeName=n[0-1] CPUs=8 RealMemory=16000 State=UNKNOWN',
      'NodeName=n2 Sockets=2 CoresPerSocket=16 ThreadsPerCore=2 RealMemory=976 State=UNKNOWN',
      '',
    ].join('\n'),
  );
  const file = await written(t, 'slurm');
  await writeFile(file, `ClusterName=blue\nSlurmctldHost=head1\n${lines}PartitionName=all Nodes=ALL Default=YES\n`);
  const { status, stdout, stderr } = await run('slurmd', ['-C', '-f', file, '-N', 'n2']);
  t.is(status, 0, stdout + stderr);
});

test('Prometheus gets a target for each node, with its labels', t => {
  const [first] = JSON.parse(EXPORTS['prometheus-sd'].write(FACTS)) as object[];
  t.deepEqual(first, {
    targets: ['10.54.0.100:9100'],
    labels: { node: 'n0', state: 'up', groups: 'compute', cluster: 'blue' },
  });
});
