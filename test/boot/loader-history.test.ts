// A node that failed twice with one loader is offered the next; one that worked is kept.
import test from 'ava';
import type { Boot } from '../../src/boot/boot.ts';
import type { Stage } from '../../src/boot/journey.ts';
import { loaderAfter } from '../../src/boot/loader-history.ts';
import { findSpareLoaders, servedLoaders } from '../../src/boot/loaders.ts';

const FILES = ['snponly.efi', 'ipxe.efi', 'grub.efi'];

function boot(loader: string, ...stages: Stage[]): Boot {
  return { id: 'b', node: 'u0', started: 0, loader, events: stages.map(stage => ({ at: 0, stage })) };
}
const failed = (loader: string) => boot(loader, 'offered', 'addressed', 'loader');
const worked = (loader: string) => boot(loader, 'offered', 'addressed', 'loader', 'ipxe', 'up');

test('the best first, and again after one failure', t => {
  t.is(loaderAfter([], FILES), 'snponly.efi');
  t.is(loaderAfter([failed('snponly.efi')], FILES), 'snponly.efi');
});

test('the next after two failures, the one behind it after two more, and then the first again', t => {
  const boots = [failed('snponly.efi'), failed('snponly.efi')];
  t.is(loaderAfter(boots, FILES), 'ipxe.efi');
  boots.push(failed('ipxe.efi'), failed('ipxe.efi'));
  t.is(loaderAfter(boots, FILES), 'grub.efi');
  boots.push(failed('grub.efi'), failed('grub.efi'));
  t.is(loaderAfter(boots, FILES), 'snponly.efi');
});

test('one that worked is kept, and what was before it does not count', t => {
  const boots = [failed('snponly.efi'), failed('snponly.efi'), worked('ipxe.efi')];
  t.is(loaderAfter(boots, FILES), 'ipxe.efi');
  t.is(loaderAfter([...boots, failed('ipxe.efi'), failed('ipxe.efi')], FILES), 'grub.efi');
});

test('a loader that an administrator chose does not show whether others work', t => {
  const wanted = { ...worked('grub.efi'), loaderWanted: true };
  t.is(loaderAfter([wanted, wanted], FILES), 'snponly.efi');
  t.is(loaderAfter([worked('ipxe.efi'), { ...failed('grub.efi'), loaderWanted: true }, wanted], FILES), 'ipxe.efi');
});

test('a boot that never fetched its loader says nothing about it, and the boot under way does not count', t => {
  const silent = boot('snponly.efi', 'offered', 'addressed');
  t.is(loaderAfter([silent, silent, silent], FILES), 'snponly.efi');
  t.is(loaderAfter([failed('snponly.efi'), failed('snponly.efi'), boot('ipxe.efi', 'offered')], FILES), 'ipxe.efi');
});

test('spare loaders are those that are installed; there are none if the administrator named one', t => {
  const there = new Set(['/usr/lib/ipxe/snponly.efi', '/usr/lib/ipxe/ipxe.efi', '/usr/share/ipxe/ipxe-x86_64.efi']);
  const exists = (path: string) => there.has(path);
  const spares = findSpareLoaders({}, { efi64: '/usr/lib/ipxe/snponly.efi' }, exists);
  t.deepEqual(spares.efi64, ['/usr/lib/ipxe/ipxe.efi', '/usr/share/ipxe/ipxe-x86_64.efi']);
  t.deepEqual(spares['http-efi64'], spares.efi64);
  t.is(findSpareLoaders({ efi64: '/x.efi' }, { efi64: '/x.efi' }, exists).efi64, undefined);
  t.is(servedLoaders({ efi64: '/usr/lib/ipxe/snponly.efi' }, spares).get('ipxe.efi'), '/usr/lib/ipxe/ipxe.efi');
});
