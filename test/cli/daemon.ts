// A living musterd on loopback for tests of the command line, and the commands run against it as child processes.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { SCYLD_NAMES } from '../../src/cli/scyld-names.ts';
import { packageRoot } from '../../src/package-root.ts';

const BIN = join(packageRoot, 'dist', 'src', 'cli', 'bin.js');
const MAIN = join(packageRoot, 'dist', 'src', 'main.js');

export interface Output {
  status: number;
  stdout: string;
  stderr: string;
}

/** A folder with every program name, and the environment in which a shell finds them. */
export class Programs {
  readonly folder: string;
  readonly environment: NodeJS.ProcessEnv;

  constructor(folder: string, socket: string) {
    this.folder = folder;
    const bin = join(folder, 'bin');
    mkdirSync(bin);
    chmodSync(BIN, 0o755);
    for (const name of ['muster', ...SCYLD_NAMES]) symlinkSync(BIN, join(bin, name));
    const path = [bin, dirname(process.execPath), process.env['PATH']].join(delimiter);
    this.environment = {
      ...process.env,
      PATH: path,
      MUSTER_SOCKET: socket,
      HOME: folder,
      NO_COLOR: '1',
      LC_ALL: 'C.UTF-8',
    };
  }

  /** `run('scyld-nodectl', 'ls')`. */
  async run(program: string, ...words: string[]): Promise<Output> {
    return finish(spawn(program, words, { env: this.environment, cwd: this.folder }));
  }

  /** With text on standard input. */
  async feed(input: string, program: string, ...words: string[]): Promise<Output> {
    const child = spawn(program, words, { env: this.environment, cwd: this.folder });
    child.stdin.end(input);
    return finish(child);
  }

  /** Sent a signal as soon as it has said something that fits; answers all that it said, and its status. */
  async signalled(
    at: { mark: RegExp; signal: NodeJS.Signals },
    program: string,
    ...words: string[]
  ): Promise<{ status: number | null; said: string }> {
    const child = spawn(program, words, {
      env: this.environment,
      cwd: this.folder,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let said = '';
    let isSent = false;
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => {
        said += chunk.toString();
        if (!isSent && at.mark.test(said)) isSent = child.kill(at.signal);
      });
    const [status] = (await once(child, 'close')) as [number | null];
    return { status, said };
  }

  /** A line as an administrator types it. */
  async shell(line: string): Promise<Output> {
    return this.run('bash', '-c', line);
  }
}

/** A daemon with a folder, a socket and a database of its own. */
export class TestDaemon extends Programs {
  readonly socket: string;
  readonly config: string;
  /** TCP port of the boot plane. */
  readonly port: number;
  private child: ChildProcess;
  private readonly start: () => ChildProcess;

  private readonly said: string[];

  private constructor(
    parts: { folder: string; socket: string; config: string; port: number },
    start: () => ChildProcess,
    child: ChildProcess,
    said: string[],
  ) {
    const { folder, socket, config, port } = parts;
    super(folder, socket);
    this.port = port;
    this.said = said;
    this.socket = socket;
    this.config = config;
    this.child = child;
    this.start = start;
  }

  /**
   * @param more lines of the configuration file; they replace those of the same keys
   * @param prepare fills the folder of the state before the daemon opens it
   * @param within words before the program, such as those of a network namespace
   */
  static async start(
    more: readonly string[] = [],
    within: (words: readonly string[]) => string[] = words => [...words],
    prepare: (state: string) => Promise<void> = async () => {},
  ): Promise<TestDaemon> {
    const folder = await mkdtemp(join(tmpdir(), 'muster-cli-'));
    const socket = join(folder, 'admin.sock');
    const config = join(folder, 'muster.toml');
    const port = await freePort();
    const lines = [
      'head.address = "127.0.0.1/24"',
      `paths.state = "${join(folder, 'state')}"`,
      `paths.socket = "${socket}"`,
      'dhcp.mode = "off"',
      'tftp.enabled = false',
      'iscsi.enabled = false',
      `paths.kickstarts = "${join(folder, 'kickstarts')}"`,
      `http.port = ${port}`,
      `https.port = ${await freePort()}`,
      `power.drivers = "${join(folder, 'power.d')}"`,
    ].filter(line => !more.some(other => other.split(' =')[0] === line.split(' =')[0]));
    lines.push(...more);
    writeFileSync(config, `${lines.join('\n')}\n`);
    await prepare(join(folder, 'state'));
    const [program = '', ...words] = within([process.execPath, MAIN, '--config', config]);
    const log: string[] = [];
    const begin = (): ChildProcess => {
      const child = spawn(program, words, { stdio: ['ignore', 'pipe', 'pipe'] });
      for (const stream of [child.stdout, child.stderr])
        stream.on('data', (chunk: Buffer) => log.push(chunk.toString()));
      return child;
    };
    const child = begin();
    await ready(child).catch(async error => {
      await rm(folder, { recursive: true, force: true });
      throw error;
    });
    return new TestDaemon({ folder, socket, config, port }, begin, child, log);
  }

  /** Everything the daemon has logged. */
  get log(): string {
    return this.said.join('');
  }

  get pid(): number | undefined {
    return this.child.pid;
  }

  /** Ends it, and starts it again when `meanwhile` is done. */
  async restart(meanwhile: () => Promise<void> = async () => {}): Promise<void> {
    await this.end();
    await meanwhile();
    this.child = this.start();
    await ready(this.child);
  }

  private async end(): Promise<void> {
    const ended = new Promise(resolve => this.child.once('exit', resolve));
    if (this.child.exitCode === null && this.child.kill('SIGTERM')) await ended;
  }

  async stop(): Promise<void> {
    await this.end();
    await rm(this.folder, { recursive: true, force: true });
  }
}

async function ready(child: ChildProcess): Promise<void> {
  let said = '';
  await new Promise<void>((resolve, reject) => {
    const hear = (chunk: Buffer): void => {
      said += chunk.toString();
      if (said.includes('musterd is ready')) resolve();
    };
    child.stdout?.on('data', hear);
    child.stderr?.on('data', hear);
    child.once('exit', code => reject(new Error(`musterd ended with ${code}: ${said}`)));
    child.once('error', reject);
  });
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise(resolve => server.close(resolve));
  return typeof address === 'object' && address ? address.port : 0;
}

async function finish(child: ChildProcess): Promise<Output> {
  let [stdout, stderr] = ['', ''];
  child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
    stdout += chunk;
  });
  child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
    stderr += chunk;
  });
  const status = await new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', code => resolve(code ?? -1));
  });
  return { status, stdout, stderr };
}
