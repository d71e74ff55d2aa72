// The DHCP stages of a rehearsal: the questions in a node's name, and the answers with their fields and options as text.
import type { RehearsedPacket } from '../api/rehearsal.ts';
import type { Context, Loan } from '../dhcp/answer.ts';
import { answer } from '../dhcp/exchange.ts';
import type { Leases } from '../dhcp/leases.ts';
import { getOption, MESSAGE, OPTIONS, type Option } from '../dhcp/options.ts';
import { NO_ADDRESS, type Packet } from '../dhcp/packet.ts';
import { proxyAnswer } from '../dhcp/proxy.ts';
import { type Asker, converse, type Said } from '../dhcp/rehearse.ts';
import { describeDhcpOption } from '../model/dhcp-options.ts';
import type { BootNetwork } from '../networks.ts';
import { ipFromNumber, ipToNumber } from '../wire/ip.ts';

/** The machine that asks, and its network. */
export interface Machine {
  mac: string;
  architecture: number;
  network: BootNetwork;
  /** The address that it has, or gets from another server. */
  ip: string;
}

/** Returns a server's context with separate leases, so that a rehearsal lends nothing. */
export function contextApart(context: Context): Context {
  return { ...context, leases: context.leases?.copy() };
}

/** Handles a loan like the server, without probing the address or keeping the lease. */
function lendApart(loan: Loan | undefined, leases: Leases | undefined): void {
  if (loan?.do === 'offer') leases?.hold(loan.mac, loan.ip);
  if (loan?.do === 'lend') leases?.put(loan.lease);
}

/**
 * Passes the exchange of a firmware, or of iPXE, to the decision of the running server.
 * @param context separate (`contextApart`): its leases are changed
 */
export function exchangeOf(machine: Machine, kind: Asker['kind'], context: Context, isProxy: boolean): Said[] {
  const { mac, architecture, network, ip } = machine;
  const relay = network.attached ? undefined : relayOf(network);
  const asker = { mac, kind, architecture, relay };
  const arrival = { network: network.attached ? network : context.networks.main, broadcast: network.attached };
  return converse(
    asker,
    (request, at, port) => {
      const given = isProxy ? proxyAnswer(request, context, at, port) : answer(request, context, at);
      if ('loan' in given) lendApart(given.loan, context.leases);
      return given;
    },
    arrival,
    isProxy ? { address: ip } : undefined,
  );
}

/** The relay agent of a network without an interface of the head. */
function relayOf({ relays, router, subnet }: BootNetwork): string {
  return relays[0] ?? (router || ipFromNumber(ipToNumber(subnet.network) + 1));
}

/** Returns why a message does not help the asker: no answer, or a NAK. */
export function refusalOf({ answer: given, reply }: Said): string | undefined {
  if ('refused' in given) return given.refused;
  const isNak = reply && getOption(reply.options, OPTIONS.messageType) === MESSAGE.nak;
  return isNak && 'text' in given ? `NAK: ${given.text}` : undefined;
}

/** Returns the text about one message, for people. */
export function linesOf({ question, answer: given, reply }: Said): string[] {
  if ('refused' in given) return [`${question}: no answer: ${given.refused}`];
  if ('accepted' in given || !reply) return [`${question}: no reply: ${'accepted' in given ? given.accepted : ''}`];
  const { destination, from } = given;
  const { kind, yiaddr, siaddr, file, options } = packetOf(reply);
  const by = destination.to === 'relay' ? 'the relay agent ' : '';
  return [
    `${question}: ${kind}, from ${from} to ${by}${destination.address}`,
    `  yiaddr (address): ${yiaddr}`,
    `  siaddr (next-server): ${siaddr}`,
    `  file: ${file || '(empty)'}`,
    ...options.map(({ code, name, value }) => `  option ${code} ${name}: ${value}`),
  ];
}

/** Returns a reply as text. */
export function packetOf(reply: Packet): RehearsedPacket {
  const type = getOption(reply.options, OPTIONS.messageType);
  return {
    kind: type === undefined ? '?' : (KINDS.get(type) ?? String(type)),
    yiaddr: reply.yiaddr,
    siaddr: reply.siaddr,
    file: reply.file,
    options: Array.from(reply.options, ([code, value]) => describe(code, value)),
  };
}

const KINDS = new Map(Object.entries(MESSAGE).map(([name, type]): [number, string] => [type, name.toUpperCase()]));
const ROWS = new Map<number, Option<unknown>>(
  Object.values(OPTIONS).map(row => [row.code, row as unknown as Option<unknown>]),
);

function describe(code: number, bytes: Buffer): RehearsedPacket['options'][number] {
  const row = ROWS.get(code);
  const told = describeDhcpOption(code, bytes);
  const name = row?.name ?? told.name ?? '(no name)';
  return { code, name, value: wordsOf(code, bytes, row) ?? told.value, hex: bytes.toString('hex') };
}

function wordsOf(code: number, bytes: Buffer, row: Option<unknown> | undefined): string | undefined {
  if (code === OPTIONS.messageType.code) return KINDS.get(bytes[0] ?? 0);
  if (code === OPTIONS.machineIdentifier.code && bytes.every(byte => byte === 0)) return 'as the client sends it';
  const value = row?.shape.read(bytes, row.name);
  if (value === undefined || Buffer.isBuffer(value)) return undefined;
  return Array.isArray(value) ? value.join(',') : String(value);
}

/** Returns the file that firmware loads after its last reply, by TFTP from an address, or by a URL. */
export function loadedBy(said: readonly Said[]): { from: string; file: string } | { url: string } | undefined {
  for (const { reply } of said.toReversed()) {
    if (!reply) continue;
    const named = getOption(reply.options, OPTIONS.bootFileName)?.replace(/\0+$/, '');
    const file = reply.file || named;
    if (!file) continue;
    if (/^https?:/.test(named ?? file)) return { url: named ?? file };
    return { from: reply.siaddr === NO_ADDRESS ? '' : reply.siaddr, file };
  }
  return undefined;
}
