// Drivers of a site's own: programs in a folder. A broken one is reported and harms nothing.

import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { packageRoot } from '../../src/package-root.ts';
import { TestDaemon } from '../cli/daemon.ts';

let daemon: TestDaemon;
test.before(async () => {
  daemon = await TestDaemon.start(['power.timeout_seconds = 2']);
  mkdirSync(join(daemon.folder, 'power.d'));
  await daemon.run('muster', 'node', 'create', 'mac=08:00:27:00:00:00');
});
test.after.always(async () => daemon?.stop());

const said = async (...words: string[]) => {
  const { status, stdout, stderr } = await daemon.run('muster', 'node', '-i', 'n0', ...words);
  return `${status} ${stdout}${stderr}`;
};

function lay(name: string, text: string, mode = 0o755): void {
  const file = join(daemon.folder, 'power.d', name);
  writeFileSync(file, text);
  chmodSync(file, mode);
}

/** The example of docs/power.md, word for word. */
function documented(): string {
  const page = readFileSync(join(packageRoot, 'docs/power.md'), 'utf8');
  return /```sh\n(#!\/bin\/sh\n[\s\S]*?)```/.exec(page)?.[1] ?? '';
}

test.serial('the example of the documentation is a driver', async t => {
  const outlets = join(daemon.folder, 'outlets');
  mkdirSync(outlets);
  const tool = join(daemon.folder, 'bin', 'pductl');
  writeFileSync(
    tool,
    `#!/bin/sh
read -r password
[ "$password" = 'p4ss word' ] || { echo 'login failed' >&2; exit 3; }
[ "$1 $2 $3" = '--host pdu1 --user' ] && [ "$4" = admin ] || exit 9
case $6 in
    status) cat '${outlets}'/"$5" 2>/dev/null || echo off ;;
    *) echo "$6" >'${outlets}'/"$5" ;;
esac
`,
  );
  chmodSync(tool, 0o755);
  lay('pdu', documented().replaceAll('pductl', tool));
  t.is((await said('update', 'power_uri=pdu://admin:p4ss%20word@pdu1/outlet7')).slice(0, 1), '0');
  t.is(await said('power', 'status'), '0 n0: off\n');
  t.is(await said('power', 'on'), '0 n0: on\n');
  t.is(readFileSync(join(outlets, 'outlet7'), 'utf8'), 'on\n');
  t.is(await said('power', 'cycle'), '0 n0: on\n');
  t.is(await said('power', 'off'), '0 n0: off\n');
  await said('update', 'power_uri=pdu://admin:wrong@pdu1/outlet7');
  t.is(await said('power', 'on'), '7 n0: pdu pdu1: login failed\n');
  t.regex(await said('ls', '-L'), /power_uri: pdu:\/\/admin:\*\*\*@pdu1\/outlet7/);
});

test.serial('a file that is not a driver is reported with the reason, and a broken one affects no other', async t => {
  lay('ipmi', '#!/bin/sh\n');
  lay('open', '#!/bin/sh\necho on\n', 0o777);
  lay('idle.sh', '#!/bin/sh\necho on\n', 0o644);
  lay('Wrong Name', '#!/bin/sh\n');
  lay('noshebang', '#!/nowhere/sh\n');
  lay('chatty', '#!/bin/sh\necho perhaps\n');
  lay('hangs', '#!/bin/sh\nsleep 600\n');
  lay('busy', '#!/bin/sh\necho "try again" >&2\nexit 75\n');
  const { status, stdout } = await daemon.run('muster', 'node', 'power', 'drivers');
  t.is(status, 1);
  t.regex(stdout, /^ipmi .*CANNOT BE USED: the scheme 'ipmi' is built in$/m);
  t.regex(stdout, /^open .*CANNOT BE USED: others than its owner may write it \(chmod go-w\)$/m);
  t.regex(stdout, /^idle .*CANNOT BE USED: it is not executable \(chmod \+x\)$/m);
  t.regex(stdout, /^Wrong Name.*CANNOT BE USED: its name is no scheme/m);
  t.regex(stdout, /^pdu {7}pdu:\/\/… .*\/power\.d\/pdu$/m);
  const power = async (scheme: string) => {
    await said('update', `power_uri=${scheme}://host`);
    return said('power', 'status');
  };
  t.regex(await power('open'), /^5 n0: the driver .* cannot be used: others than its owner/);
  t.regex(await power('noshebang'), /^1 n0: noshebang host: .* cannot be started/);
  t.regex(await power('chatty'), /^1 n0: .* printed 'perhaps' instead of on, off or changing/);
  t.is(await power('hangs'), '9 n0: hangs host did not answer in 2 s\n');
  t.is(await power('busy'), '9 n0: busy host: try again\n');
  t.regex(await power('pduu'), /^5 n0: there is no power driver 'pduu'; did you mean 'pdu'\?/);
  rmSync(join(daemon.folder, 'power.d'), { recursive: true });
  t.is((await daemon.run('muster', 'node', 'power', 'drivers')).status, 0, 'a folder that is gone has no drivers');
});
