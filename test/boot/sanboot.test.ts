// What _ipxe_sanboot may say, and what the script of style sanboot makes of it.
import test from 'ava';
import { planBoot } from '../../src/boot/plan.ts';
import { sanbootOf } from '../../src/boot/sanboot.ts';
import { FakeCluster } from '../fakes/cluster.ts';

test('disks by the names that systems and BIOS give them', t => {
  for (const [value, drive] of [
    ['', '0x80'],
    ['sda', '0x80'],
    ['/dev/sdb', '0x81'],
    ['/dev/sda1', '0x80'],
    ['vdc', '0x82'],
    ['nvme1n1', '0x81'],
    ['/dev/nvme0n1p2', '0x80'],
    ['hd1', '0x81'],
    ['0x83', '0x83'],
  ] as const)
    t.deepEqual(sanbootOf(value), { words: `--no-describe --drive ${drive}`, iscsi: false }, value);
});

test("iPXE's own words are passed on; anything else is refused", t => {
  t.deepEqual(sanbootOf('--drive 0x81 --keep'), { words: '--drive 0x81 --keep', iscsi: false });
  const uri = 'iscsi:10.54.0.9::::iqn.2026-01.org.example:disk';
  t.deepEqual(sanbootOf(uri), { words: uri, iscsi: true });
  t.deepEqual(sanbootOf(`--filename \\EFI\\x.efi ${uri}`), { words: `--filename \\EFI\\x.efi ${uri}`, iscsi: true });
  t.deepEqual(sanbootOf('iscsi:'), { image: true, iscsi: true });
  t.regex((sanbootOf('first') as { refused: string }).refused, /'first' is neither a disk \(sda, hd0, 0x80\) nor/);
  t.regex((sanbootOf('--drive 0x80 || reboot') as { refused: string }).refused, /'\|\|' in it ends a command/);
});

test('next and sanboot need neither kernel nor image; disked needs _disk_root', t => {
  const fake = new FakeCluster();
  const { node, config } = fake.bootable();
  fake.change(config, { kernel: null, initramfs: null, image: '' });
  const plan = (attributes: Record<string, string>) => {
    fake.change(node, { attributes });
    const entry = fake.cluster.get('node', node.uid);
    return entry ? planBoot(fake.cluster, entry) : { refused: 'no node' };
  };
  t.like(plan({ _boot_style: 'next' }), { plan: { style: 'next', kernel: null, initramfs: null, image: null } });
  t.like(plan({ _boot_style: 'sanboot' }), { plan: { sanboot: { words: '--no-describe --drive 0x80' } } });
  t.regex((plan({ _boot_style: 'sanboot', _ipxe_sanboot: 'iscsi:' }) as { refused: string }).refused, /has no image/);
  t.regex((plan({ _boot_style: 'sanboot', _ipxe_sanboot: 'x' }) as { refused: string }).refused, /^_ipxe_sanboot: 'x'/);
  t.regex((plan({ _boot_style: 'disked' }) as { refused: string }).refused, /has no kernel/);
  fake.change(config, {
    kernel: { sha256: 'a'.repeat(64), size: 1, mtime: 0 },
    initramfs: { sha256: 'b'.repeat(64), size: 1, mtime: 0 },
  });
  t.regex((plan({ _boot_style: 'disked' }) as { refused: string }).refused, /_disk_root, the partition .* is not set/);
  const same = { _boot_style: 'disked', _disk_root: '/dev/sda2', _disk_cache: '/dev/sda2' };
  t.regex((plan(same) as { refused: string }).refused, /_disk_root and _disk_cache are both/);
});
