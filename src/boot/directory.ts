// What the boot path looks up in the cluster's objects: the owner of a hardware address, the owner of an IP.

/** GRUB as musterd builds it, or a distribution's signed shim and GRUB. */
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
  /** The loader instead of iPXE, as `_boot_loader` says. */
  loader?: OtherLoader;
  /** Whether this is the node's management controller, which has its own address and boots nothing. */
  controller?: boolean;
  /** Further DHCP options by code (`_dhcp_options`). */
  options?: ReadonlyMap<number, Buffer>;
  /** Why DHCP does not answer this known node (`_no_boot`), when it does not. */
  ignore?: string;
}

/** A reader of the objects in memory: always current, so a change takes effect at once. */
export interface Directory {
  /** By the primary hardware address, one of `_altmacs`, or that of the node's management controller. */
  nodeByMac(mac: string): BootNode | undefined;
  nodeByIp(ip: string): BootNode | undefined;
}
