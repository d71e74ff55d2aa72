import test from 'ava';
import { writeTree } from '../../src/files/archive.ts';
import { contentOf, readFileSet, secretPathsOf } from '../../src/files/read-set.ts';
import { withSecret } from '../../src/files/secret-rule.ts';
import type { TreeEntry } from '../../src/files/tree.ts';
import { file, folder, link, withSettings } from './build.ts';

const SETTINGS = `
optional = true
local_edits = "keep"

[files."/etc/munge/munge.key"]
owner = "munge"
group = "990"
mode = "0400"
secret = true
optional = false
local_edits = "replace"
context = "system_u:object_r:munge_etc_t:s0"

[files."/etc/passwd"]
merge = "names"

[[on_change]]
paths = ["/etc/munge/*"]
reload = ["munge"]
restart = ["slurmd.service", "x@y.service"]
run = "adopt-keys"

[[scripts]]
stage = "root"
file = "prepare"
required = true
seconds = 5
`;

test('a set is its files, how each is used, its scripts and what follows a change', async t => {
  const tree = withSettings(
    SETTINGS,
    folder('/etc/munge', { mode: 0o700, owner: 'munge' }),
    file('/etc/munge/munge.key', 'key'),
    file('/etc/passwd.tmpl', '{{ x }}', { mode: 0o640 }),
    link('/etc/x.tmpl', 'y'),
    folder('/.fileset/scripts'),
    file('/.fileset/scripts/prepare', '#!/bin/sh\n'),
    file('/.fileset/scripts/adopt-keys', '#!/bin/sh\ntrue\n'),
  );
  const set = await readFileSet(writeTree(tree));
  t.deepEqual(
    set.entries.map(({ path, isTemplate, rules }) => ({ path, isTemplate, rules })),
    [
      {
        path: '/etc/munge',
        isTemplate: false,
        rules: { merge: 'replace', optional: true, secret: false, localEdits: 'keep' },
      },
      {
        path: '/etc/munge/munge.key',
        isTemplate: false,
        rules: {
          owner: 'munge',
          group: '990',
          mode: 0o400,
          context: 'system_u:object_r:munge_etc_t:s0',
          merge: 'replace',
          optional: false,
          secret: true,
          localEdits: 'replace',
        },
      },
      {
        path: '/etc/passwd',
        isTemplate: true,
        rules: { merge: 'names', optional: true, secret: false, localEdits: 'keep' },
      },
      {
        path: '/etc/x.tmpl',
        isTemplate: false,
        rules: { merge: 'replace', optional: true, secret: false, localEdits: 'keep' },
      },
    ],
  );
  t.true(set.secret);
  const paths = ['/etc/munge/*'];
  t.deepEqual(set.changes, [
    { paths, action: 'reload', what: 'munge' },
    { paths, action: 'restart', what: 'slurmd.service' },
    { paths, action: 'restart', what: 'x@y.service' },
    { paths, action: 'run', what: 'adopt-keys' },
  ]);
  t.deepEqual(
    set.scripts.map(({ content, ...script }) => ({ ...script, bytes: content.length })),
    [
      { stage: 'root', name: 'prepare', required: true, seconds: 5, bytes: 10 },
      { stage: 'called', name: 'adopt-keys', required: false, seconds: 60, bytes: 15 },
    ],
  );
});

test('in a secret set, scripts are secret too, and partials wherever one file is', t => {
  const parts = [
    file('/etc/x.tmpl', '{% include "p" %}'),
    file('/.fileset/partials/p', 'p'),
    file('/.fileset/scripts/join', '#!/bin/sh\n'),
    file('/.fileset/scripts/unused', '#!/bin/sh\n'),
  ];
  const script = '[[scripts]]\nstage = "root"\nfile = "join"\n';
  const all = withSettings(`secret = true\n${script}`, ...parts);
  const paths = ['/etc/x.tmpl', '/.fileset/partials/p', '/.fileset/scripts/join', '/.fileset/scripts/unused'];
  t.deepEqual([...secretPathsOf(all)].sort(), paths.toSorted());
  t.true(contentOf(all).scripts[0]?.secret);
  const one = withSettings(`[files."/etc/x"]\nsecret = true\n${script}`, ...parts);
  t.deepEqual([...secretPathsOf(one)].sort(), ['/.fileset/partials/p', '/etc/x.tmpl']);
  t.falsy(contentOf(one).scripts[0]?.secret);
  t.deepEqual([...secretPathsOf(withSettings(script, ...parts))], []);
});

test('a set without settings replaces files, fails the boot when a template fails, and is not secret', t => {
  const set = contentOf([file('/etc/motd', 'x')]);
  t.deepEqual(set.entries[0]?.rules, { merge: 'replace', optional: false, secret: false, localEdits: 'replace' });
  t.false(set.secret);
  t.deepEqual([set.scripts, set.changes], [[], []]);
});

const refused = (title: string, entries: TreeEntry[], text: string) =>
  test(`refused: ${title}`, t => {
    t.is(t.throws(() => contentOf(entries), { code: 'bad-files' }).message, text);
  });
const settings = (title: string, toml: string, text: string, ...entries: TreeEntry[]) =>
  refused(title, withSettings(toml, ...entries), `.fileset/set.toml${text}`);

settings('TOML that cannot be read', 'optional = true\nsecret = yes\n', ', line 2, column 10: invalid value.');
settings('an unknown key', 'optonal = true\n', ", line 1: there is no key 'optonal'; did you mean 'optional'?");
settings(
  'an unknown key of a file',
  '[files."/a"]\nownr = "x"\n',
  ", line 2: 'files' '/a': there is no key 'ownr'; did you mean 'owner'?",
);
settings(
  'an unknown key of a script',
  '[[scripts]]\nstage = "root"\nfile = "a"\nwhen = 1\n',
  ", line 4: 'scripts' (entry 1): there is no key 'when'; the keys are stage, file, required, seconds.",
);
settings(
  'a wrong word',
  'local_edits = "kep"\n',
  ", line 1: 'local_edits' must be one of replace, keep; did you mean 'keep'?",
);
settings('a wrong type', 'secret = "yes"\n', ", line 1: 'secret' must be a boolean.");
settings(
  'a mode as number',
  '[files."/a"]\nmode = 644\n',
  ", line 2: 'files' '/a' 'mode' must be a text of octal digits, such as \"0644\".",
);
settings(
  'a wrong stage',
  '[[scripts]]\nstage = "rot"\nfile = "a"\n',
  ", line 2: 'scripts' (entry 1) 'stage' must be one of before-root, root, boot, change, shutdown; did you mean 'root'?",
);
settings('a relative path', '[files."etc/a"]\nmode = "0644"\n', ", line 1: 'files' 'etc/a' must be an absolute path.");
settings(
  'nothing to do',
  '[[on_change]]\npaths = ["/a"]\n',
  ", line 1: 'on_change' (entry 1) must have reload, restart or run.",
);
settings(
  'rules for a file that is not there',
  '[files."/etc/mtd"]\nmode = "0644"\n',
  ", line 1: '/etc/mtd' is not in the set; did you mean '/etc/motd'?",
  file('/etc/motd', ''),
);
settings(
  'rules for a template by its ending',
  '[files."/etc/motd.tmpl"]\nmode = "0644"\n',
  ", line 1: '/etc/motd.tmpl' is not in the set; did you mean '/etc/motd'?",
  file('/etc/motd.tmpl', ''),
);
settings(
  'a script that is not there',
  '[[scripts]]\nstage = "root"\nfile = "prepar"\n',
  ", line 3: the script 'prepar' is not in the set; did you mean 'prepare'?",
  file('/.fileset/scripts/prepare', '#!/bin/sh'),
);
settings(
  'a script of a change that is not there',
  '[[on_change]]\npaths = ["/a"]\nreload = ["x"]\n\n[[on_change]]\npaths = ["/b"]\nrun = "adop"\n',
  ", line 7: the script 'adop' is not in the set; did you mean 'adopt'?",
  file('/.fileset/scripts/adopt', '#!/bin/sh'),
);
settings(
  'a script without its file',
  'optional = true\n\n[[scripts]]\nstage = "root"\n',
  ", line 3: 'scripts' (entry 1) 'file' must be a text.",
);
refused(
  'a script without interpreter',
  [file('/.fileset/scripts/x', 'echo')],
  "The script '/.fileset/scripts/x' must begin with its interpreter, such as #!/bin/sh.",
);
refused(
  'an unknown control file',
  [file('/.fileset/set.tml', '')],
  "'/.fileset/set.tml' is unknown; .fileset has set.toml, and files in scripts/ and partials/.",
);
refused(
  'a file and its template',
  [file('/a', ''), file('/a.tmpl', '')],
  "'/a' is there as a file and as a template; remove one.",
);
refused(
  'a template without a name',
  [file('/etc/.tmpl', '')],
  "'/etc/.tmpl' has no name before its ending; name what it renders to.",
);
refused(
  'a template that renders to a folder of the kernel',
  [file('/proc.tmpl', '')],
  "'/proc' is below /proc, which file sets do not change; remove it from the set.",
);

test('a file becomes secret by a rule that is added to the settings, which keep everything else', t => {
  const key = file('/etc/key.tmpl', 'x');
  const ruled = (toml: string): string => {
    const tree = withSecret([...(toml === '' ? [] : withSettings(toml)), key], key.path);
    t.true(contentOf(tree).secret);
    return tree.find(({ path }) => path === '/.fileset/set.toml')?.content.toString() ?? '';
  };
  t.is(ruled(''), '[files."/etc/key"]\nsecret = true\n');
  t.is(ruled('secret = true # all'), 'secret = true # all');
  t.is(ruled('# mine\noptional = true'), '# mine\noptional = true\n\n[files."/etc/key"]\nsecret = true\n');
  t.is(
    ruled('[files."/etc/key"]\nmode = "0400" # root alone\n'),
    '[files."/etc/key"]\nsecret = true\nmode = "0400" # root alone\n',
  );
  const other = () => ruled('[files."/etc/key"]\nsecret = false\n');
  t.is(
    t.throws(other, { code: 'bad-files' }).message,
    ".fileset/set.toml has other rules for '/etc/key'; set secret = true there yourself.",
  );
});
