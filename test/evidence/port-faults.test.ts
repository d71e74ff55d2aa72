// Ports that are closed and connections that are cut between a real musterd and real clients: `why` names each.
import test, { type ExecutionContext } from 'ava';
import { findProgram, requireAll } from '../support/require.ts';
import { WiredHead, type WiredMachine } from '../support/wired-head.ts';

const MAC = '52:54:00:00:00:01';
const ADDRESS = '10.54.0.100/24';
const PROGRAMS = ['ip', 'nft', 'curl', 'udhcpc', 'mksquashfs'];

/** A node whose initramfs has reported; `report` sends its next report. */
async function reported(t: ExecutionContext, style: string, bytes = 4 << 20) {
  t.timeout(300_000);
  if (!requireAll(t, { root: true, programs: PROGRAMS })) return undefined;
  const wired = await WiredHead.start({ isUnprivileged: true });
  t.teardown(async () => wired.stop());
  await wired.fill(MAC, bytes);
  await wired.muster('boot', '-i', 'DefaultBoot', 'update', `boot_style=${style}`);
  const node = await wired.addMachine('n0', MAC, ADDRESS);
  await node.dhcp('ipxe');
  const script = await node.get('/boot/v1/script');
  const [, session = ''] = /boot\/v1\/([0-9a-f]{32})\//.exec(script) ?? [];
  const report = async (...lines: string[]): Promise<string> =>
    node.run([
      ...[findProgram('curl') ?? 'curl', '-sS', '--data-binary', lines.join('\n')],
      `http://10.54.0.1:8080/boot/v1/${session}/report`,
    ]);
  t.is(await report('stage=initramfs'), 'ok\n');
  return { wired, node, session, report };
}

/** Tries to connect to the iSCSI port; whether it is open. */
async function reaches(node: WiredMachine): Promise<boolean> {
  const words = ['sh', '-c', `"${findProgram('curl')}" -s --max-time 3 telnet://10.54.0.1:3260 </dev/null; echo $?`];
  // 7 is a refused connection, 28 one without an answer
  return !['7', '28'].includes((await node.run(words)).trim());
}

const FAILED = ['stage=image', 'fault=iscsi-refused', 'error=the iSCSI login failed (8 - connection timed out)'];

test.serial('an iSCSI port that the head closes is named; once it is open, the login is what failed', async t => {
  const world = await reported(t, 'iscsi');
  if (!world) return;
  const { wired, node, report } = world;
  const nft = findProgram('nft') ?? 'nft';
  const rules = 'table ip shut { chain in { type filter hook input priority 0; tcp dport 3260 drop; }; }';
  await wired.machine.run([nft, '-f', '-'], rules);
  t.false(await reaches(node));
  await report(...FAILED);
  const found = await wired.whyUntil('iscsi-port-closed');
  t.log(found);
  t.like(found, { rule: 'iscsi-port-closed', certainty: 'certain' });
  t.regex(found.cause, /arrives at the iSCSI port 10\.54\.0\.1:3260/);
  await wired.machine.run([nft, 'delete', 'table', 'ip', 'shut']);
  await reaches(node);
  await report(...FAILED);
  t.is((await wired.whyUntil('iscsi-refused', 20_000)).rule, 'iscsi-refused');
});

test.serial('ARP shows a system whose programs hang, and not one that is gone, without a raw socket', async t => {
  const world = await reported(t, 'roram');
  if (!world) return;
  const { wired, node, session } = world;
  const archive = await node.get(`/boot/v1/${session}/session.cpio`);
  const [, token = ''] = /MUSTER_TOKEN='([^']*)'/.exec(archive) ?? [];
  await node.run([
    ...[findProgram('curl') ?? 'curl', '-sS', '--data-binary', `token=${token}`],
    'http://10.54.0.1:8080/node/v1/heartbeat',
  ]);
  t.is((await wired.why()).rule, 'up');
  const hangs = 'table ip hangs { chain in { type filter hook input priority 0; drop; }; }';
  await node.run([findProgram('nft') ?? 'nft', '-f', '-'], hangs);
  const found = await wired.whyUntil('system-hangs', 150_000);
  t.log(found);
  t.like(found, { rule: 'system-hangs', certainty: 'guess' });
  await node.ip('link set eth0 down');
  const gone = await wired.whyUntil('heartbeat-lost', 150_000);
  t.log(gone);
  t.is(gone.rule, 'heartbeat-lost');
});

test.serial('repeated resets of downloads are named as a guess', async t => {
  const world = await reported(t, 'roram', 64 << 20);
  if (!world) return;
  const { wired, node, session } = world;
  const url = `http://10.54.0.1:8080/boot/v1/${session}/kernel`;
  // A client that ends with unread bytes resets its connection
  const command = `"${findProgram('curl')}" -sS --limit-rate 1k --max-time 1 -o /dev/null ${url}; true`;
  await node.run(['sh', '-c', command]);
  await node.run(['sh', '-c', command]);
  t.not((await wired.why()).rule, 'connections-reset', 'twice may be an accident');
  await node.run(['sh', '-c', command]);
  const found = await wired.whyUntil('connections-reset');
  t.log(found);
  t.like(found, { rule: 'connections-reset', certainty: 'guess' });
});
