// `muster export` against a running head.
import test from 'ava';
import { TestDaemon } from './daemon.ts';

let daemon: TestDaemon;
test.before(async () => {
  daemon = await TestDaemon.start();
});
test.after.always(async () => daemon?.stop());

test('the selected nodes are written, with interfaces, and without secrets', async t => {
  const ok = async (line: string): Promise<string> => {
    const { status, stdout, stderr } = await daemon.shell(line);
    t.is(status, 0, stderr);
    return stdout;
  };
  await ok('muster attrib create name=gpu');
  await ok('muster node create mac=52:54:00:00:00:01');
  await ok('muster node create mac=52:54:00:00:00:02 && muster node -i n1 join gpu');
  await ok("muster node -i n1 set rack=7 root_password=hunter22 _interfaces='ib0=type:infiniband,ip:10.55.0.9/16'");
  t.regex(await ok('muster export hosts'), /^10\.55\.0\.9 +n1-ib0$/m);
  const name = (await ok('muster head ls --json | jq -r .[0].name')).trim();
  t.regex(await ok('muster export hosts'), new RegExp(`^127\\.0\\.0\\.1 +${name}$`, 'm'), 'the head has its own name');
  t.regex(await ok('muster export genders -i %gpu'), /^n1 gpu,ip=[\d.]+,rack=7\n$/);
  t.notRegex(await ok('muster export ansible --all'), /hunter22/);
  t.is((JSON.parse(await ok('muster export prometheus-sd --port 9200 -i n0')) as object[]).length, 1);
  t.deepEqual(Object.keys(JSON.parse(await ok('muster export hosts --json')) as object), ['format', 'text']);
  t.regex(await ok('muster export'), /^clustershell +groups of ClusterShell/m);
});

test('a wrong format or port is refused with what is right', async t => {
  const wrong = await daemon.shell('muster export host');
  t.is(wrong.status, 2);
  t.regex(wrong.stderr, /did you mean 'hosts'/);
  const port = await daemon.shell('muster export prometheus-sd --port 99999');
  t.is(port.status, 2);
  t.regex(port.stderr, /must be a port, from 1 to 65535/);
});
