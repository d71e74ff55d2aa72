// The table of DHCP options: code, name and shape of each that muster reads or writes. A new one is a row.

import type { Shape } from './shapes.ts';
import * as shapes from './shapes.ts';

/** Option values by code, in the order they stand in the packet. */
export type Options = Map<number, Buffer>;

/** One option of the table. */
export interface Option<T> {
  readonly code: number;
  /** Its name in the RFC that defines it, in lower case. */
  readonly name: string;
  readonly shape: Shape<T>;
}

export const OPTIONS = {
  subnetMask: option(1, 'subnet mask', shapes.ip), //                                 RFC 2132 §3.3
  router: option(3, 'router', shapes.ips), //                                         RFC 2132 §3.5
  dns: option(6, 'domain name server', shapes.ips), //                                RFC 2132 §3.8
  logServer: option(7, 'log server', shapes.ips), //                                  RFC 2132 §3.9
  hostName: option(12, 'host name', shapes.text), //                                  RFC 2132 §3.14
  domainName: option(15, 'domain name', shapes.text), //                              RFC 2132 §3.17
  broadcast: option(28, 'broadcast address', shapes.ip), //                           RFC 2132 §5.3
  vendorInformation: option(43, 'vendor specific information', shapes.bytes), //      RFC 2132 §8.4
  requestedAddress: option(50, 'requested IP address', shapes.ip), //                 RFC 2132 §9.1
  leaseTime: option(51, 'IP address lease time', shapes.u32), //                      RFC 2132 §9.2
  overload: option(52, 'option overload', shapes.u8), //                              RFC 2132 §9.3
  messageType: option(53, 'DHCP message type', shapes.u8), //                         RFC 2132 §9.6
  serverIdentifier: option(54, 'server identifier', shapes.ip), //                    RFC 2132 §9.7
  parameterList: option(55, 'parameter request list', shapes.bytes), //               RFC 2132 §9.8
  message: option(56, 'message', shapes.text), //                                     RFC 2132 §9.9
  maximumSize: option(57, 'maximum DHCP message size', shapes.u16), //                RFC 2132 §9.10
  renewalTime: option(58, 'renewal (T1) time', shapes.u32), //                        RFC 2132 §9.11
  rebindingTime: option(59, 'rebinding (T2) time', shapes.u32), //                    RFC 2132 §9.12
  vendorClass: option(60, 'vendor class identifier', shapes.text), //                 RFC 2132 §9.13
  clientIdentifier: option(61, 'client identifier', shapes.bytes), //                 RFC 2132 §9.14
  tftpServerName: option(66, 'TFTP server name', shapes.text), //                     RFC 2132 §9.4
  bootFileName: option(67, 'bootfile name', shapes.text), //                          RFC 2132 §9.5
  userClass: option(77, 'user class', shapes.bytes), //                               RFC 3004 §4
  relayInformation: option(82, 'relay agent information', shapes.bytes), //           RFC 3046 §2.0
  clientLastTransactionTime: option(91, 'client last transaction time', shapes.u32), // RFC 4388 §6.1
  associatedIp: option(92, 'associated IP', shapes.ips), //                           RFC 4388 §6.1
  architecture: option(93, 'client system architecture type', shapes.u16s), //        RFC 4578 §2.1
  machineIdentifier: option(97, 'client machine identifier', shapes.bytes), //        RFC 4578 §2.3
  subnetSelection: option(118, 'subnet selection', shapes.ip), //                     RFC 3011 §2
  ipxe: option(175, 'iPXE encapsulated options', shapes.bytes), //                    https://ipxe.org/howto/dhcpd
} as const;

/** DHCP message types, RFC 2132 §9.6. */
export const MESSAGE = {
  discover: 1,
  offer: 2,
  request: 3,
  decline: 4,
  ack: 5,
  nak: 6,
  release: 7,
  inform: 8,
  // RFC 4388 §6.1
  leaseQuery: 10,
  leaseUnassigned: 11,
  leaseUnknown: 12,
  leaseActive: 13,
} as const;

/** Returns the value of an option; undefined when absent. Throws WireError for a malformed one. */
export function getOption<T>(options: Options, option: Option<T>): T | undefined {
  const value = options.get(option.code);
  return value === undefined ? undefined : option.shape.read(value, option.name);
}

export function setOption<T>(options: Options, option: Option<T>, value: T): void {
  options.set(option.code, option.shape.write(value));
}

/** Returns a list of options for an encapsulating option (RFC 2132 §8.4), without an end mark. */
export function encapsulate(entries: readonly (readonly [code: number, value: Uint8Array])[]): Buffer {
  return Buffer.concat(entries.flatMap(([code, value]) => [Buffer.of(code, value.length), value]));
}

function option<T>(code: number, name: string, shape: Shape<T>): Option<T> {
  return { code, name, shape };
}
