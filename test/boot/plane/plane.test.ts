// Every route without a socket: who asks, in which state of the boot, and what is answered and done.
import test from 'ava';
import { tokenOf } from '../../../src/boot/boot.ts';
import type { PlannedFiles } from '../../../src/boot/boot-plan.ts';
import { answer, BootPlane } from '../../../src/boot/plane/plane.ts';
import type { PlanePorts } from '../../../src/boot/plane/ports.ts';
import type { Answer } from '../../../src/boot/plane/question.ts';
import { ROUTES } from '../../../src/boot/plane/routes.ts';
import { ShortFile } from '../../../src/boot/plane/storage-fault.ts';
import { LogLimiter, silentLog } from '../../../src/log.ts';
import { markArchive } from '../../../src/wire/initramfs-mark.ts';
import { DIGEST, FakeCluster, fakeBoots } from '../../fakes/cluster.ts';
import { fakePorts } from '../../fakes/plane.ts';

const NODE = '10.54.0.100';
const STRANGER = '10.54.0.99';
const ISO = { blob: 'a'.repeat(64), size: 9 };
const GRANT_MS = 10 * 60_000;

type States = 'new' | 'over' | 'ungranted' | 'minted' | 'old' | 'replaced' | 'up' | 'installed';

/** The node of a cluster in a state of its boot; its session is SID where it has one. */
async function world(state: States, more: Partial<PlanePorts> = {}, isInstall = false) {
  const fake = new FakeCluster();
  const { node } = fake.bootable();
  fake.change(node, { ip: NODE });
  const registry = fakeBoots(fake);
  const { boots, clock } = registry;
  const ports = fakePorts(fake, registry, {
    loaderFile: name => (name === 'ipxe.efi' ? { path: '/ipxe.efi', offset: 0, size: 6, etag: 'x' } : undefined),
    iso: async (_repo, path) => {
      if (path === 'broken') throw new ShortFile(1, 9);
      if (path === '') return { entries: [{ name: 'a&b', isDirectory: true }] };
      return path === 'images/install.img' ? { file: { path: '/iso', offset: 4, size: 5, etag: 'i' } } : undefined;
    },
    ...more,
  });
  if (isInstall) {
    const { plan } = ports;
    ports.plan = (...which) => {
      const planned = plan(...which);
      if ('refused' in planned) return planned;
      const install = {
        kind: 'anaconda',
        kickstart: 'r9.ks',
        repo: { uid: 'r', name: 'R9', url: '', iso: ISO },
      } as const;
      return { plan: { ...planned.plan, install } };
    };
  }
  const planned = ports.plan(node.uid);
  let [id, last] = ['f'.repeat(32), ''];
  if ('plan' in planned && state !== 'new' && state !== 'ungranted') {
    boots.grant(node.uid);
    id = boots.mint(planned.plan, 'peer').id;
    const boot = boots.current(node.uid);
    if (state === 'replaced') last = boots.mint(planned.plan, 'peer').id;
    if (boot && state === 'up') boots.up(boot, {});
    if (boot && state === 'over') boots.handOver(boot);
    if (boot && state === 'installed') boots.installed(boot, NODE);
    if (state === 'old') clock.now += 5 * 3_600_000;
  }
  if (state === 'ungranted') clock.now += GRANT_MS;
  const ask = async (method: string, path: string, ip = NODE, body = ''): Promise<Answer> =>
    answer(
      { method, path: path.replace('SID', id), ip, peer: `${ip}:7`, body: body.replace('TOKEN', tokenOf(id)) },
      ports,
    );
  return { ...registry, fake, node, ports, id, last, ask, uid: node.uid };
}

/** The first line of a text; of an archive the six digits that it begins with. */
function firstWord(text: string | Buffer = '(not made)'): string {
  return Buffer.isBuffer(text) ? text.toString('latin1', 0, 6) : (text.split('\n')[0] ?? '');
}

/** An answer in a line: what is said, and what it brings about. */
function short(given: Answer): string {
  const effects = (given.effects ?? []).map(effect => effect.do);
  const what = {
    text: () => (given.say === 'text' ? `${given.status} ${firstWord(given.text)}` : ''),
    script: () => (given.say === 'script' ? `mints for ${given.from}` : ''),
    file: () => (given.say === 'file' ? `${given.file.path} ${given.file.offset}+${given.file.size}` : ''),
    refused: () => (given.say === 'refused' ? `${given.status} ${given.reason}` : ''),
    nothing: () => 'nothing',
  }[given.say]();
  return [what, ...effects].join('; ');
}

const NO_GRANT = '403 n0 asked for a script without a DHCP exchange of booting firmware before it';
const NO_NODE = `403 ${STRANGER} is no node's address`;
const NO_BOOT = (ip: string): string => `404 no boot of ${ip} is under way that has a kernel`;
const NOT_HIS = `403 the session belongs to ${NODE}, not to ${STRANGER}`;
const SESSION_STATES: [States, string, string][] = [
  ['new', NODE, '410 no such session'],
  ['replaced', NODE, '410 no such session'],
  ['minted', STRANGER, NOT_HIS],
  ['old', NODE, '410 the session is too old; expire'],
  ['up', NODE, '410 the boot is over (up)'],
];

/** Of each route: method, path, state, address, answer; installs where the path says so. */
const CASES: [method: string, path: string, state: States, ip: string, said: string, body?: string][] = [
  ...['/boot/v1/script', '/boot/v1/grub.cfg', '/boot/v1/tftp/grub.cfg'].flatMap((path): typeof CASES => [
    ['GET', path, 'new', NODE, `mints for netboot.${path.endsWith('cfg') ? 'grub' : 'ipxe'}`],
    ['GET', path, 'up', NODE, `mints for netboot.${path.endsWith('cfg') ? 'grub' : 'ipxe'}`],
    ['HEAD', path, 'new', NODE, '200 (not made)'],
    ['GET', path, 'new', STRANGER, NO_NODE],
    ['GET', path, 'ungranted', NODE, NO_GRANT],
    ['HEAD', path, 'ungranted', NODE, NO_GRANT],
    ['POST', path, 'new', NODE, '404 nothing is here'],
  ]),
  ['GET', '/boot/v1/kernel', 'minted', NODE, `/blobs/${DIGEST.kernel} 0+1000`],
  ['GET', '/boot/v1/kernel', 'minted', STRANGER, NO_BOOT(STRANGER)],
  ['GET', '/boot/v1/kernel', 'new', NODE, NO_BOOT(NODE)],
  ['GET', '/boot/v1/kernel', 'up', NODE, NO_BOOT(NODE)],
  ['GET', '/boot/v1/loader/ipxe.efi', 'new', STRANGER, '/ipxe.efi 0+6'],
  ['GET', '/boot/v1/loader/kernel', 'new', STRANGER, '404 there is no such loader'],
  ['GET', '/boot/v1/loader/', 'new', STRANGER, '404 nothing is here'],
  ['GET', `/boot/v1/loader/${'x'.repeat(201)}`, 'new', STRANGER, '404 nothing is here'],
  ['GET', '/boot/v1/loader/%ff', 'new', STRANGER, '400 the path is not UTF-8 in percent-encoding'],
  ['GET', '/boot/v1/SID/kernel', 'minted', NODE, `/blobs/${DIGEST.kernel} 0+1000`],
  ['GET', 'http://10.54.0.1:80//boot//v1/SID/kernel?x=/y', 'minted', NODE, `/blobs/${DIGEST.kernel} 0+1000`],
  ['GET', '/boot/v1/SID/initramfs', 'minted', NODE, `/blobs/${DIGEST.initramfs} 0+2000; take-once`],
  ['HEAD', '/boot/v1/SID/initramfs', 'minted', NODE, `/blobs/${DIGEST.initramfs} 0+2000`],
  ['GET', '/boot/v1/SID/image', 'minted', NODE, `/blobs/${DIGEST.image} 1048576+1048576`],
  ['GET', '/boot/v1/SID/session.cpio', 'minted', NODE, '200 070701'],
  ['GET', '/boot/v1/SID/failed/0x3d126082', 'minted', NODE, '200 ok; note; log'],
  ['GET', '/boot/v1/SID/failed', 'minted', NODE, '200 ok; note; log'],
  ['GET', '/boot/v1/SID/failed/0/x', 'minted', NODE, '404 nothing is here'],
  ['HEAD', '/boot/v1/SID/failed/0', 'minted', NODE, '404 nothing is here'],
  ['POST', '/boot/v1/SID/report', 'minted', NODE, '200 ok; note; log', 'stage=initramfs\n'],
  ['POST', '/boot/v1/SID/report', 'minted', NODE, '200 ok; note', 'stage=root\nstatus.uptime=5\n'],
  ['POST', '/boot/v1/SID/report', 'minted', NODE, '400 stage=up is none of initramfs, image, root', 'stage=up\n'],
  ['GET', '/boot/v1/SID/report', 'minted', NODE, '404 nothing is here'],
  ['GET', '/boot/v1/SID/files', 'minted', NODE, '404 the node had no file sets when this boot began'],
  ['GET', '/boot/v1/SID/ignition', 'minted', NODE, '404 the node has no _ignition'],
  ['GET', '/boot/v1/SID/kickstart', 'minted', NODE, '404 a boot of DefaultBoot as rwram has no kickstart file'],
  ['GET', '/boot/v1/SID/seed/user-data', 'minted', NODE, '404 a boot of DefaultBoot as rwram has no kickstart file'],
  ['GET', '/boot/v1/SID/image.iso', 'minted', NODE, '404 a boot as rwram has no ISO image'],
  ['POST', '/boot/v1/SID/installed', 'minted', NODE, '404 a boot as rwram installs nothing'],
  ['GET', '/isomount/R9/images/install.img', 'new', STRANGER, '/iso 4+5'],
  ['GET', '/isomount/R9/', 'new', STRANGER, '200 <!DOCTYPE html>'],
  ['GET', '/isomount/R9', 'new', STRANGER, '404 nothing is here'],
  ['GET', '/isomount/R9/none', 'new', STRANGER, '404 the ISO image of R9 has no such file'],
  ['GET', '/isomount/R9/x/%2e%2e/y', 'new', STRANGER, '404 nothing is here'],
  ['GET', '/isomount/R9/broken', 'new', STRANGER, '500 the head cannot read the ISO image; log'],
  ['GET', '/boot/v1/agent.tar', 'new', STRANGER, '200 agent'],
  ['POST', '/node/v1/enroll', 'new', NODE, '403 enrolment goes over TLS only', 'token=right\n'],
  ['POST', '/node/v1/heartbeat', 'minted', NODE, '200 [Attributes]; beat', 'token=TOKEN\n'],
  ['POST', '/node/v1/heartbeat', 'up', NODE, '200 [Attributes]; beat', 'token=TOKEN\n'],
  ['POST', '/node/v1/heartbeat', 'minted', STRANGER, '403 the token belongs to another address', 'token=TOKEN\n'],
  ['POST', '/node/v1/heartbeat', 'minted', NODE, '403 unknown token', 'token=x\n'],
  ['GET', '/node/v1/heartbeat', 'minted', NODE, '404 nothing is here'],
  ['POST', '/node/v1/files', 'minted', NODE, '409 the node has no file sets now', 'token=TOKEN\n'],
  ['POST', '/node/v1/files', 'minted', NODE, '403 unknown token', 'token=x\n'],
];
const INSTALLS: typeof CASES = [
  ['GET', '/boot/v1/SID/kickstart', 'minted', NODE, '200 answers; note'],
  ['HEAD', '/boot/v1/SID/kickstart', 'minted', NODE, '200 answers'],
  ['GET', '/boot/v1/SID/seed/user-data', 'minted', NODE, '200 answers; note'],
  ['GET', '/boot/v1/SID/image.iso', 'minted', NODE, `/blobs/${ISO.blob} 0+9`],
  ['GET', '/boot/v1/SID/installed', 'minted', NODE, '200 ok; installed; log'],
  ['POST', '/boot/v1/SID/installed', 'minted', NODE, '200 ok; installed; log'],
  ['POST', '/boot/v1/SID/installed', 'installed', NODE, '200 ok'],
  ['GET', '/boot/v1/SID/kickstart', 'installed', NODE, '410 the boot is over (installed)'],
];

test('the answer of each route depends on the client and on the state of the boot', async t => {
  for (const [isInstall, cases] of [
    [false, CASES],
    [true, INSTALLS],
  ] as const)
    for (const [method, path, state, ip, said, body] of cases) {
      const { ask } = await world(state, {}, isInstall);
      t.is(short(await ask(method, path, ip, body)), said, `${method} ${path}, ${state}, ${ip}`);
    }
});

test('a kernel for another processor than the firmware is refused before a session is minted', async t => {
  const arm = Buffer.alloc(64);
  arm.write('ARM\x64', 56, 'latin1');
  for (const [bootFileHead, said] of [
    [async () => arm, '200 refused.ipxe n0 the kernel of the boot config DefaultBoot is for 64-bit ARM'],
    [async () => undefined, 'mints for netboot.ipxe'],
  ] as const) {
    const { ask, boots, uid } = await world('new', { bootFileHead });
    boots.note({ stage: 'addressed', node: uid, arch: 'efi64' });
    const given = await ask('GET', '/boot/v1/script');
    if (given.say === 'text') t.true(String(given.text).startsWith(said.slice(4)), String(given.text));
    else t.is(short(given), said);
  }
});

test('an initramfs that is older than what the boot needs is refused before a session is minted', async t => {
  const files = { index: 'e'.repeat(64), size: 9, secret: true, beforeRoot: true, sets: ['base'] } as const;
  const old = Buffer.from('28b52ffd', 'hex');
  const again = "run 'muster mkramfs --update DefaultBoot'";
  const marked = (tls: boolean) => markArchive({ level: 1, tls });
  const ask = async (head: Buffer | undefined, given: PlannedFiles | undefined, attributes = {}) => {
    const more = { bootFileHead: async () => head, files: async () => (given ? { files: given } : {}) };
    const { ask: askOf, fake, uid } = await world('new', more);
    const node = fake.cluster.get('node', uid);
    if (node) fake.change(node, { attributes: { ...node.value.attributes, ...attributes } });
    const answered = await askOf('GET', '/boot/v1/script');
    const [effect] = answered.effects ?? [];
    if (answered.say === 'text' && effect && 'note' in effect)
      t.like(effect.note, { fault: 'initramfs-too-old', about: { name: 'DefaultBoot' } });
    return short(answered);
  };
  const older = (what: string): string =>
    `200 refused.ipxe n0 the initramfs of the boot config DefaultBoot is older than ${what}, and the node would start without; ${again}; note; log`;
  t.is(await ask(old, files), older('file sets'));
  t.is(await ask(old, undefined, { _disk_layout: '/dev/vdb scratch=rest:xfs@/scratch' }), older('its _disk_layout'));
  t.is(
    await ask(marked(false), files),
    `200 refused.ipxe n0 a script of stage before-root comes with secrets over TLS, and the initramfs of the boot config DefaultBoot has no program for it; install openssl or curl in the image, then ${again}; note; log`,
  );
  const well = [ask(old, undefined), ask(marked(true), files), ask(undefined, files)];
  for (const said of await Promise.all([...well, ask(marked(false), { ...files, secret: false })]))
    t.is(said, 'mints for netboot.ipxe');
});

test('an initramfs without a mark knows one disk with plain partitions', async t => {
  for (const [layout, isKnown] of [
    ['/dev/vda cache=1G,root=rest', true],
    ['/dev/vda cache=1G,root=rest erase=A1', true],
    ['/dev/vda cache=1G,root=rest:xfs', false],
    ['raid1(/dev/vda,/dev/vdb) cache=1G,root=rest', false],
    ['/dev/vda cache=1G,root=rest; /dev/vdb x=rest@/x', false],
  ] as const) {
    const { ask, fake, uid } = await world('new', { bootFileHead: async () => Buffer.from('28b52ffd', 'hex') });
    const node = fake.cluster.get('node', uid);
    const disks = { _boot_style: 'disked', _disk_root: 'LABEL=root', _disk_cache: 'LABEL=cache', _disk_layout: layout };
    if (node) fake.change(node, { attributes: { ...node.value.attributes, ...disks } });
    const said = short(await ask('GET', '/boot/v1/script'));
    t.is(said.startsWith('mints'), isKnown, `${layout}: ${said}`);
  }
});

test("a report of the node's watcher is noted at the stage that it names", async t => {
  const { ask } = await world('minted');
  for (const stage of ['initramfs', 'image', 'root'])
    t.like((await ask('POST', '/boot/v1/SID/report', NODE, `stage=${stage}\nstatus.root_free=5\n`)).effects, [
      { do: 'note', note: { stage, system: { root_free: '5' } } },
    ]);
});

test('whatever belongs to a session is refused to others, and when the session is over', async t => {
  const paths = ROUTES.filter(({ who }) => who === 'session').map(
    ({ methods, path }) => [methods[0] ?? '', path.replace(':session', 'SID').replace(':code', '0')] as const,
  );
  t.true(paths.length > 10);
  for (const [method, path] of paths)
    for (const [state, ip, said] of SESSION_STATES) {
      const { ask, changed } = await world(state);
      const before = changed.length;
      t.is(short(await ask(method, path, ip)), said, `${method} ${path}, ${state}, ${ip}`);
      t.is(changed.length, before);
    }
});

test('an answer does nothing by itself, and each row of the table has a case', async t => {
  for (const [method, path, state, ip, , body] of CASES) {
    const { ask, ports, watched, uid, boots } = await world(state);
    const [before, events, had] = [ports.deeds.length, watched.length, boots.of(uid).length];
    await ask(method, path, ip, body);
    t.deepEqual([ports.deeds.length, watched.length, boots.of(uid).length], [before, events, had], path);
  }
  const tried = [...CASES, ...INSTALLS].map(([, path]) => path);
  for (const { path } of ROUTES) {
    const pattern = new RegExp(`^${path.replace(/:\w+/g, '[^/]+').replace('*', '.*')}$`);
    t.true(tried.some(one => pattern.test(one)) || path.endsWith('meta-data'), path);
  }
});

test('RFC 9110 §9.2.1: a HEAD of any route has no effects', async t => {
  for (const isInstall of [false, true])
    for (const { path } of ROUTES) {
      const { ask } = await world('minted', {}, isInstall);
      const concrete = path
        .replace(':session', 'SID')
        .replace(':file', 'ipxe.efi')
        .replace(':repo', 'R9')
        .replace('*', 'broken');
      const given = await ask('HEAD', concrete);
      t.deepEqual(given.effects ?? [], [], path);
      t.not(given.say, 'script', path);
      if (given.say === 'file') t.deepEqual(given.sent({ status: 200, start: 0, bytes: 1, complete: false }, 1), []);
    }
});

test('a session is durable before the script that names it, and a style without a kernel takes its _boot_once with it', async t => {
  const { ports, uid, boots } = await world('new');
  const plane = new BootPlane(ports);
  const given = await plane.ask({ method: 'GET', path: '/boot/v1/script', ip: NODE, peer: `${NODE}:7` });
  const boot = boots.current(uid);
  t.deepEqual(ports.deeds, [`save ${boot?.id}`]);
  t.like(given, { say: 'text', status: 200, noStore: true });
  const { plan } = ports;
  ports.plan = (...which) => {
    const planned = plan(...which);
    return 'plan' in planned ? { plan: { ...planned.plan, style: 'next', kernel: null, initramfs: null } } : planned;
  };
  await plane.ask({ method: 'GET', path: '/boot/v1/script', ip: NODE, peer: `${NODE}:7` });
  const next = boots.current(uid);
  t.deepEqual(ports.deeds.slice(1), [`save ${next?.id}`, `take-once ${next?.id}`]);
  t.is(next?.outcome, 'handed-over');
});

test('a client that has left gets no session', async t => {
  const { ports, uid, boots } = await world('new');
  const question = { method: 'GET', path: '/boot/v1/script', ip: NODE, peer: NODE, hasLeft: async () => true };
  t.deepEqual(await new BootPlane(ports).ask(question), { say: 'nothing' });
  t.is(boots.of(uid).length, 0);
});

test('the reason why a node cannot boot is in its script, on the timeline and in the log', async t => {
  const kickstart = async (): Promise<string> => {
    throw new Error('line 3 is wrong\nand more');
  };
  const { ask } = await world('new', { kickstart }, true);
  const given = await ask('GET', '/boot/v1/script');
  t.is(short(given), '200 refused.ipxe n0 line 3 is wrong; note; log');
  t.like(given.effects?.[0], { do: 'note', note: { stage: 'script', fault: 'bad-answers', error: 'line 3 is wrong' } });
});

test('an Ignition configuration is filled in for the node, and an invalid one refuses the boot', async t => {
  const asked: string[] = [];
  let text = '{"ignition": {"version": "3.3.0"}}';
  const kickstart = async (_plan: unknown, _session: string, file: string): Promise<string> => {
    asked.push(file);
    return text;
  };
  const { ask, ports, fake, node } = await world('new', { kickstart });
  fake.change(node, { attributes: { ...node.value.attributes, _ignition: 'node.ign' } });
  const script = await ask('GET', '/boot/v1/script');
  t.is(script.say === 'script' && script.mint.plan.ignition, 'node.ign');
  t.deepEqual(asked, ['node.ign']);
  const { id } = ports.boots.mint((script as Extract<Answer, { say: 'script' }>).mint.plan, NODE);
  t.like(await ask('GET', `/boot/v1/${id}/ignition`), {
    status: 200,
    text,
    type: 'application/vnd.coreos.ignition+json',
  });
  t.is(short(await ask('GET', `/boot/v1/${id}/kickstart`)), '404 a boot of DefaultBoot as rwram has no kickstart file');
  for (const wrong of ['{"ignition": {}}', '{}', '[]', 'null', 'variant: fcos\n']) {
    text = wrong;
    t.regex(
      short(await ask('GET', '/boot/v1/script')),
      /refused.ipxe n0 node.ign is no (Ignition configuration|JSON): .*/,
    );
    t.regex(short(await ask('GET', `/boot/v1/${id}/ignition`)), /^500 node.ign is no .*; note; log$/);
  }
});

test('the files of a node are rendered before its session is minted, and are in its plan', async t => {
  const files = { index: 'e'.repeat(64), size: 9, secret: false, sets: ['base'] };
  const { ask } = await world('new', { files: async () => ({ files }) });
  const given = await ask('GET', '/boot/v1/script');
  t.deepEqual(given.say === 'script' && given.mint.plan.files, files);
  const none = await world('new', { files: async () => ({}) });
  const plain = await none.ask('GET', '/boot/v1/script');
  t.false(plain.say === 'script' && 'files' in plain.mint.plan);
});

test('files that do not render refuse the boot with the reason, whatever went wrong', async t => {
  const failing = [
    async () => ({ refused: 'base:/etc/x.tmpl:1:2: x is unknown' }),
    async (): Promise<never> => {
      throw new Error('base:/etc/x.tmpl:1:2: x is unknown');
    },
  ];
  for (const files of failing) {
    const { ask, boots, uid } = await world('new', { files });
    const given = await ask('GET', '/boot/v1/script');
    t.is(short(given), '200 refused.ipxe n0 base:/etc/x.tmpl:1:2: x is unknown; note; log');
    t.like(given.effects?.[0], { do: 'note', note: { stage: 'script', fault: 'files-do-not-render' } });
    t.is(boots.of(uid).length, 0);
  }
});

test('files that were sent, cut off or not there are noted with their fault', async t => {
  const { ask, id, uid } = await world('minted');
  const kernel = await ask('GET', '/boot/v1/SID/kernel');
  if (kernel.say !== 'file') return t.fail();
  const cut = { status: 206, start: 5, bytes: 10, complete: false };
  t.like(kernel.sent(cut, 1.23)[0], {
    note: {
      stage: 'kernel',
      session: id,
      complete: false,
      detail: 'kernel from byte 5 in 1.2 s, cut off after 10 bytes',
    },
  });
  t.deepEqual(kernel.sent({ status: 304, start: 0, bytes: 0, complete: true }, 0), []);
  t.like(kernel.failed(new ShortFile(1, 9))[0], { note: { fault: 'short-file', about: { have: 1, want: 9 } } });
  const loader = await ask('GET', '/boot/v1/loader/ipxe.efi');
  if (loader.say !== 'file') return t.fail();
  t.like(loader.sent(cut, 1)[0], {
    note: { stage: 'loader', node: uid, fault: 'cut-off', about: { name: 'ipxe.efi' } },
  });
});

test('a node that asks again and again for a broken file is one line of the log in a second', async t => {
  let now = 0;
  const said: object[] = [];
  const log = { ...silentLog(), error: (more: object) => void said.push(more) } as PlanePorts['log'];
  const { ports } = await world('minted', { log });
  const plane = new BootPlane(ports, new LogLimiter(() => now));
  for (const at of [0, 1, 999, 1000]) {
    now = at;
    await plane.carryOut(NODE, [{ do: 'log', level: 'error', more: {}, text: 'broken', rarely: true }]);
  }
  t.deepEqual(said, [{ peer: NODE }, { peer: NODE, dropped: 2 }]);
});

test('an installed system enrols over TLS with a token, and gets the same answer when it asks again', async t => {
  const { ports, uid, boots, fake, node } = await world('new');
  ports.head = () => ({
    ...{ address: '10.54.0.1', port: 80, prefix: 16, router: '', dns: [], domain: '', failureSeconds: 60 },
    ...{ tls: { port: 8443, pin: 'sha256//PIN' }, sshKey: 'ssh-ed25519 KEY' },
  });
  const plane = new BootPlane(ports);
  const [session, claim] = ['1'.repeat(32), '2'.repeat(32)];
  const ask = async (body: string, ip = NODE) => {
    const question = { method: 'POST', path: '/node/v1/enroll', ip, peer: `${ip}:7`, isPrivate: true };
    return plane.ask({ ...question, body });
  };
  t.is(short(await ask('token=wrong\n')), '403 the token is wrong; log');
  t.is(short(await ask('token=right\n', STRANGER)), `403 ${STRANGER} is no node's address`);
  t.regex(short(await ask('token=right\nsession=x\n')), /^400 an enrolment needs session= and claim=/);
  t.deepEqual(ports.deeds, []);
  const right = `token=right\nsession=${session}\nclaim=${claim}\n`;
  const first = await ask(right);
  if (first.say !== 'text') return t.fail();
  const token = tokenOf(session);
  for (const line of [
    `MUSTER_TOKEN='${token}'`,
    "MUSTER_STYLE='installed'",
    "MUSTER_HEAD_PIN='sha256//PIN'",
    "MUSTER_SSH_KEY='ssh-ed25519 KEY'",
    "MUSTER_HEARTBEAT_URL='http://10.54.0.1:80/node/v1/heartbeat'",
  ])
    t.true(String(first.text).split('\n').includes(line), line);
  const [boot] = boots.of(uid);
  t.deepEqual(ports.deeds, [`save ${boot?.id}`]);
  t.like(await ask(right), { say: 'text', text: first.text });
  t.is(boots.of(uid).length, 1);
  t.is(short(await ask(right.replace(session, '3'.repeat(32)))), '409 the token was used already; log');
  const beat = async (ip: string) =>
    plane.ask({ method: 'POST', path: '/node/v1/heartbeat', ip, peer: ip, body: `token=${token}\nstatus.os=Debian\n` });
  t.like(await beat(STRANGER), { status: 403 });
  t.like(await beat(NODE), { status: 200 });
  t.is(boot?.outcome, 'up');
  const started = () => boot?.events.filter(({ detail }) => detail === 'its system has started again').length;
  for (const [uptime, count] of [
    [100, 0],
    [110, 0],
    [5, 1],
    [15, 1],
  ] as const) {
    await plane.ask({
      ...{ method: 'POST', path: '/node/v1/heartbeat', ip: NODE, peer: NODE },
      body: `token=${token}\nstatus.uptime=${uptime}\n`,
    });
    t.is(started(), count, `${uptime}`);
  }
  fake.change(fake.cluster.get('node', uid) ?? node, { ip: '10.54.0.77' });
  t.like(await beat(NODE), { status: 403 }, "an address that is not the node's any more");
  t.like(await beat('10.54.0.77'), { status: 200 }, 'its new address');
});

test('the files of an enrolled system follow those of its node, and secrets are its claim alone', async t => {
  const files = { index: 'e'.repeat(64), size: 9, secret: true, sets: ['base'] };
  const { ports } = await world('new', { files: async () => ({ files }) });
  const plane = new BootPlane(ports);
  const [session, claim] = ['1'.repeat(32), '2'.repeat(32)];
  const post = async (path: string, body: string, isPrivate: boolean) =>
    plane.ask({ method: 'POST', path, ip: NODE, peer: NODE, isPrivate, body });
  await post('/node/v1/enroll', `token=right\nsession=${session}\nclaim=${claim}\n`, true);
  const token = tokenOf(session);
  const beaten = await post('/node/v1/heartbeat', `token=${token}\n`, false);
  t.regex(beaten.say === 'text' ? String(beaten.text) : '', /\[Files\]\nindex = e{64}\nsecret = yes\n/);
  const wish = `token=${token}\nindex=${files.index}\n`;
  t.like(await post('/node/v1/files', `${wish}claim=${claim}\n`, false), { status: 403 });
  t.like(await post('/node/v1/files', `${wish}claim=${'4'.repeat(32)}\n`, true), { status: 403 });
  // The fake head keeps no contents, so the right claim gets as far as these
  t.like(await post('/node/v1/files', `${wish}claim=${claim}\n`, true), { status: 410 });
});
