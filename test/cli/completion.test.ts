// Tab completion: what is offered where, and the scripts in real shells beside a living daemon.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { complete, FILES, type Lookups } from '../../src/cli/complete.ts';
import { NOUNS } from '../../src/cli/nouns.ts';
import { requireAll } from '../support/require.ts';
import { Programs, TestDaemon } from './daemon.ts';
import { temporaryFolder } from './folder.ts';

const NAMES: Record<string, string[]> = {
  node: ['n0', 'n1', 'n10'],
  attrib: ['DefaultAttribs', 'gpu'],
  boot: ['DefaultBoot', 'mpiBoot'],
  image: ['DefaultImage'],
  distro: ['CentOS'],
  repo: ['base', 'updates'],
  files: ['hosts', 'slurm'],
};
const lookups: Lookups = {
  names: async (kind, prefix) => (NAMES[kind] ?? []).filter(name => name.startsWith(prefix)),
  attributes: async () => ['rack'],
  paths: async (set, prefix) =>
    ['/etc/hosts.tmpl', '/etc/motd'].filter(path => set === 'hosts' && path.startsWith(prefix)),
};
const silent: Lookups = { names: async () => [], attributes: async () => [], paths: async () => [] };

const offers: [string, string[]][] = [
  ['no', ['node']],
  ['nodec', ['nodectl']],
  ['node time', ['timeline']],
  ['node -i n0 wait', ['waitfor']],
  ['node waitfor ', ['up', 'down', 'booting', 'failed', 'local', 'unknown']],
  ['node --sh', ['--show-uids']],
  ['node ls --lo', ['--long', '--long-long']],
  ['node -i ', ['n0', 'n1', 'n10']],
  ['node -i n1', ['n1', 'n10']],
  ['node -in1', ['-in1', '-in10']],
  ['node --ids=n1', ['--ids=n1', '--ids=n10']],
  ['node -i %', ['%DefaultAttribs', '%gpu']],
  ['node ls n1', ['n1', 'n10']],
  ['node -i n0 set _boot_s', ['_boot_style=']],
  ['node -i n0 set ra', ['rack=']],
  ['node -i n0 set _boot_style=ro', ['_boot_style=roram']],
  ['node -i n0 set _boot_config=mpi', ['_boot_config=mpiBoot']],
  ['node -i n0 clear ra', ['rack']],
  ['node -i n0 join gp', ['gpu']],
  ['node -i n0 update cm', ['cmdline=']],
  ['node --fields mac,i', ['mac,index', 'mac,ip']],
  ['boot -i DefaultBoot update rel', []],
  ['boot -i DefaultBoot update boot_style=n', ['boot_style=next']],
  ['boot -i DefaultBoot update frozen=', ['frozen=true', 'frozen=false']],
  ['boot -i DefaultBoot update image=', ['image=DefaultImage']],
  ['boot -i DefaultBoot update kernel=', ['kernel=@']],
  ['boot -i DefaultBoot update kernel=@/bo', [`${FILES}kernel=@`]],
  ['boot -i DefaultBoot download k', ['kernel']],
  ['files show h', ['hosts']],
  ['files show mu', ['munge']],
  ['files cat mot', ['motd']],
  ['files put mot', []],
  ['files delete mot', []],
  ['files cat s', ['slurm', 'ssh_host_keys', 'sudoers', 'systemd']],
  ['files cat hosts etc/m', ['etc/motd']],
  ['files edit hosts /etc/h', ['/etc/hosts.tmpl']],
  ['files rm hosts etc/motd etc/h', ['etc/hosts.tmpl']],
  ['files put hosts etc/motd ./', [FILES]],
  ['node -i n0 set _file_sets=hosts,sl', ['_file_sets=hosts,slurm']],
  ['node -i n0 set _file_sets=-mot', ['_file_sets=-motd']],
  ['cluster dis', ['distro']],
  ['clusterctl distros -i ', ['CentOS']],
  ['clusterctl distros create repos=base,up', ['repos=base,updates']],
  ['cluster --set-distro ', ['CentOS']],
  ['cluster --set-accept-nodes ', ['True', 'False']],
  ['mkramfs --update mpi', ['mpiBoot']],
  ['modimg -i ', ['DefaultImage']],
  ['modimg --create --set', ['--set-name']],
  ['modimg --create Cen', ['CentOS']],
  ['completion ', ['bash', 'zsh']],
  ['node create --content @', [`${FILES}@`]],
  ['nowhere ', []],
];

for (const [line, expected] of offers) {
  test(`muster ${line}<TAB>`, async t => {
    const found = await complete(NOUNS, line.split(' '), lookups);
    if (line === 'nowhere ') t.false(found.includes('n0'));
    else t.deepEqual(found.sort(), [...expected].sort());
  });
}

test('without a daemon nouns, actions, options and fields are still offered', async t => {
  t.deepEqual(await complete(NOUNS, ['node', '-i', ''], silent), []);
  t.true((await complete(NOUNS, ['node', ''], silent)).includes('timeline'));
});

let daemon: TestDaemon;
test.before(async () => {
  daemon = await TestDaemon.start();
  writeFileSync(join(daemon.folder, 'vmlinuz-5.1'), '');
  for (const line of [
    'muster boot create name=mpiBoot',
    'muster node create mac=08:00:27:00:00:01',
    'muster node create mac=08:00:27:00:00:02',
  ])
    await daemon.shell(line);
});
test.after.always(async () => daemon?.stop());

/** What bash would offer for a line: the function is called as readline calls it. */
function bashScript(line: string): string {
  return `COMP_WORDBREAKS=$' \\t\\n"\\'@><=;|&(:'; source <(muster completion bash)
COMP_LINE='${line}'; COMP_POINT=\${#COMP_LINE}; _muster; printf '%s\\n' "\${COMPREPLY[@]}"`;
}

const inBash: [string, string][] = [
  ['muster nod', 'node\n'],
  ['muster node -i n', 'n0\nn1\n'],
  ['scyld-nodectl -i n0 explai', 'explain\n'],
  // readline keeps what stands before `=` and `@` by itself.
  ['scyld-nodectl -i n0 set _boot_config=mp', 'mpiBoot\n'],
  ['scyld-bootctl -i mpiBoot update kernel=@vml', 'vmlinuz-5.1\n'],
  ['muster node create --content @vml', 'vmlinuz-5.1\n'],
];

for (const [line, expected] of inBash) {
  test(`bash: ${line}<TAB>`, async t => {
    if (!requireAll(t, { programs: ['bash'] })) return;
    const { stdout, stderr } = await daemon.shell(bashScript(line));
    t.is(stdout, expected, stderr);
    t.is(stderr.replace(/.*compopt.*\n/g, ''), '');
  });
}

test('bash: a stopped daemon is silence, not an error', async t => {
  if (!requireAll(t, { programs: ['bash'] })) return;
  const folder = await temporaryFolder(t);
  const programs = new Programs(folder, join(folder, 'none.sock'));
  t.deepEqual(await programs.shell(bashScript('muster node -i n')), { status: 0, stdout: '\n', stderr: '' });
  t.is((await programs.shell(bashScript('muster boo'))).stdout, 'boots\nboot\n');
});

test('bash: an interactive shell completes the word at the prompt', async t => {
  if (!requireAll(t, { programs: ['bash', 'script'] })) return;
  const keys = 'source <(muster completion bash)\nmuster node -i n0 explai\t\nexit\n';
  const { stdout } = await daemon.feed(keys, 'script', '-qec', 'bash --norc -i', '/dev/null');
  t.regex(stdout, /It boots nothing: n0 has no _boot_config/);
});

test('zsh: the script is loaded and offers what muster offers', async t => {
  if (!requireAll(t, { programs: ['zsh'] })) return;
  const line = `autoload -U compinit; compinit -u -D; source <(muster completion zsh)
compadd() { while [[ $1 == -* ]]; do if [[ $1 == -S ]]; then shift; fi; if [[ $1 == -- ]]; then shift; break; fi; shift; done; print -l -- "$@" }
words=(muster node -i n); CURRENT=4; _muster
words=(muster node -i n0 set _boot_st); CURRENT=6; _muster`;
  const { stdout, stderr } = await daemon.run('zsh', '-f', '-c', line);
  t.is(stdout, 'n0\nn1\n_boot_style=\n', stderr);
});
