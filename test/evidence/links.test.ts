// Interfaces are read from the kernel, and are those of the process's own network namespace, also where sysfs shows another one.
import { join } from 'node:path';
import test from 'ava';
import { decodeLink, linkReader } from '../../src/evidence/links.ts';
import { decodeAttributes, decodeMessages, encodeAttribute, encodeRequest } from '../../src/evidence/netlink-bytes.ts';
import { packageRoot } from '../../src/package-root.ts';
import { run } from '../../src/process/run.ts';
import { requireAll } from '../support/require.ts';

const moduleOf = (name: string): string => JSON.stringify(join(packageRoot, 'dist/src/evidence', name));

/** Runs a program of Node in a network namespace of its own, with the sysfs of the namespace of this process. */
async function inNamespace(commands: string, script: string): Promise<{ stdout: string; stderr: string }> {
  const shell = `${commands}\nexec "$0" --input-type=module -e "$1"`;
  return run('unshare', ['--net', 'sh', '-ec', shell, process.execPath, script]);
}

test('the loopback interface is read, and an unknown name gives nothing', async t => {
  const linkOf = await linkReader();
  t.like(linkOf('lo'), { index: 1, isUp: true, hasCarrier: true, kind: '' });
  t.is(linkOf('lo')?.mac, undefined);
  for (const name of ['no-such-nic', '', 'l', 'lo0', 'a-name-longer-than-a-name-may-be']) t.is(linkOf(name), undefined);
});

test('interfaces are read completely in a namespace without sysfs', async t => {
  if (!requireAll(t, { root: true, programs: ['unshare', 'ip'] })) return;
  const commands = `ip link add own0 type veth peer name own1
    ip link set own0 address 02:00:00:00:00:09 mtu 1400 up
    ip link set own1 up
    ip link add pulled0 type veth peer name pulled1
    ip link set pulled0 up
    ip link add down0 type veth peer name down1
    ip link add br0 type bridge
    ip link set br0 up`;
  const script = `import { linkReader } from ${moduleOf('links.js')};
    const linkOf = await linkReader();
    console.log(JSON.stringify(['own0', 'pulled0', 'down0', 'br0', 'gone0', 'eth0'].map(name => linkOf(name) ?? null)));`;
  const { stdout, stderr } = await inNamespace(commands, script);
  const [own, pulled, down, bridge, ...none] = JSON.parse(stdout || stderr);
  t.like(own, { mac: '02:00:00:00:00:09', mtu: 1400, isUp: true, hasCarrier: true, kind: 'veth' });
  t.true(own.index > 1);
  t.like(pulled, { isUp: true, hasCarrier: false });
  t.like(down, { isUp: false, kind: 'veth' });
  t.like(bridge, { isUp: true, kind: 'bridge' });
  t.deepEqual(none, [null, null]);
});

test('in such a namespace the interface of the head is checked, and ARP and echo requests go out', async t => {
  if (!requireAll(t, { root: true, programs: ['unshare', 'ip'] })) return;
  const commands = `ip link set lo up
    ip link add own0 type veth peer name peer0
    ip address add 10.9.9.1/24 dev own0
    ip link set own0 up
    unshare --net sleep 60 &
    export PEER=$!
    while [ "$(readlink /proc/$!/ns/net)" = "$(readlink /proc/$$/ns/net)" ]; do :; done
    ip link set peer0 netns $!
    nsenter -t $! -n ip link set peer0 address 02:00:00:00:00:77
    nsenter -t $! -n ip address add 10.9.9.2/24 dev peer0
    nsenter -t $! -n ip link set peer0 up`;
  const script = `import { linkReader } from ${moduleOf('links.js')};
    import { lookAtInterfaces, isOwnAddress } from ${moduleOf('head-look.js')};
    import { probeArp } from ${moduleOf('arp-probe.js')};
    import { probePath } from ${moduleOf('path-probe.js')};
    const linkOf = await linkReader();
    const problem = (name, head) => lookAtInterfaces([{ head, interface: name }], linkOf)[0].problem ?? 'none';
    const link = linkOf('own0');
    console.log(JSON.stringify({
      problems: [problem('own0', '10.9.9.1'), problem('own0', '10.9.9.3'), problem('gone0', '10.9.9.1')],
      own: ['10.9.9.1', '10.9.9.2'].map(ip => isOwnAddress(ip)),
      arp: await probeArp({ ip: '10.9.9.2', from: '10.9.9.1' }, link),
      nobody: await probeArp({ ip: '10.9.9.4', from: '10.9.9.1' }, link),
      path: await probePath({ ip: '10.9.9.2', from: '10.9.9.1', mtu: link.mtu }, 10_000),
    }));
    process.kill(Number(process.env.PEER));`;
  const { stdout, stderr } = await inNamespace(commands, script);
  t.deepEqual(JSON.parse(stdout || stderr), {
    problems: ['none', 'no-address', 'gone'],
    own: [true, false],
    arp: ['02:00:00:00:00:77'],
    nobody: [],
    path: { answers: true, passes: 1500 },
  });
});

test('a truncated or empty answer is no interface and no fault', t => {
  const name = encodeAttribute(3, Buffer.from('eth0\0'));
  const answer = encodeRequest(16, Buffer.concat([Buffer.alloc(16, 1), encodeAttribute(1, Buffer.alloc(6, 2)), name]));
  t.like(decodeLink(answer), { mac: '02:02:02:02:02:02', mtu: 0, kind: '' });
  for (let length = 0; length < answer.length; length += 1) {
    t.is(decodeLink(answer.subarray(0, length)), undefined);
    t.notThrows(() => decodeAttributes(answer.subarray(length)));
  }
  t.is(decodeLink(encodeRequest(2, Buffer.alloc(32))), undefined, 'an error');
  const endless = Buffer.alloc(64);
  t.deepEqual(decodeMessages(endless), []);
  t.is(decodeAttributes(endless).size, 0);
});
