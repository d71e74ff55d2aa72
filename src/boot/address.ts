// Which address a hardware address gets: its node's, or none, with the reason. The DHCP server calls this for every message; the
// directory is always current.
import { isStationMac } from '../wire/mac.ts';
import type { BootNode, Directory } from './directory.ts';

export type AddressDecision =
  | { node: BootNode }
  /** `unknown`: no node has this hardware address, so a new node may get it. */
  | { refusal: string; unknown: boolean };

export function addressFor(mac: string, directory: Directory): AddressDecision {
  if (!isStationMac(mac)) return { refusal: 'this is no hardware address of a machine', unknown: false };
  const node = directory.nodeByMac(mac);
  if (!node) return { refusal: 'no node has this hardware address', unknown: true };
  if (node.ignore !== undefined)
    return { refusal: `node ${node.name} is not to be booted: ${node.ignore}`, unknown: false };
  return { node };
}
