// Virtual machines of libvirt with virsh, on the head or on a server of the URI.
import { MusterError } from '../../errors.ts';
import type { PowerUri } from '../../model/power-uri.ts';
import { own } from '../../own.ts';
import type { ConsoleProgram, NextBoot, PowerDriver, PowerReading } from '../driver.ts';
import { lastLine, type Tools } from '../tools.ts';
import { WordTarget } from '../word-target.ts';

export const libvirt: PowerDriver = {
  scheme: 'libvirt',
  open: (uri, tools) => new Domain(uri, tools),
};

/** The hypervisor of the whole machine. */
const SYSTEM = 'qemu:///system';

/** virsh-domstate: every other state is some form of running. */
const OFF = ['shut off', 'crashed', 'no state'];

/** virsh's commands that have another name. */
const COMMANDS: Readonly<Record<string, string>> = { on: 'start', off: 'destroy' };

class Domain extends WordTarget {
  readonly name: string;
  private readonly uri: PowerUri;
  private readonly tools: Tools;

  constructor(uri: PowerUri, tools: Tools) {
    super();
    this.uri = uri;
    this.tools = tools;
    this.name = `domain ${uri.name}${uri.server ? ` of ${uri.server.host}` : ''}`;
  }

  async status(): Promise<PowerReading> {
    const state = (await this.ask('domstate')).trim();
    // Its system is shutting down: soon it is off.
    if (state === 'in shutdown') return 'changing';
    return OFF.includes(state) ? 'off' : 'on';
  }

  /** virsh has no such command; a domain that is defined and not running is started with the new definition. */
  override async cycle(): Promise<void> {
    await this.off();
    await this.on();
  }

  override async bootNext(device: NextBoot): Promise<void> {
    throw new MusterError(
      'power-failed',
      `${this.name}: libvirt has no one-time boot device (${device}); set <boot dev=…/> in the domain`,
    );
  }

  console(): ConsoleProgram {
    if (this.uri.server)
      throw new MusterError('power-failed', `${this.name}: its console is on ${this.uri.server.host}; log in there.`);
    return { command: ['virsh', '-c', this.connect(), 'console', '--force', '--', this.uri.name ?? ''], env: {} };
  }

  private connect(): string {
    return this.uri.options['connect'] ?? SYSTEM;
  }

  protected async ask(word: string): Promise<string> {
    const words = ['-q', '-c', this.connect(), own(COMMANDS, word) ?? word, '--domain', this.uri.name ?? ''];
    const result = await this.tools.run('virsh', words, { server: this.uri.server, package: 'libvirt-clients' });
    if (!result) throw new MusterError('bmc-silent', `${this.name}: no answer in ${this.tools.timeoutMs / 1000} s`);
    if (result.status === 0) return result.stdout;
    const said = lastLine(result.stderr).replace(/^error: /, '');
    if (/failed to connect|unable to connect|Cannot recv data/i.test(result.stderr))
      throw new MusterError('bmc-silent', `${this.name}: ${said}`);
    throw new MusterError('power-failed', `${this.name}: ${said || `virsh ended with status ${result.status}`}`);
  }
}
