// Builds DHCP messages for tests byte by byte, sharing no code with the encoder under test; and reads the captured ones.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { BootNode, Directory } from '../../src/boot/directory.ts';
import { type Config, defaultConfig, networksOf } from '../../src/config.ts';
import type { Answer, Arrival, Context } from '../../src/dhcp/answer.ts';
import { answer } from '../../src/dhcp/exchange.ts';
import { decode } from '../../src/dhcp/packet.ts';
import { readRequest } from '../../src/dhcp/request.ts';
import type { Networks } from '../../src/networks.ts';
import { packageRoot } from '../../src/package-root.ts';

export interface Fields {
  op?: number;
  htype?: number;
  hlen?: number;
  hops?: number;
  xid?: string;
  secs?: string;
  flags?: string;
  ciaddr?: string;
  giaddr?: string;
  mac?: string;
  sname?: Buffer;
  file?: Buffer;
  cookie?: string;
}

export const MAC = '52:54:00:54:00:01';
export const HEAD = '10.54.0.1';
export const NODE_IP = '10.54.0.100';

/** Options as `[code, hex or bytes]`, in the order given; the end mark is added. */
export function message(fields: Fields, options: readonly (readonly [number, string | Buffer])[]): Buffer {
  const hex = (text: string) => Buffer.from(text, 'hex');
  const dotted = (text = '0.0.0.0') => Buffer.from(text.split('.').map(Number));
  return Buffer.concat([
    Buffer.from([fields.op ?? 1, fields.htype ?? 1, fields.hlen ?? 6, fields.hops ?? 0]),
    hex(fields.xid ?? 'deadbeef'),
    hex(fields.secs ?? '0000'),
    hex(fields.flags ?? '0000'),
    dotted(fields.ciaddr),
    dotted(),
    dotted(),
    dotted(fields.giaddr),
    hex((fields.mac ?? MAC).replaceAll(':', '').padEnd(32, '0')),
    Buffer.concat([fields.sname ?? Buffer.alloc(0), Buffer.alloc(64)]).subarray(0, 64),
    Buffer.concat([fields.file ?? Buffer.alloc(0), Buffer.alloc(128)]).subarray(0, 128),
    hex(fields.cookie ?? '63825363'),
    ...options.map(([code, value]) => {
      const bytes = typeof value === 'string' ? hex(value) : value;
      return Buffer.concat([Buffer.from([code, bytes.length]), bytes]);
    }),
    Buffer.from([255]),
  ]);
}

export const ipHex = (ip: string): string => Buffer.from(ip.split('.').map(Number)).toString('hex');

/** Option 93 and 60 as a UEFI x64 firmware sends them. */
export const FIRMWARE = [
  [93, '0007'],
  [60, Buffer.from('PXEClient:Arch:00007:UNDI:003000')],
] as const;
export const IPXE = [
  [93, '0007'],
  [77, Buffer.from('iPXE')],
] as const;

export const node: BootNode = { uid: 'u0', name: 'n0', mac: MAC, ip: NODE_IP, hostname: 'n0' };

/** A directory of these nodes. */
export function directoryOf(...nodes: BootNode[]): Directory {
  return {
    nodeByMac: mac => nodes.find(item => item.mac === mac),
    nodeByIp: ip => nodes.find(item => item.ip === ip),
  };
}

/** A head at 10.54.0.1/24, with what else the configuration says. */
export function networksFor(changes: Partial<Config> = {}): Networks {
  return networksOf({
    ...defaultConfig(),
    'head.address': `${HEAD}/24`,
    'dhcp.router': '10.54.0.254',
    'dhcp.dns': ['10.54.0.1', '10.54.0.2'],
    'dhcp.domain': 'cluster.local',
    ...changes,
  });
}

export function contextOf(changes: Partial<Context> = {}): Context {
  return {
    networks: networksFor(),
    config: defaultConfig(),
    quarantined: () => 0,
    directory: directoryOf(node),
    loaders: { bios: '/l/undionly.kpxe', efi64: '/l/snponly.efi', 'http-efi64': '/l/ipxe.efi' },
    ...changes,
  };
}

/** The whole way of the server, without sockets. */
export function ask(bytes: Buffer, context: Context = contextOf(), arrival?: Arrival): Answer {
  const came = arrival ?? { network: context.networks.main, broadcast: true };
  return answer(readRequest(decode(bytes)), context, came);
}

/** As `ask`, for a message that must be answered. */
export function replyTo(
  bytes: Buffer,
  context: Context = contextOf(),
  arrival?: Arrival,
): Extract<Answer, { reply: unknown }> {
  const result = ask(bytes, context, arrival);
  if ('reply' in result) return result;
  throw new Error(`no reply: ${JSON.stringify(result)}`);
}

const FIXTURES = join(packageRoot, 'test/dhcp/fixtures');

/** A captured message, by its name in test/dhcp/fixtures. */
export function captured(name: string): Buffer {
  return Buffer.from(readFileSync(join(FIXTURES, `${name}.hex`), 'latin1').replaceAll('\n', ''), 'hex');
}

/** What tcpdump says of it. */
export function capturedText(name: string): string {
  return readFileSync(join(FIXTURES, `${name}.txt`), 'utf8');
}

export function capturedNames(): string[] {
  return readdirSync(FIXTURES)
    .filter(file => file.endsWith('.hex'))
    .map(file => file.slice(0, -'.hex'.length))
    .sort();
}
