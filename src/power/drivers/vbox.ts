// Virtual machines of VirtualBox with VBoxManage, mostly by ssh on their host.
import { MusterError } from '../../errors.ts';
import type { PowerUri } from '../../model/power-uri.ts';
import type { NextBoot, PowerDriver, PowerReading, PowerTarget } from '../driver.ts';
import { lastLine, type Tools } from '../tools.ts';

export const vbox: PowerDriver = {
  scheme: 'vbox',
  open: (uri, tools) => new VirtualBoxMachine(uri, tools),
};

/** `VMState` of a machine that does not run (VBoxManage showvminfo --machinereadable). */
const OFF = ['poweroff', 'aborted', 'saved', 'aborted-saved'];
/** `VMState` of one that is changing. */
const CHANGING = ['starting', 'stopping', 'saving', 'restoring'];

class VirtualBoxMachine implements PowerTarget {
  readonly name: string;
  private readonly uri: PowerUri;
  private readonly tools: Tools;

  constructor(uri: PowerUri, tools: Tools) {
    this.uri = uri;
    this.tools = tools;
    this.name = `machine ${uri.name}${uri.server ? ` of ${uri.server.host}` : ''}`;
  }

  async status(): Promise<PowerReading> {
    const said = await this.ask('showvminfo', this.machine, '--machinereadable');
    const state = /^VMState="([^"]+)"/m.exec(said)?.[1];
    if (state === undefined) throw new MusterError('power-failed', `${this.name}: VBoxManage reported no VMState`);
    if (CHANGING.includes(state)) return 'changing';
    return OFF.includes(state) ? 'off' : 'on';
  }

  async on(): Promise<void> {
    await this.ask('startvm', this.machine, '--type', 'headless');
  }

  async off(): Promise<void> {
    await this.ask('controlvm', this.machine, 'poweroff');
  }

  async cycle(): Promise<void> {
    await this.off();
    await this.on();
  }

  async reset(): Promise<void> {
    await this.ask('controlvm', this.machine, 'reset');
  }

  async bootNext(device: NextBoot): Promise<void> {
    throw new MusterError(
      'power-failed',
      `${this.name}: VirtualBox has no one-time boot device (${device}); set --boot1 of the machine`,
    );
  }

  private get machine(): string {
    return this.uri.name ?? '';
  }

  private async ask(...words: string[]): Promise<string> {
    const result = await this.tools.run('VBoxManage', words, { server: this.uri.server, package: 'virtualbox' });
    if (!result) throw new MusterError('bmc-silent', `${this.name}: no answer in ${this.tools.timeoutMs / 1000} s`);
    if (result.status === 0) return result.stdout;
    // The first line is the reason, the next ones give the failing code.
    const said = result.stderr.match(/^VBoxManage: error: (.*)$/m)?.[1] ?? lastLine(result.stderr);
    if (/is already locked|session.*(locked|busy)/i.test(said))
      throw new MusterError('bmc-busy', `${this.name}: ${said}`);
    throw new MusterError('power-failed', `${this.name}: ${said || `VBoxManage ended with status ${result.status}`}`);
  }
}
