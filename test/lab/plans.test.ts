// What the lab decides before it starts anything: QEMU's words, the network's lines, the image's versions, the cluster's commands.
import test from 'ava';
import { clusterCommands } from '../../lab/cluster.ts';
import { networkPlan, portOf } from '../../lab/network.ts';
import { type MachineSpec, qemuArguments } from '../../lab/qemu.ts';
import { labRecipe, rootVersion } from '../../lab/recipe.ts';

const MACHINE: MachineSpec = {
  name: 'n0',
  firmware: 'bios',
  memory: 512,
  mac: '52:54:00:00:00:01',
  tap: 'tap0',
  accelerator: 'tcg',
  serialSocket: '/run/n0.ser',
  serialLog: '/run/n0.serial',
  qmpSocket: '/run/n0.qmp',
};
const OVMF = { code: '/OVMF_CODE.fd', vars: '/n0.vars' };

test('a BIOS machine boots from the iPXE of its network card', t => {
  const words = qemuArguments(MACHINE);
  t.true(words.includes('virtio-net-pci,netdev=n0,mac=52:54:00:00:00:01,bootindex=1'));
  t.true(words.includes('tap,id=n0,ifname=tap0,script=no,downscript=no'));
  t.false(words.some(word => word.includes('pflash')));
});

test('a UEFI machine has the firmware read-only, its own variables, and no iPXE in its network card', t => {
  const words = qemuArguments({ ...MACHINE, firmware: 'uefi', ovmf: OVMF });
  t.true(words.includes('if=pflash,format=raw,unit=0,readonly=on,file=/OVMF_CODE.fd'));
  t.true(words.includes('if=pflash,format=raw,unit=1,file=/n0.vars'));
  t.true(words.some(word => word.startsWith('virtio-net-pci') && word.endsWith(',romfile=')));
  t.false(words.includes('-fw_cfg'));
});

test('a machine that boots by HTTP has no PXE', t => {
  const words = qemuArguments({ ...MACHINE, firmware: 'uefi-http', ovmf: OVMF });
  for (const family of ['IPv4', 'IPv6']) {
    t.true(words.includes(`name=opt/org.tianocore/${family}PXESupport,string=no`));
  }
});

test('an emulated processor does not claim features that its emulation is slow at', t => {
  t.true(qemuArguments(MACHINE).includes('max,-erms,-fsrm'));
  t.true(qemuArguments({ ...MACHINE, accelerator: 'kvm' }).includes('kvm'));
});

test('every node has a separate tap and hardware address', t => {
  const ports = Array.from({ length: 300 }, (_, index) => portOf(index));
  t.is(new Set(ports.map(port => port.mac)).size, 300);
  t.is(new Set(ports.map(port => port.tap)).size, 300);
  t.deepEqual(portOf(299), { mac: '52:54:00:00:01:2c', tap: 'tap299' });
});

test('the bridge forwards at once, and each tap is on it', t => {
  const plan = networkPlan(2).split('\n');
  t.true(plan.includes('link add br0 type bridge forward_delay 0 stp_state 0'));
  for (const tap of ['tap0', 'tap1']) t.true(plan.includes(`link set ${tap} master br0`));
});

test('the image is of the release of this Debian, and of Debian 12 elsewhere', t => {
  t.is(labRecipe('ID=debian\nVERSION_CODENAME=trixie\n', {}).suite, 'trixie');
  t.is(labRecipe('ID=fedora\nVERSION_ID=40\n', {}).suite, 'bookworm');
  t.is(labRecipe('', { MUSTER_LAB_MIRROR: 'http://mirror.test/debian' }).mirror, 'http://mirror.test/debian');
});

test('another recipe, or another owner of its files, makes another version of the image', t => {
  const recipe = labRecipe('', {});
  t.is(rootVersion(recipe, true), rootVersion(labRecipe('', {}), true));
  t.not(rootVersion(recipe, true), rootVersion(recipe, false));
  t.not(rootVersion(recipe, true), rootVersion({ ...recipe, packages: [...recipe.packages, 'vim'] }, true));
});

test('the cluster is made by commands that an administrator could type', t => {
  const files = { image: '/i', kernel: '/k', initramfs: '/r' };
  const plan = {
    style: 'rwram',
    macs: ['52:54:00:00:00:01'],
    files,
    attributes: { _boot_rw_layer: 'rwtab' },
    cmdline: 'x=1',
  };
  const lines = clusterCommands(plan).map(words => words.join(' '));
  t.is(lines[0], 'image create name=DefaultImage content=@/i');
  t.regex(
    lines[1] ?? '',
    /^boot create name=DefaultBoot kernel=@\/k initramfs=@\/r image=DefaultImage boot_style=rwram cmdline=console=ttyS0,115200 .* x=1$/,
  );
  t.is(lines[2], 'attrib set _boot_config=DefaultBoot _boot_rw_layer=rwtab');
  t.is(lines[3], 'node create name=n0 index=0 mac=52:54:00:00:00:01');
});
