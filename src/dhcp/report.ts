// The DHCP server's log lines, bounded for each client, and its reports of unknown machines.
import type { RemoteInfo } from 'node:dgram';
import { LogLimiter } from '../log.ts';
import type { BootNetwork } from '../networks.ts';
import { macFromBytes } from '../wire/mac.ts';
import type { WireError } from '../wire/reader.ts';
import type { Answer } from './answer.ts';
import { MESSAGE, OPTIONS } from './options.ts';
import { NO_ADDRESS } from './packet.ts';
import type { DhcpOptions, UnknownClient } from './ports.ts';
import type { Request } from './request.ts';

export class Report {
  private readonly options: DhcpOptions;
  private readonly limiter: LogLimiter;
  private readonly now: () => number;

  /** @param now wall time; @param monotonic of a clock that never goes back */
  constructor(options: DhcpOptions, now: () => number, monotonic: () => number) {
    this.options = options;
    this.limiter = new LogLimiter(monotonic);
    this.now = now;
  }

  /** Warns of an unreadable message of a known node, which stays unanswered. Anything else is noise. */
  malformed(bytes: Buffer, peer: RemoteInfo, { message }: WireError): void {
    // hlen, and the Ethernet address: fixed fields, valid whatever is wrong after them
    const mac = bytes[2] === 6 && bytes.length >= 34 ? macFromBytes(bytes.subarray(28, 34)) : '';
    const node = this.options.directory.nodeByMac(mac);
    if (!node) {
      this.say('debug', peer.address, `malformed DHCP message: ${message}`);
      return;
    }
    this.options.refusals?.refused(node.uid, `its DHCP message is malformed: ${message}`);
    this.say(
      'warn',
      `malformed ${mac}`,
      `${node.name} is not answered, its DHCP message is malformed: ${message}`,
      mac,
    );
  }

  /** Reports malformed options that counted as absent. */
  ignored({ mac, ignored }: Request, peer: RemoteInfo): void {
    const node = this.options.directory.nodeByMac(mac);
    const what = ignored.join('; ');
    if (!node) this.say('debug', peer.address, `malformed DHCP options, taken as absent: ${what}`, mac);
    else
      this.say('warn', `malformed ${mac}`, `${node.name} sends malformed DHCP options, taken as absent: ${what}`, mac);
  }

  /** Reports what was thrown while a message was served. */
  bug(key: string, error: unknown): void {
    this.say('error', key, `A bug in muster's DHCP server: ${error instanceof Error ? error.stack : String(error)}`);
  }

  /** Reports what was answered, and that an unknown machine asked. */
  tell(request: Request, result: Answer, network: BootNetwork): void {
    const { mac, type, identity, packet } = request;
    const text = 'reply' in result ? result.text : 'accepted' in result ? result.accepted : result.refused;
    if (!result.unknown) {
      const machine = packet.options.get(OPTIONS.machineIdentifier.code);
      this.options.heard?.({ mac, machine, network: this.networkOf(request, network).name });
      // A note is on the timeline already
      if ('refused' in result && result.level === 'warn' && !result.note) this.refused(mac, text);
      this.say(result.level, `${mac} ${type}`, text, mac);
      return;
    }
    this.options.seen?.(this.unknownClient(request, network));
    const more = 'refused' in result ? ` (${identity.kind}, ${identity.label}); ignored` : '';
    // Hardware addresses can be invented freely: all unknown ones together get at most 16 lines a second
    this.say(result.level, `unknown ${mac.slice(-1)}`, `${text}${more}`, mac);
  }

  private refused(mac: string, reason: string): void {
    const node = this.options.directory.nodeByMac(mac);
    if (node) this.options.refusals?.refused(node.uid, reason);
  }

  private unknownClient(request: Request, arrival: BootNetwork): UnknownClient {
    const { mac, type, identity, vendorClass, packet } = request;
    return {
      mac,
      architecture: identity.label,
      vendorClass,
      discovers: type === MESSAGE.discover,
      relay: packet.giaddr === NO_ADDRESS ? undefined : packet.giaddr,
      network: this.networkOf(request, arrival).name,
      at: this.now(),
    };
  }

  /** One line for each level, key and second. */
  say(level: 'debug' | 'info' | 'warn' | 'error', key: string, text: string, mac?: string): void {
    const dropped = this.limiter.allow(`${level} ${key}`);
    if (dropped === undefined) return;
    const fields = { part: 'dhcp', ...(mac !== undefined && { mac }), ...(dropped > 0 && { dropped }) };
    this.options.log[level](fields, text);
  }

  private networkOf({ relay, packet }: Request, arrival: BootNetwork): BootNetwork {
    const said = relay.link ?? packet.giaddr;
    return (said === NO_ADDRESS ? undefined : this.options.networks.ofLink(said)) ?? arrival;
  }
}
