// radvd under musterd's care: a real solicitation is answered with a router lifetime of 0 and no prefix; killed, it comes back.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { advertiserConfig } from '../../src/daemon/router-advertiser.ts';
import { run, runOk } from '../../src/process/run.ts';
import { requireAll } from '../support/require.ts';
import { until } from '../support/until.ts';

test('the configuration has each interface once, and gives nobody a prefix', t => {
  const text = advertiserConfig(['eth1', 'eth2']);
  t.deepEqual(text.match(/interface \S+/g), ['interface eth1', 'interface eth2']);
  t.notRegex(text, /prefix/);
});

test('iPXE’s question for a router is answered at once: lifetime 0, no prefix; and again after radvd was killed', async t => {
  if (!requireAll(t, { root: true, programs: ['ip', 'radvd', 'rdisc6', 'setpriv'] })) return;
  const folder = mkdtempSync(join(tmpdir(), 'muster-ra-'));
  const [head, node] = [`mra${process.pid}-h`, `mra${process.pid}-n`];
  let advertiser: ReturnType<typeof spawn> | undefined;
  try {
    for (const name of [head, node]) await runOk('ip', ['netns', 'add', name]);
    await runOk('ip', ['-n', head, 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', node]);
    for (const name of [head, node]) await runOk('ip', ['-n', name, 'link', 'set', 'eth0', 'up']);
    const words = ['netns', 'exec', head, process.execPath, join(import.meta.dirname, 'advertise.js'), folder, 'eth0'];
    advertiser = spawn('ip', words, { stdio: 'ignore' });
    // Refused at once while the link-local address is tentative (RFC 4862 §5.4: a second or two).
    const ask = async () =>
      until('an answer to rdisc6', async () => {
        const { status, stdout } = await run('ip', ['netns', 'exec', node, 'rdisc6', '-1', '-w', '2000', 'eth0']);
        return status === 0 && stdout;
      });
    const answer = await ask();
    t.regex(answer, /Router lifetime\s*:\s*0 /);
    t.notRegex(answer, /Prefix/);
    const pids = await runOk('ip', ['netns', 'pids', head]);
    for (const pid of pids.trim().split('\n'))
      if (readFileSync(`/proc/${pid}/comm`, 'latin1').trim() === 'radvd') process.kill(Number(pid), 'SIGKILL');
    t.regex(await ask(), /Router lifetime\s*:\s*0 /);
  } finally {
    if (advertiser?.exitCode === null) {
      const gone = once(advertiser, 'exit');
      advertiser.kill('SIGTERM');
      await gone;
    }
    const left = await run('ip', ['netns', 'pids', head]);
    t.is(left.stdout, '', 'nothing is left running');
    for (const name of [head, node]) await run('ip', ['netns', 'del', name]);
    rmSync(folder, { recursive: true, force: true });
  }
});
