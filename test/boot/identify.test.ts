import test from 'ava';
import { type ClientMarks, identify } from '../../src/boot/identify.ts';

const marks = (changes: Partial<ClientMarks>): ClientMarks => ({ ipxeOptions: false, ...changes });

for (const [architectures, vendorClass, expected] of [
  [[0], 'PXEClient:Arch:00000:UNDI:002001', ['firmware', 'tftp', 'bios']],
  [[6], 'PXEClient:Arch:00006:UNDI:003000', ['firmware', 'tftp', 'efi32']],
  [[7], 'PXEClient:Arch:00007:UNDI:003000', ['firmware', 'tftp', 'efi64']],
  [[9], 'PXEClient:Arch:00009:UNDI:003000', ['firmware', 'tftp', 'efi64']],
  [[11], 'PXEClient:Arch:00011:UNDI:003000', ['firmware', 'tftp', 'efi-arm64']],
  [[15], 'HTTPClient:Arch:00015:UNDI:003000', ['firmware', 'http', 'http-efi32']],
  [[16], 'HTTPClient:Arch:00016:UNDI:003000', ['firmware', 'http', 'http-efi64']],
  [[19], 'HTTPClient:Arch:00019:UNDI:003000', ['firmware', 'http', 'http-efi-arm64']],
  [[16], undefined, ['firmware', 'http', 'http-efi64']],
  [[7], 'HTTPClient:Arch:00007:UNDI:003000', ['firmware', 'http', 'http-efi64']],
  [[11], 'HTTPClient', ['firmware', 'http', 'http-efi-arm64']],
  [[21], 'U-Boot.armv7', ['firmware', 'tftp', undefined]],
  [[22], 'U-Boot.armv8', ['firmware', 'tftp', 'efi-arm64']],
  [[24], 'HTTPClient', ['firmware', 'http', 'http-efi-arm64']],
  [[27], 'PXEClient:Arch:00027:UNDI:003000', ['firmware', 'tftp', undefined]],
  [[28], 'HTTPClient', ['firmware', 'http', undefined]],
  [[9999], 'PXEClient', ['firmware', 'tftp', undefined]],
  [[27, 7], 'PXEClient', ['firmware', 'tftp', 'efi64']],
  [undefined, 'PXEClient:Arch:00000:UNDI:002001', ['firmware', 'tftp', 'bios']],
  [undefined, 'HTTPClient:Arch:00016:UNDI:003000', ['firmware', 'http', 'http-efi64']],
  [undefined, 'PXEClient', ['firmware', 'tftp', undefined]],
] as const) {
  test(`RFC 4578 §2.1: architecture ${architectures?.join(' and ') ?? 'absent'} of ${vendorClass ?? 'no class'} is ${expected.join(' ')}`, t => {
    const client = identify(marks({ architectures: architectures && [...architectures], vendorClass }));
    t.is(client.kind, 'firmware');
    if (client.kind === 'firmware') t.deepEqual([client.kind, client.via, client.arch], [...expected]);
  });
}

for (const [form, userClass] of [
  ['raw, as iPXE sends it', Buffer.from('iPXE')],
  ['RFC 3004 §4, length-prefixed', Buffer.from('\x04iPXE')],
  ['RFC 3004 §4, the second of two items', Buffer.from('\x03abc\x04iPXE')],
] as const) {
  test(`user class iPXE is recognised: ${form}`, t => {
    t.like(identify(marks({ architectures: [7], vendorClass: 'PXEClient:Arch:00007', userClass })), {
      kind: 'ipxe',
      arch: 'efi64',
    });
  });
}

test('option 175 alone is iPXE, whatever the user class was set to', t => {
  t.is(identify(marks({ architectures: [0], vendorClass: 'PXEClient', ipxeOptions: true })).kind, 'ipxe');
  t.is(identify(marks({ userClass: Buffer.from('lab'), ipxeOptions: true })).kind, 'ipxe');
});

test('iPXE that was loaded by HTTP boot is still iPXE', t => {
  t.is(
    identify(marks({ architectures: [16], vendorClass: 'HTTPClient', userClass: Buffer.from('iPXE') })).kind,
    'ipxe',
  );
});

test('other user classes are not iPXE, and broken ones do no harm', t => {
  for (const userClass of ['', 'iPX', 'iPXE2', '\x05iPXE', '\x00', '\xffiPXE', '\x04iPX']) {
    const client = identify(
      marks({ architectures: [7], vendorClass: 'PXEClient', userClass: Buffer.from(userClass, 'latin1') }),
    );
    t.is(client.kind, 'firmware', JSON.stringify(userClass));
  }
});

test('an ordinary client is a running system', t => {
  for (const vendorClass of [undefined, 'udhcp 1.35.0', 'dhcpcd-9.4.1', 'MSFT 5.0'])
    t.is(identify(marks({ vendorClass })).kind, 'system');
});

test('the label names the architecture with its number', t => {
  t.is(identify(marks({ architectures: [9], vendorClass: 'PXEClient' })).label, 'x64 UEFI (9)');
  t.is(identify(marks({ architectures: [7], ipxeOptions: true })).label, 'iPXE, x64 UEFI (7)');
});
