// Looks at the command lines of all processes again and again, and remembers those that have a secret in them.
import { readdirSync, readFileSync } from 'node:fs';
import { setImmediate as turn } from 'node:timers/promises';

export class SecretWatch {
  /** Command lines in which a secret stood. */
  readonly found: string[] = [];
  /** The names of the programs that were seen at all. */
  readonly programs = new Set<string>();
  private readonly secrets: readonly string[];
  private running = true;
  private readonly ended: Promise<void>;

  constructor(secrets: readonly string[]) {
    this.secrets = secrets;
    this.ended = this.watch();
  }

  async stop(): Promise<void> {
    this.running = false;
    await this.ended;
  }

  private async watch(): Promise<void> {
    while (this.running) {
      for (const pid of readdirSync('/proc').filter(name => /^\d+$/.test(name))) this.look(pid);
      await turn();
      if (this.found.length > 20) return;
    }
  }

  private look(pid: string): void {
    try {
      const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
      this.programs.add((words[0] ?? '').split('/').at(-1) ?? '');
      const line = words.join(' ');
      if (this.secrets.some(secret => line.includes(secret)) && !this.found.includes(line)) this.found.push(line);
    } catch {
      // It has ended meanwhile.
    }
  }
}
