// What lists, tables, JSON and YAML look like, and how they fit a terminal.

import { writeFileSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { parse } from 'yaml';
import { listText, tableText } from '../../src/cli/listing.ts';
import { columnLines } from '../../src/cli/overview.ts';
import { movingLine } from '../../src/cli/progress-lines.ts';
import { requireAll } from '../support/require.ts';
import { TestDaemon } from './daemon.ts';
import { kernelFile } from './files.ts';

const NOW = Date.UTC(2023, 0, 31, 23, 16, 7);
const shown = (name: string, fields: Record<string, unknown>) => ({
  uid: 'f'.repeat(32),
  revision: 1,
  created: 0,
  modified: 0,
  name,
  ...fields,
});

// The list of ClusterWare's manual (facts §2): header, two spaces a level, fields in alphabetical order, sizes and times twice.
test('a list is printed as the specified system prints it', t => {
  const iso = {
    chksum: 'e47d5ca2',
    filename: '4aceb9db',
    mtime: Date.UTC(2023, 0, 31, 23, 7, 36),
    size: 12_129_927_168,
  };
  const repo = shown('Rocky8repo', {
    iso,
    isolabel: 'Rocky-8-7-x86_64-dvd',
    keys: [],
    urls: ['<BASE_URL>/a/', '<BASE_URL>/b/'],
  });
  const text = listText([repo], { showUids: false, fields: undefined }, { title: 'Repos', detail: 'long', now: NOW });
  t.is(
    text,
    `Repos
  Rocky8repo
    iso
      chksum: e47d5ca2
      filename: 4aceb9db
      mtime: 2023-01-31 23:07:36 UTC (0:08:31 ago)
      size: 11.3 GiB (12129927168 bytes)
    isolabel: Rocky-8-7-x86_64-dvd
    keys: []
    name: Rocky8repo
    urls
      <BASE_URL>/a/
      <BASE_URL>/b/
`,
  );
});

test('the size of a naming pool counts indices, not bytes', t => {
  const pool = shown('default', { first_index: 0, size: 155 });
  const text = listText(
    [pool],
    { showUids: false, fields: undefined },
    { title: 'Naming pools', detail: 'long', now: NOW },
  );
  t.is(text, 'Naming pools\n  default\n    first_index: 0\n    name: default\n    size: 155\n');
});

test('a line that moves fits the terminal, for what wraps cannot be written over', t => {
  const text = '46.1% complete, elapsed: 0:00:00.4 remaining: 0:00:00.5';
  t.is(movingLine(text, 40), '\r\u001b[K  46.1% complete, elapsed: 0:00:00.4 re');
  t.is(movingLine(text, 80), `\r\u001b[K  ${text}`);
  t.is(movingLine(text, 0), `\r\u001b[K  ${text}`, 'a terminal that does not know its width');
});

test('a table has the names on the left and fits its width', t => {
  const nodes = [shown('n0', { groups: ['gpu', 'rack1'] }), shown('n10', { groups: [] })];
  t.is(
    tableText('Nodes', nodes, ['groups'], Number.POSITIVE_INFINITY),
    'Nodes |     groups\n------+------------\nn0    |  gpu,rack1\nn10   |\n',
  );
  for (const line of tableText('Nodes', nodes, ['groups', 'uid'], 20).trimEnd().split('\n'))
    t.true(line.length <= 20, line);
});

let daemon: TestDaemon;
test.before(async () => {
  daemon = await TestDaemon.start();
  writeFileSync(join(daemon.folder, 'vmlinuz'), kernelFile('6.1.0'));
  for (const line of [
    'muster boot create name=Boot kernel=@vmlinuz',
    'muster attrib create name=gpu',
    'muster attrib -i gpu set _boot_style=roram rack=b',
    'muster node create mac=08:00:27:00:00:01 groups=gpu',
    'muster node create mac=08:00:27:00:00:02 power_uri=ipmi:///admin:secret@10.0.0.1',
    'muster node -i n0 set _boot_style=iscsi',
  ]) {
    const { status, stderr } = await daemon.shell(line);
    if (status !== 0) throw new Error(`${line}: ${stderr}`);
  }
});
test.after.always(async () => daemon?.stop());

const run = async (...words: string[]) => daemon.run('muster', ...words);

test.serial('JSON and YAML say the same, and --no-pretty is one line', async t => {
  const json = await run('node', 'ls', '--json');
  const yaml = await run('node', 'ls', '--yaml');
  const line = await run('--no-pretty', 'node', '--json', 'ls');
  t.deepEqual(parse(yaml.stdout), JSON.parse(json.stdout));
  t.deepEqual(JSON.parse(line.stdout), JSON.parse(json.stdout));
  t.is(line.stdout.split('\n').length, 2);
  t.true(json.stdout.split('\n').length > 10);
});

test.serial('--fields picks fields, also inside one, in every form', async t => {
  const text = await run('node', '-in0', '--fields', 'ip,attributes[_boot_style]', 'ls');
  t.is(text.stdout, 'Nodes\n  n0\n    attributes[_boot_style]: iscsi\n    ip: 127.0.0.100\n');
  const json = await run('node', '-in0', '--fields', 'groups', '--json', 'ls');
  t.deepEqual(JSON.parse(json.stdout), [{ name: 'n0', groups: ['gpu'] }]);
  const table = await run('node', '--fields', 'groups', '--table', 'ls', '-l');
  t.is(table.stdout, 'Nodes |  groups\n------+---------\nn0    |     gpu\nn1    |\n');
});

test.serial('--show-uids, and the identifiers that UIDs are', async t => {
  const { stdout } = await run('boot', '--show-uids', 'ls');
  const uid = /^NAME +UID .*\nBoot +([0-9a-f]{32}) /.exec(stdout)?.[1] ?? '';
  for (const id of [uid, uid.slice(0, 5)]) t.is((await run('boot', `-i${id}`, 'ls', '-q')).stdout, 'Boot\n');
});

for (const id of ['n0', '0', '127.0.0.100', '08:00:27:00:00:01', 'n[0]', '%gpu']) {
  test.serial(`-i ${id} is n0`, async t => {
    t.is((await run('node', '-i', id, 'ls', '-q')).stdout, 'n0\n');
  });
}

test.serial('options may come before the noun, after the action, and after the words', async t => {
  const expected = "Boot: description: '' -> '-x'\nDry run: nothing was changed.\n";
  const lines = [
    ['--dry-run', 'boot', '-i', 'Boot', 'update', 'description=-x'],
    ['boot', 'update', '-i', 'Boot', '--dry-run', 'description=-x'],
    ['boot', '--dry-run', 'update', 'description=-x', '-iBoot'],
    ['bootctl', 'update', '--ids=Boot', '--dry-run', '--', 'description=-x'],
  ];
  for (const words of lines) t.is((await run(...words)).stdout, expected, words.join(' '));
});

test.serial('-i repeats, and adds up before and behind the action', async t => {
  t.is((await run('node', '-i', 'n1', 'ls', '-q', '--ids', 'n0')).stdout, 'n1\nn0\n');
  t.is((await run('node', '-i', 'n[0-1]', 'ls', '-q', '-s', 'gpu in groups')).stdout, 'n0\n');
});

test.serial('ls -L says where each attribute comes from and what the node would boot', async t => {
  const { stdout } = await run('node', '-i', 'n0', 'ls', '-L');
  t.regex(
    stdout,
    /\n {4}attributes\n {6}_boot_style: iscsi \(node n0; hides roram of group gpu\)\n {6}rack: b \(group gpu\)\n {4}boot\n {6}It boots nothing: n0 has no _boot_config/,
  );
  t.regex(stdout, /\n {4}status\n {6}state: unknown\n/);
  const [node] = JSON.parse((await run('node', '-i', 'n0', 'ls', '-L', '--json')).stdout);
  t.like(node, {
    name: 'n0',
    attributes: { _boot_style: 'iscsi' },
    effective_attributes: {
      _boot_style: { value: 'iscsi', source: 'node n0', shadows: [{ value: 'roram', source: 'group gpu' }] },
      rack: { value: 'b', source: 'group gpu' },
    },
    status: { state: 'unknown' },
  });
  const { stdout: explained } = await run('node', '-i', 'n0', 'explain');
  t.regex(explained, /_boot_style=iscsi {2}from node n0\n {6}hides roram of group gpu\n/);
});

test.serial('passwords are shown nowhere', async t => {
  for (const words of [['node', 'ls', '-L'], ['node', 'ls', '--json'], ['log']])
    t.notRegex((await run(...words)).stdout, /secret/, words.join(' '));
});

test.serial('they cannot be guessed by selecting', async t => {
  t.is((await run('node', '-s', 'power_uri =~ secret', 'ls')).stdout, 'No node matches the selection.\n');
});

test.serial('a dry run says what it would change and changes nothing', async t => {
  const { stdout } = await run('boot', '-i', 'Boot', 'update', 'cmdline=quiet', 'kernel=@vmlinuz', '--dry-run');
  t.is(stdout, "Boot: cmdline: '' -> 'quiet'\nDry run: nothing was changed.\n");
  const made = await run('node', 'create', 'mac=08:00:27:00:00:05', '--dry-run');
  t.is(made.stdout, 'created n2\nDry run: nothing was changed.\n');
  t.is((await run('node', 'ls', '-q')).stdout, 'n0\nn1\n');
});

test.serial('a download is the file that was sent', async t => {
  const { status, stderr } = await run('boot', '-i', 'Boot', 'download', 'kernel', 'back');
  t.is(status, 0, stderr);
  t.regex(stderr, /^back: 4096 bytes, SHA-256 [0-9a-f]{64}\n$/);
  t.deepEqual(await readFile(join(daemon.folder, 'back')), kernelFile('6.1.0'));
  await t.throwsAsync(stat(join(daemon.folder, 'back.part')));
});

test.serial('a download goes to standard output or into a folder, and says why it cannot be written', async t => {
  const piped = await daemon.shell('muster boot -i Boot download kernel - | sha256sum');
  const whole = await daemon.shell('sha256sum < back');
  t.is(piped.stdout, whole.stdout, piped.stderr);
  t.is((await run('boot', '-i', 'Boot', 'download', 'kernel', 'bin')).status, 0);
  t.deepEqual(await readFile(join(daemon.folder, 'bin', 'Boot.kernel')), kernelFile('6.1.0'));
  const nowhere = await run('boot', '-i', 'Boot', 'download', 'kernel', 'nowhere/x');
  t.is(nowhere.status, 6);
  t.regex(nowhere.stderr, /^ERROR: nowhere\/x: .*ENOENT.*\n$/);
});

test.serial('a list shows what one looks for; the scyld names print the lists of the specification', async t => {
  const { stdout } = await run('node', 'ls');
  t.deepEqual(
    stdout.split('\n').map(line => line.split(/ {2,}/)),
    [
      ['NAME', 'STATE', 'FOR', 'ADDRESS', 'IMAGE', 'BOOT CONFIG'],
      ['n0', 'unknown', '-', '127.0.0.100', '-', '-'],
      ['n1', 'unknown', '-', '127.0.0.101', '-', '-'],
      [''],
    ],
  );
  t.regex((await run('boot', 'ls')).stdout, /^NAME +RELEASE +BOOT STYLE\nBoot +6\.1\.0 +/);
  t.is((await run('image', 'ls')).stdout, 'There are no images.\n');
  t.is((await run('image', 'ls', '-q')).stdout, '');
  t.is((await daemon.run('scyld-nodectl', 'ls')).stdout, 'Nodes\n  n0\n  n1\n');
  t.is((await daemon.run('scyld-nodectl', '-q', 'ls')).stdout, 'Nodes\n  n0\n  n1\n');
  t.is((await daemon.run('scyld-bootctl', '-i', 'Boot', 'ls')).stdout, 'Boot configurations\n  Boot\n');
  t.is((await daemon.run('scyld-clusterctl', 'distros', 'ls')).stdout, 'Distros\n');
  const undated = (text: string): string => text.replaceAll(/\([\d:]+ ago\)/g, '');
  for (const detail of ['-l', '-L'])
    t.is(
      undated((await daemon.run('scyld-nodectl', 'ls', detail)).stdout),
      undated((await run('node', 'ls', detail)).stdout),
    );
});

test('columns shrink from the widest on, and an empty one is left out', t => {
  const rows = [
    ['NAME', 'STATE', 'PARENT', 'DESCRIPTION'],
    ['n0', 'up', '', 'a long description'],
  ];
  t.deepEqual(columnLines(rows, Number.POSITIVE_INFINITY), [
    'NAME  STATE  DESCRIPTION',
    'n0    up     a long description',
  ]);
  t.deepEqual(columnLines(rows, 22), ['NAME  STATE  DESCRIPT…', 'n0    up     a long d…']);
  for (const line of columnLines(rows, 10)) t.true(line.length <= 10, line);
});

test.serial('-q says nothing, -vv says what is asked', async t => {
  const quiet = await run('-q', 'attrib', '-i', 'gpu', 'update', 'description=x');
  t.deepEqual(quiet, { status: 0, stdout: '', stderr: '' });
  const loud = await run('node', '-vv', 'ls', '-l');
  t.is(loud.stderr, `INFO: asking musterd on ${daemon.socket}\nDEBUG: GET /api/v1/nodes: 200\n`);
  const config = await daemon.run('env', '-u', 'MUSTER_SOCKET', 'muster', '-c', daemon.config, 'node', 'ls', '-q');
  t.is(config.stdout, 'n0\nn1\n');
});

test.serial('waitfor ends when all fit, and --user is in the audit trail', async t => {
  t.is((await run('node', '--all', 'waitfor', 'index < 9', '--timeout', '60')).stdout, 'n[0-1]: index < 9\n');
  t.is((await run('-u', 'alice', 'pool', 'create', 'name=other', 'description=two words')).status, 0);
  t.regex(
    (await run('log', '--limit', '1')).stdout,
    /UTC {2}alice {2}-u alice pool create name=other 'description=two words'\n$/,
  );
});

test.serial('content of standard input, and replace', async t => {
  const made = await daemon.feed(
    '- name: g1\n  attributes: {rack: b}\n- name: g2\n',
    'muster',
    'attrib',
    'create',
    '--content',
    '@-',
  );
  t.is(made.stdout, 'created g1\ncreated g2\n', made.stderr);
  const replaced = await run('attrib', '-i', 'g1', 'replace', 'description=new');
  t.is(replaced.stdout, "g1: description: '' -> 'new'\ng1: rack: 'b' -> none\n", replaced.stderr);
});

test.serial('the settings of the cluster', async t => {
  t.is((await run('cluster', '--get-accept-nodes')).stdout, 'Accept new nodes: false\n');
  t.is((await run('cluster', '--set-accept-nodes', 'True')).stdout, "cluster: accept_new_nodes: 'false' -> 'true'\n");
  const { stdout } = await run('cluster', '--get-accept-nodes', '--get-distro', '--json');
  t.deepEqual(JSON.parse(stdout), { default_distro: '', accept_new_nodes: true });
});

test.serial('on a terminal a table fits its width, and only there are colours', async t => {
  if (!requireAll(t, { programs: ['script', 'stty', 'bash'] })) return;
  const onTerminal = async (columns: number, line: string) =>
    daemon.run('env', '-u', 'NO_COLOR', 'TERM=xterm', 'script', '-qefc', `stty cols ${columns}; ${line}`, '/dev/null');
  for (const columns of [24, 40]) {
    const { stdout } = await onTerminal(columns, 'muster node ls --table');
    const lines = stdout.split('\r\n').filter(line => line !== '');
    t.is(lines.length, 4, stdout);
    for (const line of lines) t.true(line.length <= columns, `${columns}: ${line}`);
    t.true(lines.some(line => line.endsWith('…')));
  }
  t.true((await onTerminal(80, 'muster node -i n0 explain')).stdout.includes('\u001b[1mn0\u001b[0m'));
  t.false((await onTerminal(80, 'muster node -i n0 explain | cat')).stdout.includes('\u001b'));
  t.false((await onTerminal(80, 'NO_COLOR=1 muster node -i n0 explain')).stdout.includes('\u001b'));
});

test.serial('a shell may expand to thousands of names', async t => {
  const { status, stdout, stderr } = await daemon.shell('muster node ls -q n{0..1} $(yes n0 | head -n 5000)');
  t.is(status, 0, stderr);
  t.is(stdout, 'n0\nn1\n');
});
