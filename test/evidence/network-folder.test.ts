// Interfaces are those of the process's own network namespace, also where sysfs shows another one.
import { join } from 'node:path';
import test from 'ava';
import { interfaceNames, ownInterfaces } from '../../src/evidence/network-folder.ts';
import { packageRoot } from '../../src/package-root.ts';
import { run } from '../../src/process/run.ts';
import { requireAll } from '../support/require.ts';

test('names are read from the table of the kernel', t => {
  const text = 'Inter-|   Receive\n face |bytes    packets\n    lo:  100 1\n  eth0: 200 2\nveth.1@x: 3 4\n';
  t.deepEqual(interfaceNames(text), ['lo', 'eth0', 'veth.1@x']);
  t.true(ownInterfaces().includes('lo'));
});

test('a sysfs of another namespace is not believed: an interface that is there is not called gone', async t => {
  if (!requireAll(t, { root: true, programs: ['unshare', 'ip'] })) return;
  const module = join(packageRoot, 'dist/src/evidence/head-look.js');
  const script = `import { lookAtInterfaces, macOf } from ${JSON.stringify(module)};
    const look = name => lookAtInterfaces([{ head: '10.9.9.1', interface: name }])[0].problem ?? 'none';
    console.log([look('own0'), look('gone0'), macOf('own0')].join(' '));`;
  const words = 'ip link add own0 type veth peer name own1; ip link set own0 address 02:00:00:00:00:09;';
  const up = 'ip address add 10.9.9.1/24 dev own0; ip link set own0 up; ip link set own1 up;';
  const node = `exec "$0" --input-type=module -e "$1"`;
  const shell = ['unshare', '--net', 'sh', '-ec', `${words} ${up} ${node}`, process.execPath, script];
  const [program = '', ...args] = shell;
  const { stdout, stderr } = await run(program, args);
  t.is(stdout, 'none gone 02:00:00:00:00:09\n', stderr);
});
