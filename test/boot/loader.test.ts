import test from 'ava';
import type { Identity } from '../../src/boot/identify.ts';
import { targetFor } from '../../src/boot/loader.ts';
import { findLoaders, servedLoaders } from '../../src/boot/loaders.ts';
import type { LoaderName } from '../../src/config-values.ts';

const PLANE = { address: '10.54.0.1', httpPort: 8080 };
const LOADERS = {
  bios: '/usr/lib/ipxe/undionly.kpxe',
  efi64: '/usr/lib/ipxe/snponly.efi',
  'http-efi64': '/usr/lib/ipxe/snponly.efi',
};
const firmware = (via: 'tftp' | 'http', arch: LoaderName | undefined): Identity => ({
  kind: 'firmware',
  via,
  arch,
  label: 'the label',
});

test('firmware gets the file of its architecture, by its own way', t => {
  t.deepEqual(targetFor(firmware('tftp', 'bios'), LOADERS, PLANE), { kind: 'tftp', file: 'undionly.kpxe' });
  t.deepEqual(targetFor(firmware('tftp', 'efi64'), LOADERS, PLANE), { kind: 'tftp', file: 'snponly.efi' });
  const url = 'http://10.54.0.1:8080/boot/v1/loader/snponly.efi';
  t.deepEqual(targetFor(firmware('http', 'http-efi64'), LOADERS, PLANE), { kind: 'http', url });
});

test('iPXE gets the script, of whatever architecture it is', t => {
  const target = targetFor({ kind: 'ipxe', arch: undefined, label: 'iPXE' }, {}, PLANE);
  t.deepEqual(target, { kind: 'script', url: 'http://10.54.0.1:8080/boot/v1/script' });
});

test('a running system loads nothing', t => {
  t.deepEqual(targetFor({ kind: 'system', label: '' }, LOADERS, PLANE), { kind: 'none' });
});

test('a missing loader is refused with what to install and which key to set', t => {
  const target = targetFor(firmware('tftp', 'efi-arm64'), LOADERS, PLANE);
  t.true(target.kind === 'refused');
  if (target.kind === 'refused')
    t.regex(
      target.refused,
      /the label; install iPXE \(.*Debian 13.*\) or GRUB.*grub-efi-arm64-bin.*loaders\.efi-arm64/,
    );
});

test('GRUB replaces iPXE on firmware without an iPXE', t => {
  const has = (file: string) => file === 'grub-arm64.efi';
  t.deepEqual(targetFor(firmware('tftp', 'efi-arm64'), LOADERS, PLANE, { has }), {
    kind: 'tftp',
    file: 'grub-arm64.efi',
  });
  t.deepEqual(targetFor(firmware('http', 'http-efi-arm64'), LOADERS, PLANE, { has }), {
    kind: 'http',
    url: 'http://10.54.0.1:8080/boot/v1/loader/grub-arm64.efi',
  });
  const wanted = targetFor(firmware('tftp', 'efi-arm64'), LOADERS, PLANE, { wants: 'grub' });
  t.true(wanted.kind === 'refused' && /grub-efi-arm64-bin/.test(wanted.refused) && !/amd64/.test(wanted.refused));
});

test('_boot_loader=shim is for firmware that boots by PXE, and an iPXE that runs gets its script', t => {
  const wants = 'shim';
  const has = (file: string) => file === 'shimx64.efi';
  const of = (client: Identity) => targetFor(client, LOADERS, PLANE, { wants, has });
  t.deepEqual(of(firmware('tftp', 'efi64')), { kind: 'tftp', file: 'shimx64.efi' });
  t.is(of({ kind: 'ipxe', arch: 'efi64', label: 'iPXE' } as Identity).kind, 'script');
  for (const [client, words] of [
    [firmware('http', 'http-efi64'), /by TFTP alone: let the firmware boot by PXE/],
    [firmware('tftp', 'bios'), /no shim for this firmware: the label/],
    [firmware('tftp', 'efi-arm64'), /no shimaa64\.efi; install shim-signed and grub-efi-arm64-signed .*paths\.shim/],
  ] as const) {
    const target = of(client);
    t.true(target.kind === 'refused' && words.test(target.refused), JSON.stringify(target));
  }
});

test('no package has an x86 UEFI loader for Debian: only the key is named', t => {
  const target = targetFor(firmware('http', 'http-efi32'), LOADERS, PLANE);
  t.true(target.kind === 'refused' && /loaders\.http-efi32/.test(target.refused) && !/install/.test(target.refused));
});

test('an architecture without a loader name is refused by its label', t => {
  const target = targetFor(firmware('tftp', undefined), LOADERS, PLANE);
  t.deepEqual(target, { kind: 'refused', refused: 'there is no loader for this firmware: the label' });
});

test('loaders are found where Debian puts them, snponly first', t => {
  const there = new Set([
    '/usr/lib/ipxe/undionly.kpxe',
    '/usr/lib/ipxe/snponly.efi',
    '/usr/lib/ipxe/ipxe.efi',
    '/usr/lib/ipxe/ipxe-arm64.efi',
  ]);
  t.deepEqual(
    findLoaders({}, path => there.has(path)),
    {
      bios: '/usr/lib/ipxe/undionly.kpxe',
      efi64: '/usr/lib/ipxe/snponly.efi',
      'efi-arm64': '/usr/lib/ipxe/ipxe-arm64.efi',
      'http-efi64': '/usr/lib/ipxe/snponly.efi',
      'http-efi-arm64': '/usr/lib/ipxe/ipxe-arm64.efi',
    },
  );
});

test('loaders are found where RHEL and Fedora put them', t => {
  const root = '/usr/share/ipxe';
  const files = [
    'undionly.kpxe',
    'ipxe-snponly-x86_64.efi',
    'ipxe-x86_64.efi',
    'ipxe-i386.efi',
    'arm64-efi/snponly.efi',
  ];
  const there = new Set(files.map(file => `${root}/${file}`));
  t.deepEqual(
    findLoaders({}, path => there.has(path)),
    {
      bios: `${root}/undionly.kpxe`,
      efi32: `${root}/ipxe-i386.efi`,
      efi64: `${root}/ipxe-snponly-x86_64.efi`,
      'efi-arm64': `${root}/arm64-efi/snponly.efi`,
      'http-efi32': `${root}/ipxe-i386.efi`,
      'http-efi64': `${root}/ipxe-snponly-x86_64.efi`,
      'http-efi-arm64': `${root}/arm64-efi/snponly.efi`,
    },
  );
});

test('the configuration goes before what is found, also for the HTTP twin', t => {
  const found = findLoaders({ efi64: '/srv/mine.efi' }, () => true);
  t.is(found.efi64, '/srv/mine.efi');
  t.is(found['http-efi64'], '/srv/mine.efi');
  t.is(findLoaders({ efi64: '/a.efi', 'http-efi64': '/b.efi' }, () => false)['http-efi64'], '/b.efi');
});

test('files of one name and different content are served under different names', t => {
  const loaders = {
    efi64: '/x/snponly.efi',
    'efi-arm64': '/y/snponly.efi',
    'http-efi64': '/x/snponly.efi',
    bios: '/x/undionly.kpxe',
  };
  const served = servedLoaders(loaders);
  t.is(served.get('efi64-snponly.efi'), '/x/snponly.efi');
  t.is(served.get('efi-arm64-snponly.efi'), '/y/snponly.efi');
  t.is(served.get('undionly.kpxe'), '/x/undionly.kpxe');
  const target = targetFor(firmware('tftp', 'efi-arm64'), loaders, PLANE);
  t.deepEqual(target, { kind: 'tftp', file: 'efi-arm64-snponly.efi' });
});

test('a client can fetch the file that it is sent to', t => {
  const served = servedLoaders(LOADERS);
  t.deepEqual([...served.keys()].sort(), ['snponly.efi', 'undionly.kpxe']);
});
