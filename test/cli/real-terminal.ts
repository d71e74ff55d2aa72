// A real terminal for tests: tmux, which tells what is written on it; for pictures inside an xterm on an X server without a screen.
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { run, runOk } from '../../src/process/run.ts';
import { until } from '../support/until.ts';

export interface TerminalOptions {
  folder: string;
  environment: NodeJS.ProcessEnv;
  columns: number;
  rows: number;
  /** An xterm that can be photographed. */
  visible?: boolean;
}

export class RealTerminal {
  private readonly options: TerminalOptions;
  private readonly children: ChildProcess[] = [];
  private display = '';

  private constructor(options: TerminalOptions) {
    this.options = options;
  }

  /** A shell in a terminal. */
  static async open(options: TerminalOptions): Promise<RealTerminal> {
    const terminal = new RealTerminal(options);
    const { columns, rows } = options;
    const session = ['new-session', '-x', String(columns), '-y', String(rows), 'PS1="> " exec sh'];
    try {
      if (options.visible) await terminal.openXterm(session);
      else await terminal.tmux(...session.toSpliced(1, 0, '-d'));
      await terminal.until(/^>/m);
    } catch (error) {
      await terminal.close();
      throw error;
    }
    return terminal;
  }

  private async openXterm(session: readonly string[]): Promise<void> {
    const server = this.spawn(
      'Xvfb',
      ['-displayfd', '1', '-screen', '0', '1400x900x24', '-nolisten', 'tcp'],
      this.environment,
    );
    const number = await new Promise<string>((resolve, reject) => {
      server.stdout?.once('data', (chunk: Buffer) => resolve(chunk.toString().trim()));
      server.once('exit', () => reject(new Error('Xvfb ended')));
    });
    this.display = `:${number}`;
    const { columns, rows } = this.options;
    const looks = ['-fa', 'DejaVu Sans Mono', '-fs', '10', '-bg', '#101418', '-fg', '#d0d0d0', '-b', '6', '+sb'];
    const words = [...looks, '-geometry', `${columns}x${rows}+0+0`, '-e', 'tmux', ...this.server, ...session];
    this.spawn('xterm', words, this.environment);
  }

  private get environment(): Record<string, string> {
    const { TMUX: _outer, NO_COLOR: _colours, ...rest } = this.options.environment;
    const given = Object.entries(rest).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]]));
    return { ...Object.fromEntries(given), ...(this.display && { DISPLAY: this.display }), TERM: 'xterm-256color' };
  }

  get socket(): string {
    return join(this.options.folder, 'tmux');
  }

  private get server(): string[] {
    return ['-S', this.socket, '-f', '/dev/null'];
  }

  private spawn(program: string, words: readonly string[], env: NodeJS.ProcessEnv): ChildProcess {
    const child = spawn(program, words, { env, cwd: this.options.folder, stdio: ['ignore', 'pipe', 'ignore'] });
    this.children.push(child);
    return child;
  }

  async tmux(...words: string[]): Promise<string> {
    const { folder } = this.options;
    return (await runOk('tmux', [...this.server, ...words], { env: this.environment, cwd: folder })).toString();
  }

  /** Types a line. */
  async type(line: string): Promise<void> {
    await this.tmux('send-keys', '-l', line);
    await this.tmux('send-keys', 'Enter');
  }

  /** Presses keys by tmux's names: `q`, `NPage`, `C-c`. */
  async press(...keys: string[]): Promise<void> {
    await this.tmux('send-keys', ...keys);
  }

  /** What is written on it now. */
  async text(): Promise<string> {
    return (await run('tmux', [...this.server, 'capture-pane', '-p'], { env: this.environment })).stdout;
  }

  /** Waits until something is written on it; answers all that is. */
  async until(wanted: RegExp, milliseconds = 60_000): Promise<string> {
    const look = async (): Promise<string | undefined> => {
      const text = await this.text();
      return wanted.test(text) ? text : undefined;
    };
    return until(`the terminal shows ${wanted}`, look, { milliseconds, every: 100, seen: async () => this.text() });
  }

  /** A picture of all that is seen, as PNG of few colours. */
  async picture(file: string): Promise<void> {
    await this.tmux('set', '-g', 'status', 'off');
    await runOk('import', [
      '-display',
      this.display,
      '-window',
      'root',
      '-trim',
      '+repage',
      '-strip',
      '-colors',
      '32',
      `PNG8:${file}`,
    ]);
  }

  async close(): Promise<void> {
    await run('tmux', [...this.server, 'kill-server'], { env: this.environment });
    for (const child of this.children.reverse()) child.kill();
  }
}
