// The command line of a virtual machine that boots from the network: a pure function.
import type { Accelerator } from './accelerator.ts';
import type { Firmware } from './firmware.ts';

/** QEMU's name of the object that captures frames. */
export const CAPTURE = 'capture0';

export interface MachineSpec {
  name: string;
  firmware: Firmware;
  /** MiB. */
  memory: number;
  mac: string;
  tap: string;
  /** Emulation (tcg) is about ten times slower than kvm. */
  accelerator: Accelerator;
  /** A file for the frames of its network card (pcap): a trial of KVM looks for the first DHCP packet in it. */
  capture?: string;
  /** A file for all its frames, whole (pcap). */
  frames?: string;
  /** Unix sockets for the serial console and for QMP, and the file with the console's output. */
  serialSocket: string;
  serialLog: string;
  qmpSocket: string;
  /** OVMF's code, and this machine's own copy of its variables; not for BIOS. */
  ovmf?: { code: string; vars: string };
  /** Raw disk images. */
  disks?: readonly string[];
  /** A second network card, without firmware: for a node that is itself a head. */
  second?: { mac: string; tap: string };
}

/** QEMU's arguments, without the program's name. */
export function qemuArguments(spec: MachineSpec): string[] {
  return [
    ...['-name', spec.name, '-nodefaults', '-no-user-config', '-display', 'none', '-vga', 'std'],
    ...accelerator(spec.accelerator),
    ...['-smp', '1', '-m', String(spec.memory)],
    ...firmware(spec),
    ...['-chardev', `socket,id=s0,path=${spec.serialSocket},server=on,wait=off,logfile=${spec.serialLog},logappend=on`],
    ...['-serial', 'chardev:s0', '-qmp', `unix:${spec.qmpSocket},server=on,wait=off`],
    ...['-object', 'rng-random,id=r0,filename=/dev/urandom', '-device', 'virtio-rng-pci,rng=r0'],
    ...['-netdev', `tap,id=n0,ifname=${spec.tap},script=no,downscript=no`],
    ...[
      '-device',
      `virtio-net-pci,netdev=n0,mac=${spec.mac},bootindex=1${spec.firmware === 'bios' ? '' : ',romfile='}`,
    ],
    ...(spec.capture ? ['-object', `filter-dump,id=${CAPTURE},netdev=n0,file=${spec.capture},maxlen=128`] : []),
    // The largest frame is a segment of 64 KiB with its headers
    ...(spec.frames ? ['-object', `filter-dump,id=frames0,netdev=n0,file=${spec.frames},maxlen=131072`] : []),
    ...(spec.disks ?? []).flatMap(disk),
    ...(spec.second ? secondCard(spec.second) : []),
  ];
}

function accelerator(kind: Accelerator): string[] {
  if (kind === 'kvm') return ['-accel', 'kvm', '-cpu', 'max'];
  // A processor that reports fast `rep stosb` (ERMS) makes Linux clear pages byte by byte, which TCG emulates so slowly that a
  // boot takes minutes.
  return ['-accel', 'tcg', '-cpu', 'max,-erms,-fsrm'];
}

function firmware({ firmware, ovmf }: MachineSpec): string[] {
  // Without graphics, SeaBIOS sends its screen, and with it iPXE's, to the serial console.
  if (firmware === 'bios' || !ovmf) return ['-machine', 'pc,graphics=off'];
  const flash = (unit: number, file: string, more = ''): string[] => [
    '-drive',
    `if=pflash,format=raw,unit=${unit}${more},file=${file}`,
  ];
  const pxeOff = (family: string): string[] => ['-fw_cfg', `name=opt/org.tianocore/${family}PXESupport,string=no`];
  return [
    // With Secure Boot the firmware protects its variables in System Management Mode
    ...(firmware === 'uefi-secure'
      ? ['-machine', 'q35,smm=on', '-global', 'driver=cfi.pflash01,property=secure,value=on']
      : ['-machine', 'q35']),
    ...flash(0, ovmf.code, ',readonly=on'),
    ...flash(1, ovmf.vars),
    // PXE precedes HTTP in OVMF's order: only without it does the firmware choose HTTP by itself.
    ...(firmware === 'uefi-http' ? [...pxeOff('IPv4'), ...pxeOff('IPv6')] : []),
  ];
}

function secondCard({ mac, tap }: { mac: string; tap: string }): string[] {
  return [
    ...['-netdev', `tap,id=n1,ifname=${tap},script=no,downscript=no`],
    ...['-device', `virtio-net-pci,netdev=n1,mac=${mac},romfile=`],
  ];
}

function disk(file: string, index: number): string[] {
  return [
    ...['-drive', `if=none,id=d${index},format=raw,file=${file},cache=unsafe`],
    ...['-device', `virtio-blk-pci,drive=d${index},bootindex=${index + 2}`],
  ];
}
