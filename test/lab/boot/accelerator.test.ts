// Real firmware on a "KVM" that is a stand-in: no machine here can be given a KVM that fails in a chosen way.
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { AcceleratorChoice, systemPorts } from '../../../lab/accelerator.ts';
import { Machine } from '../../../lab/machine.ts';
import { openNamespace } from '../../../lab/namespace.ts';
import { makeNetwork } from '../../../lab/network.ts';
import { requireLab } from '../../support/lab.ts';

/** An option ROM that resets the machine (port 0xcf9): SeaBIOS has spoken and iPXE has said its name by then. */
function resettingRom(): Buffer {
  const rom = Buffer.alloc(512);
  // 55 aa, blocks of 512 bytes; mov dx,0xcf9; mov al,6; out dx,al; hlt; jmp $-1
  rom.set([0x55, 0xaa, 0x01, 0xba, 0xf9, 0x0c, 0xb0, 0x06, 0xee, 0xf4, 0xeb, 0xfd]);
  // SeaBIOS runs a ROM only when all its bytes add up to 0.
  rom[511] = 256 - (rom.reduce((sum, byte) => sum + byte, 0) % 256);
  return rom;
}

/** QEMU's program in a wrapper: what asks for KVM gets emulation and more words. */
async function fakeKvm(folder: string, words: string): Promise<string> {
  await writeFile(join(folder, 'reset.rom'), resettingRom());
  const script = [
    '#!/bin/sh',
    `echo "$@" >> ${folder}/calls`,
    'for word; do',
    '  shift',
    '  case $word in kvm) kvm=1 word=tcg ;; esac',
    '  set -- "$@" "$word"',
    'done',
    `if [ "$kvm" ]; then ${words}; fi`,
    'exec qemu-system-x86_64 "$@"',
    '',
  ];
  const file = join(folder, 'qemu');
  await writeFile(file, script.join('\n'));
  await chmod(file, 0o755);
  return file;
}

async function powerOn(t: ExecutionContext, words: string): Promise<{ said: string[]; kinds: string[] }> {
  const folder = await mkdtemp(join(tmpdir(), 'muster-kvm-'));
  t.teardown(async () => rm(folder, { recursive: true, force: true }));
  const namespace = await openNamespace();
  t.teardown(async () => namespace.close());
  await makeNetwork(namespace, 1);
  const said: string[] = [];
  const own = systemPorts(line => void said.push(line), join(folder, 'accelerator.json'));
  const accelerator = new AcceleratorChoice('auto', { ...own, hasKvm: () => true });
  const qemu = await fakeKvm(folder, words);
  const node = new Machine(namespace, {
    index: 0,
    firmware: 'bios',
    memory: 256,
    folder,
    logs: folder,
    qemu,
    accelerator,
  });
  try {
    await node.powerOn();
    await node.waitForSerial(/Configuring/, { timeoutMs: 120_000, from: node.consoleStart });
  } finally {
    await node.powerOff();
  }
  const calls = (await readFile(join(folder, 'calls'), 'utf8')).trim().split('\n');
  return { said, kinds: calls.map(call => /-accel (\w+)/.exec(call)?.[1] ?? '') };
}

test.serial('firmware that resets before its first DHCP packet runs emulated, and one line says so', async t => {
  t.timeout(300_000);
  if (!requireLab(t)) return;
  const { said, kinds } = await powerOn(t, `set -- "$@" -option-rom "\${0%/*}/reset.rom"`);
  t.deepEqual(kinds, ['kvm', 'tcg']);
  t.is(said.length, 1);
  t.regex(said[0] ?? '', /cannot run the firmware \(the machine reset before its first DHCP packet\)/);
});

test.serial('a KVM that QEMU cannot use at all is replaced as well', async t => {
  t.timeout(300_000);
  if (!requireLab(t)) return;
  const { said, kinds } = await powerOn(t, 'echo "failed to set MSR" >&2; exit 1');
  t.deepEqual(kinds, ['kvm', 'tcg']);
  t.regex(said[0] ?? '', /ended with status 1/);
});

test.serial('a KVM that runs the firmware is kept', async t => {
  t.timeout(300_000);
  if (!requireLab(t)) return;
  const { said, kinds } = await powerOn(t, ':');
  t.deepEqual(kinds, ['kvm']);
  t.deepEqual(said, []);
});
