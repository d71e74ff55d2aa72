// Answers DHCPLEASEQUERY (RFC 4388) from allowed hosts: by address, hardware address or client identifier.
import type { Networks } from '../networks.ts';
import { inRange } from '../networks.ts';
import type { Refused } from '../refused.ts';
import { macFromBytes, macToBytes } from '../wire/mac.ts';
import type { Answer } from './answer.ts';
import { type Binding, type Bindings, hardwareKey, identifierKey } from './bindings.ts';
import type { Lease, Leases } from './leases.ts';
import { MESSAGE, OPTIONS, type Option, setOption } from './options.ts';
import { BOOTREPLY, BOOTREQUEST, ETHERNET, NO_ADDRESS, type Packet } from './packet.ts';
import { REBINDING, RENEWING } from './reply.ts';
import type { Request } from './request.ts';

export interface QueryContext {
  /** Who may ask, from the configuration. */
  requesters: readonly string[];
  networks: Networks;
  bindings: Bindings;
  /** Addresses lent to machines that are not nodes: also known from before the start. */
  leases: Leases | undefined;
  /** Whether an address is a node's. */
  isNodes(ip: string): boolean;
  /** Milliseconds of the clock that bindings use. */
  now(): number;
}

type QueryAnswer = Extract<Answer, { reply: unknown }> | Extract<Answer, Refused>;

/** @param server the head's address that was asked, which answers */
export function answerLeaseQuery({ packet, parameters }: Request, context: QueryContext, server: string): QueryAnswer {
  const { giaddr } = packet;
  if (packet.op !== BOOTREQUEST) return refuse('this is a reply of another server');
  // RFC 4388 §6.3: the answer goes to 'giaddr', which must say who asks
  if (giaddr === NO_ADDRESS) return refuse("a lease query without 'giaddr', which says where the answer goes");
  if (!context.requesters.includes(giaddr))
    return refuse(`a lease query of ${giaddr}, which dhcp.leasequery does not name`);
  const found = find(packet, context);
  if ('problem' in found) return refuse(`a lease query of ${giaddr} ${found.problem}`);
  const { bindings, words } = found;
  const [newest, ...others] = [...bindings].sort((left, right) => right.at - left.at);
  const type = newest ? MESSAGE.leaseActive : found.otherwise;
  const reply = blank(packet, type, server);
  if (newest) tell(reply, newest, others, parameters, context.now());
  return {
    reply,
    // RFC 4388 §6.4.3: by unicast to 'giaddr', to the port of servers and relay agents
    destination: { address: giaddr, to: 'relay' },
    from: server,
    text: `${giaddr} asked: ${words} ${SAID.get(type)}${newest ? `, with ${newest.ip}` : ''}`,
    level: 'debug',
  };
}

const SAID = new Map<number, string>([
  [MESSAGE.leaseActive, 'has a lease'],
  [MESSAGE.leaseUnassigned, 'has no lease'],
  [MESSAGE.leaseUnknown, 'is not known'],
]);

type Found = { bindings: readonly Binding[]; otherwise: number; words: string } | { problem: string };

/** RFC 4388 §6.4.1: finds by which of the three it asks, and the bindings. */
function find(packet: Packet, context: QueryContext): Found {
  const { ciaddr, chaddr, hlen } = packet;
  const { bindings, leases } = context;
  const identifier = packet.options.get(OPTIONS.clientIdentifier.code);
  const byHardware = hlen > 0 && hlen <= chaddr.length && chaddr.subarray(0, hlen).some(byte => byte !== 0);
  const ways = [ciaddr !== NO_ADDRESS, byHardware, identifier !== undefined].filter(Boolean).length;
  if (ways !== 1)
    return {
      problem: `by ${ways === 0 ? 'none' : 'more than one'} of address, hardware address and client identifier`,
    };
  const otherwise = MESSAGE.leaseUnknown;
  if (identifier) {
    const words = `the client ${identifier.toString('hex', 0, 32)}`;
    return { bindings: bindings.of(identifierKey(identifier)), otherwise, words };
  }
  if (byHardware) {
    const mine = bindings.of(hardwareKey(packet));
    const lease =
      packet.htype === ETHERNET && hlen === 6 ? leases?.of(macFromBytes(chaddr.subarray(0, hlen))) : undefined;
    const older = lent(lease, leases).filter(({ ip }) => !mine.some(binding => binding.ip === ip));
    return {
      bindings: [...mine, ...older],
      otherwise,
      words: `the hardware address ${chaddr.toString('hex', 0, hlen)}`,
    };
  }
  const binding = bindings.at(ciaddr);
  return {
    bindings: binding ? [binding] : lent(leases?.at(ciaddr), leases),
    otherwise: isSurelyFree(ciaddr, context) ? MESSAGE.leaseUnassigned : MESSAGE.leaseUnknown,
    words: ciaddr,
  };
}

/**
 * Returns whether it is certain that nobody has the address: it is in a range, with kept leases, or a node's, and every lease
 * from before the start of the server has run out. RFC 4388 §6.1: an uncertain answer is DHCPLEASEUNKNOWN.
 */
function isSurelyFree(ip: string, { networks, bindings, isNodes, now }: QueryContext): boolean {
  const network = networks.of(ip);
  if (!network) return false;
  if (inRange(network.range, ip)) return true;
  return isNodes(ip) && now() - bindings.since >= network.leaseSeconds * 1000;
}

function lent(lease: Lease | undefined, leases: Leases | undefined): Binding[] {
  if (!lease || !leases?.isLiving(lease)) return [];
  const chaddr = Buffer.concat([macToBytes(lease.mac), Buffer.alloc(10)]);
  return [{ ip: lease.ip, htype: ETHERNET, hlen: 6, chaddr, ...leases.termOf(lease) }];
}

/** Returns an answer with the fields of the query and nothing else (RFC 4388 §6.4.2). */
function blank(query: Packet, type: number, server: string): Packet {
  const { htype, hlen, xid, flags, ciaddr, giaddr, chaddr } = query;
  const none = { yiaddr: NO_ADDRESS, siaddr: NO_ADDRESS, sname: '', file: '' };
  const reply: Packet = {
    ...{ op: BOOTREPLY, htype, hlen, hops: 0, xid, secs: 0, flags, ciaddr, giaddr, chaddr },
    ...none,
    options: new Map(),
  };
  setOption(reply.options, OPTIONS.messageType, type);
  setOption(reply.options, OPTIONS.serverIdentifier, server);
  const identifier = query.options.get(OPTIONS.clientIdentifier.code);
  if (identifier) reply.options.set(OPTIONS.clientIdentifier.code, identifier);
  return reply;
}

/** RFC 4388 §6.4.2: always the client's hardware address and identifier; of the rest what the query requests, or all. Times are what remains. */
function tell(
  reply: Packet,
  { ip, htype, hlen, chaddr, at, until, clientIdentifier, relayInformation }: Binding,
  others: readonly Binding[],
  parameters: Buffer | undefined,
  now: number,
): void {
  Object.assign(reply, { ciaddr: ip, htype, hlen, chaddr });
  const { options } = reply;
  const wants = ({ code }: Option<unknown>): boolean => parameters?.includes(code) ?? true;
  if (clientIdentifier) options.set(OPTIONS.clientIdentifier.code, clientIdentifier);
  const whole = until - at;
  const remaining = (part: number): number => Math.floor((at + whole * part - now) / 1000);
  for (const [option, part] of [
    [OPTIONS.leaseTime, 1],
    [OPTIONS.renewalTime, RENEWING],
    [OPTIONS.rebindingTime, REBINDING],
  ] as const)
    if (wants(option) && remaining(part) >= 0) setOption(options, option, remaining(part));
  if (wants(OPTIONS.clientLastTransactionTime))
    setOption(options, OPTIONS.clientLastTransactionTime, Math.max(0, Math.floor((now - at) / 1000)));
  if (others.length > 0 && wants(OPTIONS.associatedIp))
    setOption(
      options,
      OPTIONS.associatedIp,
      others.map(other => other.ip),
    );
  if (relayInformation && wants(OPTIONS.relayInformation)) options.set(OPTIONS.relayInformation.code, relayInformation);
}

function refuse(refused: string): QueryAnswer {
  return { refused, level: 'info' };
}
