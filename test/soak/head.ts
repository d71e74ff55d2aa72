// The head of a soak: musterd as a process of its own, which is stopped, killed and started again, and measured from outside.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, statSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { AdminClient } from '../../src/api/client.ts';
import { packageRoot } from '../../src/package-root.ts';
import { SqliteConnection } from '../../src/store/sqlite.ts';
import type { Sample } from './flat.ts';

const MIB = 2 ** 20;

export class SoakHead {
  readonly client: AdminClient;
  /** Milliseconds that its clock is ahead of this machine's. */
  ahead = 0;
  /** Bytes that it has logged. */
  logged = 0;
  private readonly folder: string;
  private readonly words: (command: readonly string[]) => [string, string[]];
  private child: ChildProcess | undefined;
  private lastWords = '';

  /** @param words what goes before a program that runs in the head's network */
  constructor(folder: string, words: (command: readonly string[]) => [string, string[]]) {
    this.folder = folder;
    this.words = words;
    this.client = new AdminClient({ socket: join(folder, 'admin.sock'), user: 'soak' });
  }

  async start(): Promise<void> {
    const program = [process.execPath, '--expose-gc', '--import', join(import.meta.dirname, 'clock.js')];
    const [command, args] = this.words([
      ...program,
      join(packageRoot, 'dist/src/main.js'),
      '--config',
      join(this.folder, 'muster.toml'),
    ]);
    const control = join(this.folder, `control-${process.hrtime.bigint()}`);
    const env = { ...process.env, SOAK_CONTROL: control, SOAK_AHEAD: String(this.ahead) };
    const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'pipe'], env });
    this.child = child;
    this.control = control;
    const ready = new Promise<void>((resolve, reject) => {
      child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
        this.logged += chunk.length;
        this.lastWords = (this.lastWords + chunk).slice(-4000);
        if (this.lastWords.includes('musterd is ready')) resolve();
      });
      child.once('exit', status => reject(new Error(`musterd ended with ${status}: ${this.lastWords}`)));
    });
    await ready;
    this.lastWords = '';
  }

  private control = '';

  async stop(signal: NodeJS.Signals): Promise<void> {
    const { child } = this;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    child.kill(signal);
    await once(child, 'exit');
    if (signal === 'SIGTERM' && child.exitCode !== 0)
      throw new Error(`musterd did not stop cleanly, but with ${child.exitCode}: ${this.lastWords}`);
  }

  /** Puts its clock forward. */
  async putAhead(milliseconds: number): Promise<void> {
    this.ahead += milliseconds;
    await this.ask(`ahead ${milliseconds}`);
  }

  /** Looks at everything that might grow. @param boots how many boots there were since the last look, with `logged` bytes */
  async measure(boots: number, logged: number): Promise<Sample> {
    const memory = (await this.ask('look')) as NodeJS.MemoryUsage;
    const state = join(this.folder, 'state');
    const counts = await this.rows(join(state, 'muster.db'));
    return {
      rss: memory.rss / MIB,
      heap: memory.heapUsed / MIB,
      external: memory.external / MIB,
      descriptors: readdirSync(`/proc/${this.child?.pid}/fd`).length,
      database: sizeOf(join(state, 'muster.db')) / MIB,
      journal: sizeOf(join(state, 'muster.db-wal')) / MIB,
      ...counts,
      blobs: filesBelow(join(state, 'blobs')).length,
      state: filesBelow(state).reduce((sum, file) => sum + sizeOf(file), 0) / MIB,
      log: logged / 1024 / Math.max(1, boots),
    };
  }

  private async rows(file: string): Promise<{ boots: number; audit: number }> {
    const database = await SqliteConnection.open(file);
    try {
      const [row] = await database.all(
        'SELECT (SELECT count(*) FROM boots) AS boots, (SELECT count(*) FROM changes) AS audit',
      );
      return { boots: Number(row?.['boots']), audit: Number(row?.['audit']) };
    } finally {
      await database.close();
    }
  }

  private async ask(line: string): Promise<unknown> {
    const socket = connect(this.control);
    socket.write(`${line}\n`);
    return JSON.parse(await text(socket));
  }
}

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .map(entry => join(entry.parentPath, entry.name));
}

function sizeOf(file: string): number {
  try {
    return statSync(file).size;
  } catch {
    // It went meanwhile, or is not there yet.
    return 0;
  }
}
