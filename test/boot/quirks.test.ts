// The table of firmware differences: each row known from somewhere, those that decide, and the page that is made from it.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { identify } from '../../src/boot/identify.ts';
import { targetFor } from '../../src/boot/loader.ts';
import { fits, QUIRKS } from '../../src/boot/quirks.ts';
import { packageRoot } from '../../src/package-root.ts';

const PLANE = { address: '10.54.0.1', httpPort: 8080 };
const LOADERS = { bios: '/l/undionly.kpxe', efi64: '/l/snponly.efi', 'efi-arm64': '/l/snponly.efi' };

/** The table of docs/firmware.md. */
function quirkTable(): string {
  const rows = QUIRKS.map(
    ({ who, differs, answer, sources }) => `| ${who} | ${differs} | ${answer} | ${sources.join('; ')} |`,
  );
  return ['| who | what differs | what muster does | source |', '|---|---|---|---|', ...rows].join('\n');
}

test('docs/firmware.md has the table of the code', t => {
  const file = join(packageRoot, 'docs/firmware.md');
  const page = readFileSync(file, 'utf8');
  const wanted = page.replace(
    /<!-- quirks -->[\s\S]*<!-- end of quirks -->/,
    () => `<!-- quirks -->\n${quirkTable()}\n<!-- end of quirks -->`,
  );
  if (process.env['UPDATE_DOCS']) writeFileSync(file, wanted);
  t.is(readFileSync(file, 'utf8'), wanted, 'write it anew: UPDATE_DOCS=1 npx ava dist/test/boot/quirks.test.js');
});

test('each row has a unique id and a source; captured packets are there', t => {
  t.is(new Set(QUIRKS.map(({ id }) => id)).size, QUIRKS.length);
  const fixtures = readdirSync(join(packageRoot, 'test/dhcp/fixtures'));
  for (const { id, sources } of QUIRKS) {
    t.true(sources.length > 0, id);
    for (const source of sources.filter(text => text.startsWith('captured: ')))
      for (const name of source.slice('captured: '.length).split(', ')) t.true(fixtures.includes(`${name}.hex`), name);
  }
});

test('the boot ROM of a Raspberry Pi says x86 BIOS, and is refused with the remedy; its UEFI and other machines are not', t => {
  const vendorClass = 'PXEClient:Arch:00000:UNDI:002001';
  const target = (mac: string, architecture: number) =>
    targetFor(identify({ mac, architectures: [architecture], vendorClass, ipxeOptions: false }), LOADERS, PLANE);
  const refused = target('dc:a6:32:01:02:03', 0);
  t.regex(refused.kind === 'refused' ? refused.refused : '', /Raspberry Pi.*UEFI firmware/);
  t.like(target('dc:a6:32:01:02:03', 11), { kind: 'tftp', file: 'snponly.efi' });
  t.like(target('52:54:00:01:02:03', 0), { kind: 'tftp', file: 'undionly.kpxe' });
  const asked = identify({ mac: 'dc:a6:32:01:02:03', vendorClass, ipxeOptions: false });
  t.is(targetFor(asked, LOADERS, PLANE).kind, 'refused', 'also by option 60 alone');
  t.is(identify({ mac: 'dc:a6:32:01:02:03', ipxeOptions: false }).kind, 'system', 'Linux on it is a running system');
});

test('a client fits a row when all that the row names is so', t => {
  const client = { mac: '52:54:00:00:00:01', architecture: 7, vendorClass: 'HTTPClient:Arch:00007' };
  t.true(fits({}, client));
  t.true(fits({ architectures: [7, 9], vendorClass: 'HTTPClient', ouis: ['52:54:00'] }, client));
  t.false(fits({ architectures: [0] }, client));
  t.false(fits({ vendorClass: 'PXEClient' }, client));
  t.false(fits({ ouis: ['dc:a6:32'] }, client));
  t.false(fits({ architectures: [7] }, { ...client, architecture: undefined }));
});
