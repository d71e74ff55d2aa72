// Virtual nodes of `muster lab`: requests on the lab's Unix socket, one JSON line each way.
import { connect } from 'node:net';
import { dirname } from 'node:path';
import { createInterface } from 'node:readline';
import { MusterError, reasonOf } from '../../errors.ts';
import type { ConsoleProgram, PowerDriver, PowerState } from '../driver.ts';
import type { Tools } from '../tools.ts';
import { WordTarget } from '../word-target.ts';

export const lab: PowerDriver = {
  scheme: 'lab',
  open: (uri, tools) => new LabNode(uri.name ?? '', tools),
};

interface Reply {
  state?: PowerState;
  console?: string;
  problem?: string;
}

class LabNode extends WordTarget {
  readonly name: string;
  private readonly socket: string;
  private readonly node: string;
  private readonly tools: Tools;

  /** @param path `/folder/power.sock/n0` */
  constructor(path: string, tools: Tools) {
    super();
    this.socket = dirname(path);
    this.node = path.slice(this.socket.length + 1);
    this.tools = tools;
    this.name = `virtual node ${this.node}`;
  }

  async status(): Promise<PowerState> {
    const { state } = await this.ask('status');
    if (state) return state;
    throw new MusterError('power-failed', `${this.name}: the lab reported neither on nor off`);
  }

  console(): ConsoleProgram {
    return { socket: `${dirname(this.socket)}/${this.node}.ser` };
  }

  protected async ask(...words: string[]): Promise<Reply> {
    const reply = await this.tools.limited(async () => this.exchange(words.join(' ')));
    if (reply.problem) throw new MusterError('power-failed', `${this.name}: ${reply.problem}`);
    return reply;
  }

  private async exchange(action: string): Promise<Reply> {
    const socket = connect(this.socket);
    let failure = 'the lab closed the connection';
    socket.once('error', error => {
      failure = reasonOf(error);
    });
    const timer = setTimeout(() => {
      failure = `no answer in ${this.tools.timeoutMs / 1000} s`;
      socket.destroy();
    }, this.tools.timeoutMs);
    try {
      socket.write(`${JSON.stringify({ node: this.node, action })}\n`);
      for await (const line of createInterface({ input: socket })) return JSON.parse(line) as Reply;
    } catch (error) {
      // A socket error also ends the lines.
      failure = reasonOf(error);
    } finally {
      clearTimeout(timer);
      socket.destroy();
    }
    throw new MusterError('bmc-silent', `${this.name}: the lab cannot be asked: ${failure}`);
  }
}
