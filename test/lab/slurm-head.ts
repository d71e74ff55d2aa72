// A head that runs Slurm: Debian's own munged, slurmctld and chronyd in the lab's network, with a copy of /etc and an empty /var.
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Lab } from '../../lab/lab.ts';
import { HEAD } from '../../lab/network.ts';
import { type LabProcess, SYSTEM_PATH, startProcess, tailOf } from '../../lab/process.ts';
import { type RunResult, run } from '../../src/process/run.ts';
import { until } from '../support/until.ts';

/** What the services need of the machine. */
export const SLURM_PROGRAMS = ['munged', 'mungekey', 'slurmctld', 'scontrol', 'sinfo', 'srun', 'chronyd', 'ssh-keygen'];

/** A user of the cluster, on the head and, by file sets, on its nodes. */
export const USER = { name: 'alice', uid: 4711 } as const;
const PASSWD = `${USER.name}:x:${USER.uid}:${USER.uid}::/home/${USER.name}:/bin/sh`;
const GROUP = `${USER.name}:x:${USER.uid}:`;

/** The mount namespace has what the services write; $1 is an empty folder. */
const MOUNTS = `set -e
hostname lab
mount -t tmpfs -o mode=755 tmpfs "$1"
cp -a /etc/. "$1"
mount --bind "$1" /etc
for place in /var /run; do mount -t tmpfs -o mode=755 tmpfs "$place"; done
mkdir -p /etc/slurm
install -d -o munge -g munge -m 0700 /etc/munge
install -d -o munge -g munge /run/munge /var/lib/munge /var/log/munge
install -d -o slurm -g slurm /var/spool/slurmctld
install -d -m 0750 /run/chrony
echo '${HEAD.address} lab' >>/etc/hosts
echo '${PASSWD}' >>/etc/passwd
echo '${GROUP}' >>/etc/group
printf 'local stratum 10\\nallow ${HEAD.cidr}\\n' >/etc/chrony/chrony.conf
echo ready
exec sleep infinity`;

export class SlurmHead {
  private readonly lab: Lab;
  private readonly holder: LabProcess;
  private readonly services = new Map<string, LabProcess>();

  private constructor(lab: Lab, holder: LabProcess) {
    this.lab = lab;
    this.holder = holder;
  }

  /** Returns when munged and chronyd answer; slurmctld needs a slurm.conf first. */
  static async start(lab: Lab): Promise<SlurmHead> {
    const etc = join(lab.folder, 'etc');
    await mkdir(etc);
    const log = join(lab.logs, 'slurm-head.log');
    const words = ['unshare', '--mount', '--uts', 'sh', '-c', MOUNTS, 'sh', etc];
    const holder = await startProcess({ name: 'the head', command: lab.namespace.command(words), log });
    const head = new SlurmHead(lab, holder);
    const begun = async (): Promise<boolean> => holder.status() !== undefined || /^ready$/m.test(await tailOf(log));
    await until('the mounts of the head', begun);
    await head.must('mungekey', '--create', '--force');
    await head.must('chown', 'munge:munge', '/etc/munge/munge.key');
    await head.serve('munged', as('munge', 'munged', '--foreground'));
    await head.serve('chronyd', ['chronyd', '-x', '-d', '-u', 'root']);
    await head.answers(/^MUNGE:/, 'munge', '-n');
    return head;
  }

  /** Gives the head its slurm.conf and the names of its nodes, and starts slurmctld with them. */
  async controller(slurmConf: string, hosts: string): Promise<void> {
    await this.services.get('slurmctld')?.stop();
    await this.write('/etc/slurm/slurm.conf', slurmConf);
    await this.write('/etc/hosts', `127.0.0.1 localhost\n${hosts}`);
    await this.serve('slurmctld', as('slurm', 'slurmctld', '-D'));
    await this.answers(/ is UP/, 'scontrol', 'ping');
  }

  /** Runs a program as the cluster's user. */
  async runAsUser(...words: string[]): Promise<RunResult> {
    const id = String(USER.uid);
    return this.inside(['setpriv', `--reuid=${id}`, `--regid=${id}`, '--clear-groups', ...words]);
  }

  /** Runs a program that must end well; returns its output. */
  async must(...words: string[]): Promise<string> {
    const { status, stdout, stderr } = await this.inside(words);
    if (status !== 0) throw new Error(`${words.join(' ')}: status ${status}: ${stderr}${stdout}`);
    return stdout;
  }

  async stop(): Promise<void> {
    for (const service of [...this.services.values()].reverse()) await service.stop();
    await this.holder.stop();
    await rm(join(this.lab.folder, 'etc'), { recursive: true, force: true });
  }

  /** The ends of the services' logs. */
  async lastWords(): Promise<string> {
    const names = ['slurm-head', ...this.services.keys()];
    const ends = await Promise.all(names.map(async name => tailOf(join(this.lab.logs, `${name}.log`), 15)));
    return names.map((name, at) => `${name}:\n${ends[at]}`).join('\n');
  }

  private async write(path: string, text: string): Promise<void> {
    const { status, stderr } = await this.inside(['tee', path], text);
    if (status !== 0) throw new Error(`${path}: ${stderr}`);
  }

  private async answers(sign: RegExp, ...words: string[]): Promise<void> {
    const works = async (): Promise<boolean> => {
      const ended = [...this.services].find(([, service]) => service.status() !== undefined);
      if (ended) throw new Error(`${ended[0]} has ended:\n${await tailOf(ended[1].log)}`);
      return sign.test((await this.inside(words)).stdout);
    };
    await until(`${words.join(' ')} to work`, works, { every: 200, seen: async () => this.lastWords() });
  }

  private async serve(name: string, words: string[]): Promise<void> {
    const log = join(this.lab.logs, `${name}.log`);
    this.services.set(name, await startProcess({ name, command: this.command(words), log }));
  }

  private async inside(words: readonly string[], input?: string): Promise<RunResult> {
    const [program = '', ...args] = this.command(words);
    return run(program, args, { env: { PATH: SYSTEM_PATH }, cwd: '/', ...(input !== undefined && { input }) });
  }

  private command(words: readonly string[]): string[] {
    const join = ['nsenter', '--target', String(this.holder.pid), '--mount', '--uts', '--wd=/', '--'];
    return this.lab.namespace.command([...join, ...words]);
  }
}

/** A service under its own user; the kernel ends it with the test (a change of the user forgets that). */
function as(user: string, ...words: string[]): string[] {
  return ['setpriv', `--reuid=${user}`, `--regid=${user}`, '--init-groups', '--pdeathsig=KILL', ...words];
}
