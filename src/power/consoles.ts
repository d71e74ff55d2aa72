// Serial consoles: one program (or socket) per node for any number of viewers, and a log of the output while anybody watches.
import { mkdir } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { type Duplex, PassThrough, type Readable, type Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { MusterError, reasonOf } from '../errors.ts';
import { DIES_WITH_PARENT, run, stream } from '../process/run.ts';
import { quoteWords } from '../shell-words.ts';
import { ConsoleLog } from './console-log.ts';
import type { ConsoleProgram } from './driver.ts';

interface Line {
  output: Readable;
  input: Writable;
  end(): void;
}

interface Shared {
  line: Line;
  log: ConsoleLog;
  lookers: Set<Writable>;
}

/** A viewer that does not read is dropped when this many bytes wait for it. */
const WAITING_LIMIT = 1 << 20;

export class Consoles {
  private readonly folder: string;
  private readonly open = new Map<string, Promise<Shared>>();

  constructor(folder: string) {
    this.folder = folder;
  }

  logFile(name: string): string {
    return join(this.folder, `${name}.log`);
  }

  /** Connects keyboard and screen to the node's console; resolves when either side has ended. */
  async attach(
    node: { uid: string; name: string },
    program: () => Promise<ConsoleProgram>,
    keyboard: Readable,
    screen: Writable,
  ): Promise<void> {
    const opening = this.open.get(node.uid) ?? this.start(node, program);
    this.open.set(node.uid, opening);
    const shared = await opening.catch((error: unknown) => {
      this.open.delete(node.uid);
      throw error;
    });
    shared.lookers.add(screen);
    keyboard.on('data', (bytes: Buffer) => shared.line.input.write(bytes));
    try {
      await Promise.race([
        finished(keyboard, { writable: false }),
        finished(screen),
        finished(shared.line.output),
      ]).catch(() => {});
    } finally {
      shared.lookers.delete(screen);
      screen.end();
      if (shared.lookers.size === 0) {
        shared.line.end();
        void shared.log.end();
        if (this.open.get(node.uid) === opening) this.open.delete(node.uid);
      }
    }
  }

  private async start(node: { uid: string; name: string }, program: () => Promise<ConsoleProgram>): Promise<Shared> {
    const words = await program();
    await mkdir(this.folder, { recursive: true, mode: 0o700 });
    const line = 'socket' in words ? await socketLine(words.socket) : await programLine(words);
    const log = new ConsoleLog(this.logFile(node.name));
    log.write(`\n--- ${new Date().toISOString()} ---\n`);
    const lookers = new Set<Writable>();
    line.output.on('data', (bytes: Buffer) => {
      log.write(bytes);
      for (const screen of lookers) {
        if (screen.writableLength > WAITING_LIMIT) screen.destroy();
        else screen.write(bytes);
      }
    });
    return { line, log, lookers };
  }
}

async function socketLine(path: string): Promise<Line> {
  const socket: Duplex = connect(path);
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('error', error =>
      reject(
        new MusterError('bmc-silent', `The console cannot be opened (is the node switched on?): ${reasonOf(error)}`),
      ),
    );
  });
  socket.on('error', () => {});
  return { output: socket, input: socket, end: () => void socket.destroy() };
}

/**
 * `script` provides the terminal that the program requires, and so a separate session, which no signal to `script` reaches: the
 * program is killed when `script` has ended.
 */
async function programLine({ command, env }: Exclude<ConsoleProgram, { socket: string }>): Promise<Line> {
  await run('script', ['--version'], { package: 'bsdutils' });
  const inside = `exec ${quoteWords([...DIES_WITH_PARENT, ...command])}`;
  const [program = '', ...words] = [...DIES_WITH_PARENT, 'script', '-q', '-f', '-e', '-c', inside, '/dev/null'];
  const input = new PassThrough();
  const stop = new AbortController();
  const { output, ended } = stream(program, words, {
    env: { LC_ALL: 'C', SHELL: '/bin/sh', ...env },
    input,
    signal: stop.signal,
    keepBytes: 4096,
    package: 'util-linux',
  });
  ended.catch(() => output.destroy());
  return { output, input, end: () => stop.abort() };
}
