// The lab's head: musterd as a separate process in the lab's network, with its configuration and its log.

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { AdminClient } from '../src/api/client.ts';
import { DAEMON } from '../src/api/daemon.ts';
import { monotonicNow } from '../src/clock.ts';
import { MusterError } from '../src/errors.ts';
import { packageRoot } from '../src/package-root.ts';
import type { Namespace } from './namespace.ts';
import { HEAD } from './network.ts';
import { type LabProcess, startProcess, tailOf } from './process.ts';

/** How long musterd may take to answer. */
const START_MS = 30_000;

export interface HeadOptions {
  folder: string;
  logs: string;
  /** Lines added to the configuration file (TOML), in separate sections. */
  config?: string;
}

export class LabHead {
  readonly socket: string;
  readonly state: string;
  readonly log: string;
  private readonly namespace: Namespace;
  private readonly options: HeadOptions;
  private process: LabProcess | undefined;

  constructor(namespace: Namespace, options: HeadOptions) {
    this.namespace = namespace;
    this.options = options;
    this.socket = join(options.folder, 'admin.sock');
    this.state = join(options.folder, 'state');
    this.log = join(options.logs, 'musterd.log');
  }

  get pid(): number | undefined {
    return this.process?.status() === undefined ? this.process?.pid : undefined;
  }

  /** Returns when musterd answers on its socket. */
  async start(): Promise<void> {
    const config = join(this.options.folder, 'muster.toml');
    await writeFile(config, this.configuration());
    this.process = await startProcess({
      name: 'musterd',
      command: this.namespace.command([process.execPath, join(packageRoot, 'dist/src/main.js'), '--config', config]),
      log: this.log,
    });
    await this.answers();
  }

  kill(signal: NodeJS.Signals): void {
    this.process?.kill(signal);
  }

  /** SIGKILL; returns when it is gone. */
  async crash(): Promise<void> {
    this.process?.kill('SIGKILL');
    await this.process?.exited;
  }

  async stop(): Promise<void> {
    await this.process?.stop(10_000);
  }

  async lastWords(lines = 20): Promise<string> {
    return await tailOf(this.log, lines);
  }

  private configuration(): string {
    const quoted = (text: string): string => JSON.stringify(text);
    return `[head]
name = "lab"
address = ${quoted(HEAD.cidr)}
interface = ${quoted(HEAD.interface)}

[paths]
state = ${quoted(this.state)}
socket = ${quoted(this.socket)}
${this.options.config ?? ''}`;
  }

  private async answers(): Promise<void> {
    const client = new AdminClient({ socket: this.socket });
    const until = monotonicNow() + START_MS;
    try {
      while (!(await this.isItself(client))) {
        const ended = this.process?.status();
        if (ended === undefined && monotonicNow() < until) await sleep(50);
        else throw new MusterError('not-running', await this.whyNot(ended));
      }
    } finally {
      await client.close();
    }
  }

  private async isItself(client: AdminClient): Promise<boolean> {
    const health = await client.call(DAEMON.health).catch(() => undefined);
    return health?.pid === this.process?.pid;
  }

  private async whyNot(status: number | undefined): Promise<string> {
    const reason = status === undefined ? `does not answer after ${START_MS / 1000} s` : `ended with status ${status}`;
    return `The lab's musterd ${reason}. Its log ends:\n${await tailOf(this.log)}`;
  }
}
