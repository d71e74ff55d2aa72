// Which address a hardware address gets: its node's, or none, with the reason. The DHCP server calls this for every message; the
// directory is always current.

import type { Refused } from '../refused.ts';
import { isStationMac } from '../wire/mac.ts';
import type { BootNode, Directory } from './directory.ts';

export type AddressDecision =
  | { node: BootNode }
  /** `unknown`: no node has this hardware address, so a new node may get it. */
  | (Refused & { unknown: boolean });

export function addressFor(mac: string, directory: Directory): AddressDecision {
  if (!isStationMac(mac)) return { refused: 'this is no hardware address of a machine', unknown: false };
  const node = directory.nodeByMac(mac);
  if (!node) return { refused: 'no node has this hardware address', unknown: true };
  if (node.ignore !== undefined)
    return { refused: `node ${node.name} is not to be booted: ${node.ignore}`, unknown: false };
  return { node };
}
