// What the boot path asks of the cluster's objects: who has this hardware address, who has this IP.

/** GRUB as musterd makes it, or a distribution's shim and GRUB, which are signed. */
export const OTHER_LOADERS = ['grub', 'shim'] as const;
export type OtherLoader = (typeof OTHER_LOADERS)[number];

/** A node as the boot path knows it. */
export interface BootNode {
  uid: string;
  name: string;
  /** The primary hardware address, canonical. */
  mac: string;
  /** The node's address on the boot network. */
  ip: string;
  hostname: string;
  /** What is loaded in iPXE's place, as `_boot_loader` says. */
  loader?: OtherLoader;
  /** Whether this is the node's management controller, which has an address of its own and boots nothing. */
  controller?: boolean;
  /** Further DHCP options by code (`_dhcp_options`). */
  options?: ReadonlyMap<number, Buffer>;
  /** Why DHCP does not answer this known node (`_no_boot`), when it does not. */
  ignore?: string;
}

/** A reader of the objects in memory: always the state of now, so that a change is in force at once. */
export interface Directory {
  /** By the primary hardware address, one of `_altmacs`, or that of the node's management controller. */
  nodeByMac(mac: string): BootNode | undefined;
  nodeByIp(ip: string): BootNode | undefined;
}
