// A cluster with Slurm, made by the steps of docs/file-sets.md: file sets, and a head with the same slurm.conf.
import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { ExecutionContext } from 'ava';
import type { Lab } from '../../lab/lab.ts';
import { portOf } from '../../lab/network.ts';
import { BOOTS } from '../../src/api/boots.ts';
import { NODE_FILES, type TracedNodeFile } from '../../src/api/node-files.ts';
import { runOk } from '../../src/process/run.ts';
import { until } from '../support/until.ts';
import { type SlurmHead, USER } from './slurm-head.ts';

/** In the nodes' image, besides what every image of the lab has. */
export const NODE_PACKAGES = ['munge', 'slurmd', 'slurm-client', 'chrony', 'dbus'];
const SETS = 'hosts,resolv,ssh_host_keys,known_hosts,users,chrony,munge,slurm,network,systemd,home,site';
/** The second cards of the nodes, on a network without a head. */
export const SECOND_PORTS = [8, 9];
/** Emulated nodes on a busy machine are slow. */
export const SLOW = { milliseconds: 240_000, every: 500 };
export const BOOT_MS = 600_000;

/** The user's home: a key by which every node lets the user in, and that only the user can read. */
const HOME_TOML = `
[files."/home/${USER.name}"]
owner = "${USER.name}"
group = "${USER.name}"
mode = "0700"

[files."/home/${USER.name}/.ssh"]
owner = "${USER.name}"
group = "${USER.name}"
mode = "0700"

[files."/home/${USER.name}/.ssh/id_ed25519"]
secret = true
owner = "${USER.name}"
group = "${USER.name}"
mode = "0600"
`;

/** A template with a reload, and a script that refuses what is wrong. */
const SITE_TOML = `
[[on_change]]
paths = ["/etc/site.conf"]
restart = ["chronyd"]
run = "check-site"
`;
const CHECK_SITE = '#!/bin/sh\n! grep wrong /etc/site.conf\n';

async function writeTree(folder: string, files: Readonly<Record<string, string>>): Promise<void> {
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text);
  }
}

const siteTree = (words: string): Record<string, string> => ({
  'etc/site.conf.tmpl': `{{ node.name }} ${words}\n`,
  '.fileset/set.toml': SITE_TOML,
  '.fileset/scripts/check-site': CHECK_SITE,
});

/** One test's cluster: the lab, its head with Slurm, and a folder for file sets. */
export class SlurmCluster {
  readonly t: ExecutionContext;
  readonly lab: Lab;
  readonly folder: string;

  constructor(t: ExecutionContext, lab: Lab, folder: string) {
    this.t = t;
    this.lab = lab;
    this.folder = folder;
  }

  /** Runs `muster`; any status but 0 is an error. */
  async muster(...words: string[]): Promise<string> {
    const { status, stdout, stderr } = await this.lab.muster(...words);
    if (status !== 0) throw new Error(`muster ${words.join(' ')}: status ${status}: ${stderr}${stdout}`);
    return stdout;
  }

  /** Runs a command on a node as root; returns its output. */
  async on(node: string, command: string): Promise<string> {
    const text = await this.muster('node', '-i', node, 'exec', '--', command);
    return text.replaceAll(new RegExp(`^${node}: `, 'gm'), '').trim();
  }

  async states(): Promise<string[]> {
    const states = await this.lab.client.call(NODE_FILES.states, { query: {} });
    return states.map(({ name, state }) => `${name} ${state}`);
  }

  async inStep(): Promise<void> {
    const look = async (): Promise<boolean> => (await this.states()).join() === 'n0 in-step,n1 in-step';
    await until('both nodes in step', look, { ...SLOW, seen: async () => this.muster('node', '--all', 'files') });
  }

  async updateSite(words: string): Promise<void> {
    await writeTree(join(this.folder, 'site'), siteTree(words));
    await this.muster('files', 'update', 'site', '--from', join(this.folder, 'site'));
  }

  /** A file as a node gets it. */
  async file(node: string, path: string): Promise<string> {
    const shown = await this.muster('boot', 'explain', node, '--file', path, '--json');
    const [file] = JSON.parse(shown) as TracedNodeFile[];
    return (file?.lines ?? []).map(({ text }) => `${text}\n`).join('');
  }

  /** When the head learned of each restart of chronyd by the agent of a node. */
  async restarts(node: string): Promise<number[]> {
    const [timeline] = await this.lab.client.call(BOOTS.timeline, { query: { id: node } });
    const events = timeline?.boots.at(-1)?.events ?? [];
    return events.filter(({ detail }) => /^restart of chronyd/.test(detail ?? '')).map(({ at }) => at);
  }
}

/** Steps 1 to 4 of the page. */
export async function prepare(cluster: SlurmCluster, head: SlurmHead): Promise<void> {
  const { folder, lab } = cluster;
  await mkdir(join(folder, 'munge'));
  await writeFile(join(folder, 'munge/munge.key'), '', { mode: 0o440 });
  await head.must('cp', '/etc/munge/munge.key', join(folder, 'munge/munge.key'));
  await mkdir(join(folder, 'users'));
  for (const table of ['passwd', 'group'])
    await writeFile(join(folder, 'users', table), await head.must('grep', `^${USER.name}:`, `/etc/${table}`));
  const ssh = join(folder, `home/home/${USER.name}/.ssh`);
  await writeTree(join(folder, 'home'), { '.fileset/set.toml': HOME_TOML });
  await mkdir(ssh, { recursive: true });
  await runOk('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', USER.name, '-f', join(ssh, 'id_ed25519')]);
  await copyFile(join(ssh, 'id_ed25519.pub'), join(ssh, 'authorized_keys'));
  await writeTree(join(folder, 'site'), siteTree('one'));
  for (const set of ['home', 'site']) await cluster.muster('files', 'create', set, '--from', join(folder, set));
  await cluster.muster(
    ...['attrib', 'set', `_file_sets=${SETS}`, 'systemd_enable=systemd-networkd'],
    '_interfaces=eth0=boot:yes; eth1=ip:10.55.1.0+index/16',
  );
  const lines = SECOND_PORTS.flatMap(port => {
    const { tap } = portOf(port);
    return [`tuntap add dev ${tap} mode tap`, `link set ${tap} master br1 up`];
  });
  await lab.namespace.run(
    ['ip', '-batch', '-'],
    `link add br1 type bridge forward_delay 0 stp_state 0\nlink set br1 up\n${lines.join('\n')}\n`,
  );
  await controller(cluster, head);
}

/** Gives the head what its nodes have. */
export async function controller(cluster: SlurmCluster, head: SlurmHead): Promise<void> {
  await head.controller(await cluster.file('n0', '/etc/slurm/slurm.conf'), await cluster.muster('export', 'hosts'));
}
