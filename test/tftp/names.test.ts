import test from 'ava';
import fc from 'fast-check';
import { findFile } from '../../src/tftp/names.ts';

const FILES = new Map<string, string | Buffer>([
  ['snponly.efi', '/usr/lib/ipxe/snponly.efi'],
  ['autoexec.ipxe', Buffer.from('#!ipxe\n')],
]);

for (const asked of [
  'snponly.efi',
  '/snponly.efi',
  './snponly.efi',
  '//./snponly.efi',
  '\\snponly.efi',
  '.\\snponly.efi',
  'snponly.efi\ufffd',
]) {
  test(`'${asked}' is the served file`, t => {
    t.deepEqual(findFile(FILES, asked), { name: 'snponly.efi', source: '/usr/lib/ipxe/snponly.efi' });
  });
}

test('a file from memory', t => {
  t.like(findFile(FILES, '/autoexec.ipxe'), { name: 'autoexec.ipxe', source: Buffer.from('#!ipxe\n') });
});

const REFUSED: [asked: string, code: 1 | 2, reason: RegExp][] = [
  ['other.efi', 1, /'other.efi'/],
  ['SNPONLY.EFI', 1, /served/],
  ['sub/snponly.efi', 1, /served/],
  ['constructor', 1, /served/],
  ['', 2, /empty/],
  ['/', 2, /empty/],
  ['.', 2, /empty/],
  ['..', 2, /'\.\.'/],
  ['../snponly.efi', 2, /'\.\.'/],
  ['a/../snponly.efi', 2, /'\.\.'/],
  ['..\\..\\etc\\shadow', 2, /'\.\.'/],
  ['/etc/shadow', 1, /served/],
  ['snponly.efi\0.txt', 2, /NUL/],
  ['a'.repeat(256), 2, /too long/],
  ['\u001b[2J', 1, /'\?\[2J'/],
];

for (const [asked, code, reason] of REFUSED) {
  test(`${JSON.stringify(asked).slice(0, 40)} is refused with code ${code}`, t => {
    const answer = findFile(FILES, asked);
    t.true('refused' in answer);
    if (!('refused' in answer)) return;
    t.is(answer.code, code);
    t.regex(answer.refused, reason);
  });
}

test('only files of the list are served, whatever the request', t => {
  const piece = fc.constantFrom('..', '.', '/', '\\', 'snponly.efi', 'etc', '\0', '%2e%2e', '\ufffd');
  t.notThrows(() =>
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(piece).map(parts => parts.join('')),
        ),
        asked => {
          const answer = findFile(FILES, asked);
          return 'refused' in answer || FILES.get(answer.name) === answer.source;
        },
      ),
      { numRuns: 2000 },
    ),
  );
});
