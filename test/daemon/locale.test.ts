import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { headLocale } from '../../src/daemon/locale.ts';
import { type Files, layFiles, testFolder } from '../support/iso.ts';

function localeOf(t: ExecutionContext, files: Files) {
  const root = testFolder(t);
  layFiles(root, files);
  return headLocale(`${root}/`);
}

test("the head's language, keyboard and time zone, as Debian and as Red Hat keep them", t => {
  t.deepEqual(
    localeOf(t, {
      'etc/default/locale': '# comment\nLANG="de_DE.UTF-8"\n',
      'etc/default/keyboard': 'XKBMODEL="pc105"\nXKBLAYOUT="de"\n',
      'etc/timezone': 'Europe/Berlin\n',
    }),
    { lang: 'de_DE.UTF-8', keymap: 'de', timezone: 'Europe/Berlin' },
  );
  const root = testFolder(t);
  layFiles(root, {
    'etc/locale.conf': 'LANG=fr_FR.UTF-8\n',
    'etc/vconsole.conf': 'KEYMAP="fr-latin9"\n',
    'usr/share/zoneinfo/America/Argentina/Ushuaia': 'x',
  });
  symlinkSync('../usr/share/zoneinfo/America/Argentina/Ushuaia', join(root, 'etc/localtime'));
  t.deepEqual(headLocale(`${root}/`), {
    lang: 'fr_FR.UTF-8',
    keymap: 'fr-latin9',
    timezone: 'America/Argentina/Ushuaia',
  });
});

test('a head that says nothing, or C, installs in English, and UTC', t => {
  const fallback = { lang: 'en_US.UTF-8', keymap: 'us', timezone: 'UTC' };
  t.deepEqual(localeOf(t, { 'etc/passwd': 'x' }), fallback);
  t.deepEqual(localeOf(t, { 'etc/locale.conf': 'LANG=C.UTF-8\n', 'etc/timezone': '../../x;y\n' }), fallback);
});
