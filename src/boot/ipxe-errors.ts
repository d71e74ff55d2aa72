// What iPXE's error codes mean for a boot. The first two of eight hexadecimal digits are its number of the POSIX error
// (include/errno.h of iPXE, https://ipxe.org/err); the rest says where it happened.

export interface IpxeError {
  /** As a clause after "iPXE could not get or start kernel and initramfs: ". */
  means: string;
  remedy: string;
}

const NETWORK =
  'Check the path between head and node: its cable, the errors of its switch port, firewalls, and the MTU.';

const BY_NUMBER: Readonly<Record<number, IpxeError>> = {
  13: { means: 'the connection was aborted', remedy: NETWORK },
  14: {
    means: 'the connection was refused',
    remedy: 'See that musterd runs and listens on http.port (`muster doctor`), and that no firewall rejects it.',
  },
  15: { means: 'the connection was reset', remedy: NETWORK },
  23: { means: 'the head is unreachable', remedy: NETWORK },
  40: {
    means: 'it has no route to the head',
    remedy: 'Correct the address and the router that DHCP gives to the node: `muster boot explain`.',
  },
  46: {
    means: 'the firmware does not take the kernel as a program',
    remedy:
      'Give the boot config a kernel for the processor and the firmware of the node, with EFI stub for UEFI. With Secure Boot, `_boot_loader=shim`.',
  },
  49: {
    means: 'its memory is too small for kernel and initramfs',
    remedy: 'Give the node more memory, or make the initramfs smaller: `muster mkramfs --update`.',
  },
  52: {
    means: 'its memory is too small for kernel and initramfs',
    remedy: 'Give the node more memory, or make the initramfs smaller: `muster mkramfs --update`.',
  },
  76: { means: 'the head was not heard in time', remedy: NETWORK },
};

/** Returns what a code like `4c0a6035` means; undefined when it is unknown. */
export function ipxeError(code: string | undefined): IpxeError | undefined {
  return code !== undefined && /^[0-9a-f]{8}$/i.test(code)
    ? BY_NUMBER[Number.parseInt(code.slice(0, 2), 16)]
    : undefined;
}
