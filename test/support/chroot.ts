// A Debian of its own in a folder, for tests that install packages: nothing of the machine's own but its kernel.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { run, runOk } from '../../src/process/run.ts';

const ENVIRONMENT = [
  'PATH=/usr/sbin:/usr/bin:/sbin:/bin',
  'LC_ALL=C.UTF-8',
  'HOME=/root',
  'DEBIAN_FRONTEND=noninteractive',
];

/** A Debian in a folder, its processes in namespaces that end with the test. */
export class Chroot {
  readonly root: string;
  private readonly t: ExecutionContext;
  private holder: ChildProcess | undefined;

  constructor(t: ExecutionContext, root: string) {
    this.t = t;
    this.root = root;
  }

  async make(): Promise<void> {
    await runOk('mmdebstrap', ['--variant=minbase', 'bookworm', this.root], { env: { LC_ALL: 'C.UTF-8' } });
    // As in any container: what is installed is not started.
    writeFileSync(this.path('usr/sbin/policy-rc.d'), '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  }

  /** Makes the namespaces; its root is a mount, as that of a machine is. @param command puts a command into a network that is there; a network with nothing in it when absent */
  async enter(command?: (words: readonly string[]) => readonly string[]): Promise<void> {
    const [program = '', ...before] = command?.(['unshare']) ?? ['unshare', '--net'];
    this.holder = spawn(
      program,
      [
        ...before,
        '--mount',
        '--pid',
        '--fork',
        '--kill-child',
        'sh',
        '-c',
        'ip link set lo up && mount --bind "$1" "$1" && mount -t proc proc "$1/proc" && mount -t sysfs sys "$1/sys" && echo ready && exec cat',
        'sh',
        this.root,
      ],
      { stdio: ['pipe', 'pipe', 'inherit'] },
    );
    this.t.teardown(async () => {
      const ended = this.holder && once(this.holder, 'exit');
      this.holder?.stdin?.end();
      await ended;
    });
    if (this.holder.stdout) await once(this.holder.stdout, 'data');
  }

  /** The words before a program that runs inside. `unshare --fork` is the parent of the namespace's first process. */
  private inside(): string[] {
    const parent = this.holder?.pid ?? 0;
    const child = readFileSync(`/proc/${parent}/task/${parent}/children`, 'utf8').trim();
    return ['--target', child, '--net', '--mount', '--pid', 'chroot', this.root, '/usr/bin/env', '-i', ...ENVIRONMENT];
  }

  /** Runs a shell command with the network of this machine; only before `enter`. */
  async shellOutside(command: string): Promise<string> {
    const words = [
      '--mount',
      '--pid',
      '--fork',
      '--kill-child',
      'sh',
      '-c',
      'mount -t proc proc "$0/proc" && exec "$@"',
    ];
    const inside = ['chroot', this.root, '/usr/bin/env', '-i', ...ENVIRONMENT, 'sh', '-c', `cd /root && ${command}`];
    return runOk('unshare', [...words, this.root, ...inside]);
  }

  async shell(command: string): Promise<string> {
    return this.run('sh', '-c', `cd /root && ${command}`);
  }

  async run(...words: string[]): Promise<string> {
    return runOk('nsenter', [...this.inside(), ...words]);
  }

  async status(...words: string[]): Promise<number> {
    return (await run('nsenter', [...this.inside(), ...words])).status;
  }

  path(...parts: string[]): string {
    return join(this.root, ...parts);
  }

  /** What `systemctl enable --now musterd` would start: both units, with the rights that they have. The answer stops both. */
  async units(): Promise<() => Promise<void>> {
    const stop = await this.musterd(['MUSTER_RADVD_CONF=/run/musterd/radvd.conf']);
    const unit = readFileSync(this.path('usr/lib/systemd/system/musterd-radvd.service'), 'utf8');
    const [, command = ''] = /^ExecStart=(.*)$/m.exec(unit) ?? [];
    mkdirSync(this.path('run/musterd-radvd'), { recursive: true });
    await this.run('chown', 'nobody:nogroup', '/run/musterd-radvd');
    const radvd = spawn(
      'nsenter',
      [...this.inside(), ...privileges('nobody', 'nogroup', 'net_raw'), ...command.split(' ')],
      { stdio: ['ignore', 'ignore', 'pipe'] },
    );
    let said = '';
    radvd.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      said += chunk;
    });
    const ended = once(radvd, 'exit');
    return async () => {
      this.t.is(radvd.exitCode, null, `radvd ended: ${said}`);
      await this.run('sh', '-c', 'kill -TERM "$(cat /run/musterd-radvd/radvd.pid)"');
      await ended;
      await stop();
    };
  }

  /** As the unit starts it: the user muster with one capability. Resolves when it serves; the answer stops it. */
  async musterd(environment: readonly string[] = []): Promise<() => Promise<void>> {
    mkdirSync(this.path('run/musterd'), { recursive: true });
    await this.run('chown', 'muster:muster', '/run/musterd');
    const daemon = spawn(
      'nsenter',
      [...this.inside(), ...environment, ...privileges('muster', 'muster', 'net_bind_service'), '/usr/bin/musterd'],
      { stdio: ['ignore', 'ignore', 'pipe'] },
    );
    const ended = once(daemon, 'exit');
    let said = '';
    daemon.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      said += chunk;
    });
    while (!said.includes('musterd is ready')) {
      if (daemon.exitCode !== null) throw new Error(said);
      await Promise.race([once(daemon.stderr, 'data'), ended]);
    }
    const health = JSON.parse(await this.run('muster', 'status', '--json')) as { pid: number };
    return async () => {
      // Its number inside: nsenter passes no signal on.
      await this.run('sh', '-c', `kill -TERM ${health.pid}`);
      const [code] = await ended;
      this.t.is(code, 0, said);
    };
  }
}

/** Words before a program that give it a user and one capability, as a unit does. */
function privileges(user: string, group: string, capability: string): string[] {
  const only = `-all,+${capability}`;
  return [
    'setpriv',
    ...[`--reuid=${user}`, `--regid=${group}`, '--clear-groups'],
    ...[`--bounding-set=${only}`, `--inh-caps=${only}`, `--ambient-caps=${only}`, '--no-new-privs'],
  ];
}
