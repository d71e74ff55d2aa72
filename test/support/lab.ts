// A virtual cluster for one test file: what it needs, and its end with the tests.
import type { ExecutionContext, TestFn } from 'ava';
import { type Lab, type LabOptions, startLab } from '../../lab/lab.ts';
import { reasonOf } from '../../src/errors.ts';
import { Limits } from '../../src/power/limits.ts';
import { requireAll } from './require.ts';

const PROGRAMS = [
  'qemu-system-x86_64',
  'ip',
  'tc',
  'dnsmasq',
  'mmdebstrap',
  'mksquashfs',
  'unshare',
  'nsenter',
  'setpriv',
];
const FILES = ['/usr/lib/ipxe/qemu/pxe-virtio.rom', '/usr/lib/ipxe/undionly.kpxe', '/dev/net/tun'];
const UEFI_FILES = ['/usr/share/OVMF/OVMF_CODE_4M.fd', '/usr/lib/ipxe/snponly.efi'];
const SECURE_FILES = [
  '/usr/share/OVMF/OVMF_CODE_4M.ms.fd',
  '/usr/lib/shim/shimx64.efi.signed',
  '/usr/lib/grub/x86_64-efi-signed/grubnetx64.efi.signed',
];

/** Whether virtual nodes can boot here; says why not. */
export function requireLab(t: ExecutionContext, firmware: LabOptions['firmware'] = 'bios'): boolean {
  return requireAll(t, {
    root: true,
    programs: PROGRAMS,
    files: [...FILES, ...(firmware === 'bios' ? [] : UEFI_FILES), ...(firmware === 'uefi-secure' ? SECURE_FILES : [])],
  });
}

/** An emulated node keeps one processor busy: a file's labs run two at a time. */
const turns = new Limits();
const LABS_AT_A_TIME = 2;

/** Runs a test with a lab of its own. When it fails, the end of the consoles and of the daemon's log go to its log. */
export async function withLab(
  t: ExecutionContext,
  options: Partial<LabOptions>,
  body: (lab: Lab) => Promise<void>,
): Promise<void> {
  // The wait for its turn is part of it.
  t.timeout(1_800_000);
  if (!requireLab(t, options.firmware)) return;
  await turns.within('labs', LABS_AT_A_TIME, async () => {
    const lab = await startLab(options);
    try {
      await body(lab);
    } catch (error) {
      t.log(reasonOf(error));
      for (const node of lab.nodes) t.log(`console of ${node.name}:\n${node.serial.tail(40)}`);
      t.log(`musterd:\n${await lab.head.lastWords()}`);
      throw error;
    } finally {
      await lab.stop();
    }
  });
}

/** A test that boots virtual nodes: one line per case. */
export function labTest(
  test: TestFn,
  title: string,
  options: Partial<LabOptions>,
  body: (t: ExecutionContext, lab: Lab) => Promise<void>,
): void {
  test(title, async t => withLab(t, options, async lab => body(t, lab)));
}
