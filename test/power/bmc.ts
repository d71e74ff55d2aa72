// BMCs for tests: OpenIPMI's ipmi_sim, whose chassis commands run a script; one in front that is late; one that never answers.
import { createSocket, type Socket } from 'node:dgram';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type LabProcess, startProcess, tailOf } from '../../lab/process.ts';

export interface BmcOptions {
  folder: string;
  name: string;
  password: string;
  port?: number;
  address?: string;
  /** Words before the program, such as those of a network namespace. */
  within?: (words: readonly string[]) => string[];
  /** What the power script runs for `set power|reset|shutdown|boot VALUE` and `get power|boot`; a file keeps the state when absent. */
  script?: string;
  /** The key K_g of the channel, as `lan.conf` writes it. */
  key?: string;
  /** A line `sol …` of the configuration: the serial port behind the BMC. */
  sol?: string;
}

export class Bmc {
  readonly port: number;
  private readonly folder: string;
  private readonly process: LabProcess;

  private constructor(port: number, folder: string, process: LabProcess) {
    this.port = port;
    this.folder = folder;
    this.process = process;
  }

  static async start(options: BmcOptions): Promise<Bmc> {
    const folder = join(options.folder, options.name);
    const address = options.address ?? '127.0.0.1';
    const port = options.port ?? (await freeUdpPort());
    mkdirSync(join(folder, 'state'), { recursive: true });
    const script = join(folder, 'chassis');
    writeFileSync(script, options.script ?? keepingScript(folder));
    chmodSync(script, 0o755);
    writeFileSync(join(folder, 'lan.conf'), lanConfiguration(address, port, script, options));
    writeFileSync(join(folder, 'emu'), EMULATION);
    const words = [
      'ipmi_sim',
      '-n',
      '-c',
      join(folder, 'lan.conf'),
      '-f',
      join(folder, 'emu'),
      '-s',
      join(folder, 'state'),
    ];
    const within = options.within ?? (list => [...list]);
    const process = await startProcess({ name: options.name, command: within(words), log: join(folder, 'log') });
    await sleep(50);
    if (process.status() !== undefined) throw new Error(`ipmi_sim has ended: ${await tailOf(process.log)}`);
    return new Bmc(port, folder, process);
  }

  get power(): string {
    return existsSync(join(this.folder, 'power')) ? readFileSync(join(this.folder, 'power'), 'utf8').trim() : '0';
  }

  /** Every `get` and `set` that came, in order. */
  get calls(): string[] {
    const file = join(this.folder, 'calls');
    return existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : [];
  }

  async stop(): Promise<void> {
    await this.process.stop();
  }
}

/** A machine that is only a file with 0 or 1 in it. */
function keepingScript(folder: string): string {
  return `#!/bin/sh
cd '${folder}' || exit 1
echo "$@" >>calls
verb=$1
shift
while [ $# -gt 0 ]; do
    case $verb-$1 in
        get-power) echo "power:$(cat power 2>/dev/null || echo 0)"; shift ;;
        get-*) echo "$1:default"; shift ;;
        set-power) echo "$2" >power; shift 2 ;;
        *) shift 2 ;;
    esac
done
`;
}

function lanConfiguration(
  address: string,
  port: number,
  script: string,
  { name, password, sol, key }: BmcOptions,
): string {
  return `name "${name}"
set_working_mc 0x20
  startlan 1
    addr ${address} ${port}
    priv_limit admin
    allowed_auths_admin none md2 md5 straight
    guid a123456789abcdefa123456789abcdef
${key === undefined ? '' : `    bmc_key ${key}\n`}  endlan
  chassis_control "${script}"
${sol ? `  sol ${sol}\n` : ''}  user 1 true "" "${password}" admin 10 none md2 md5 straight
  user 2 true "admin" "${password}" admin 10 none md2 md5 straight
`;
}

const EMULATION = `mc_setbmc 0x20
mc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02 persist_sdr
sel_enable 0x20 1000 0x0a
mc_enable 0x20
`;

export async function freeUdpPort(): Promise<number> {
  const socket = createSocket('udp4');
  await new Promise<void>(resolve => socket.bind(0, '127.0.0.1', resolve));
  const { port } = socket.address();
  await new Promise<void>(resolve => socket.close(() => resolve()));
  return port;
}

/** A BMC that takes everything and never answers. */
export async function silentBmc(): Promise<{ port: number; stop(): void }> {
  const socket = createSocket('udp4');
  await new Promise<void>(resolve => socket.bind(0, '127.0.0.1', resolve));
  return { port: socket.address().port, stop: () => socket.close() };
}

/** Hands datagrams on to another BMC and back, each so many milliseconds later. */
export async function lateBmc(target: number, delayMs: number): Promise<{ port: number; stop(): void }> {
  const front = createSocket('udp4');
  const behind = new Map<string, Socket>();
  await new Promise<void>(resolve => front.bind(0, '127.0.0.1', resolve));
  front.on('message', (message, { port, address }) => {
    const key = `${address}:${port}`;
    let socket = behind.get(key);
    if (!socket) {
      socket = createSocket('udp4');
      socket.on('message', reply => setTimeout(() => front.send(reply, port, address), delayMs));
      behind.set(key, socket);
    }
    const out = socket;
    setTimeout(() => out.send(message, target, '127.0.0.1'), delayMs);
  });
  return {
    port: front.address().port,
    stop: () => {
      for (const socket of [front, ...behind.values()]) socket.close();
    },
  };
}
