// The files of a node on the boot plane: who gets which bundle, what heartbeats name, and what the timeline shows.
import { createHash } from 'node:crypto';
import test from 'ava';
import { hashOf, tokenOf } from '../../../src/boot/boot.ts';
import type { PlannedFiles } from '../../../src/boot/boot-plan.ts';
import { answer, BootPlane } from '../../../src/boot/plane/plane.ts';
import type { Answer } from '../../../src/boot/plane/question.ts';
import { sessionValues } from '../../../src/boot/plane/session-values.ts';
import type { SeenState } from '../../../src/files/files-since.ts';
import { EMPTY_INDEX } from '../../../src/files/index-text.ts';
import type { LiveRule } from '../../../src/files/live-state.ts';
import { FakeCluster, fakeBoots } from '../../fakes/cluster.ts';
import { fakePorts } from '../../fakes/plane.ts';
import { bundle, entry } from '../../initramfs/bundles.ts';

const NODE = '10.54.0.100';
const CLAIM = 'c'.repeat(32);
const FILES = bundle([entry('/etc/a', 'one'), entry('/etc/b', 'two')]);
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

/** A node that has booted with files. */
function world({ secret = false, style = 'roram' }: { secret?: boolean; style?: string } = {}) {
  const fake = new FakeCluster();
  const { node } = fake.bootable();
  fake.change(node, { ip: NODE });
  const registry = fakeBoots(fake);
  const files: PlannedFiles = { index: FILES.digest, size: 1, secret, sets: ['base'] };
  const contents = new Map([FILES.index, 'one', 'two'].map(text => [sha256(text), Buffer.from(text)]));
  const now: { files?: PlannedFiles; rule: LiveRule } = { files, rule: { mode: 'auto' } };
  const ports = fakePorts(fake, registry, {
    files: async () => (now.files ? { files: now.files } : {}),
    fileContent: async digest => contents.get(digest),
    liveRule: () => now.rule,
  });
  const planned = ports.plan(node.uid);
  if ('refused' in planned) throw new Error(planned.refused);
  registry.boots.grant(node.uid);
  const plan = { ...planned.plan, files, style: style as typeof planned.plan.style };
  const { id, boot } = registry.boots.mint(plan, 'peer');
  const ask = async (method: string, path: string, body = '', more: { isPrivate?: boolean; ip?: string } = {}) =>
    answer(
      {
        method,
        path: path.replace('SID', id),
        ip: NODE,
        peer: `${NODE}:7`,
        body: body.replace('TOKEN', tokenOf(id)),
        ...more,
      },
      ports,
    );
  return { ask, boot, contents, id, now, plan, ports, registry };
}

/** Status and text, or the reason of a refusal. */
function text(given: Answer): string {
  if (given.say === 'refused') return `${given.status} ${given.reason}`;
  return given.say === 'text' ? `${given.status} ${given.text}` : given.say;
}

const notes = (given: Answer) =>
  (given.effects ?? []).map(effect =>
    'note' in effect ? `${effect.do} ${effect.note.stage}: ${effect.note.detail}` : effect.do,
  );

test('a boot fetches the bundle of its plan, and its timeline has it', async t => {
  const { ask, plan, id, ports } = world();
  const given = await ask('GET', '/boot/v1/SID/files');
  t.is(text(given), `200 ${FILES.bytes()}`);
  t.deepEqual(notes(given), [`note initramfs: 2 contents of its files, ${FILES.bytes().length} bytes`]);
  t.like(sessionValues(plan, id, ports.head('')), {
    MUSTER_FILES: FILES.digest,
    MUSTER_FILES_URL: `http://10.54.0.1:80/boot/v1/${id}/files`,
  });
  t.regex(text(await ask('GET', '/boot/v1/SID/files', '', { ip: '10.54.0.9' })), /^403/);
});

test('a user of the running system who begins a boot by the address alone gets no secrets', async t => {
  const { boot, plan, ports, registry } = world({ secret: true });
  const { boots, clock } = registry;
  const ask = async (id: string) =>
    text(
      await answer(
        {
          ...{ method: 'POST', path: `/boot/v1/${id}/files`, body: `claim=${CLAIM}\n` },
          ...{ ip: NODE, peer: `${NODE}:7`, isPrivate: true },
        },
        ports,
      ),
    );
  boots.up(boot, {});
  boots.beats.take(boot, {}, 10_000);
  t.true(boots.mayMint(boot.node), 'for a while after a start, the head gives a script by the address alone');
  const doubtful = boots.mint(plan, 'peer');
  t.regex(await ask(doubtful.id), /^503 a boot without a DHCP exchange gets no secrets while an earlier system/);
  // As when its first heartbeat named a claim
  doubtful.boot.claimHash = hashOf(CLAIM);
  t.regex(await ask(doubtful.id), /^503/);
  // As after a reset of the node: it sends nothing any more
  clock.now += 31_000;
  t.regex(await ask(doubtful.id), /^200 /);
  boots.grant(boot.node);
  boots.beats.take(boot, {}, 10_000);
  t.regex(await ask(boots.mint(plan, 'peer').id), /^200 /, 'firmware asked before it');
});

test('with the claim for its secrets, the node can begin no other boot without a DHCP exchange', t => {
  const { boot, registry } = world({ secret: true });
  registry.clock.now += 3 * 60_000;
  t.true(registry.boots.mayMint(boot.node));
  registry.boots.claimed(boot, sha256(CLAIM));
  t.false(registry.boots.mayMint(boot.node));
});

test('files that are not kept any more end the boot with the reason', async t => {
  const { ask, contents } = world();
  contents.delete(sha256('two'));
  t.is(
    text(await ask('GET', '/boot/v1/SID/files')),
    '410 these files of the node have changed, and are not kept any more',
  );
});

test('secrets go over TLS to the client that asked first, and to no other', async t => {
  const { ask, boot, plan, id, ports } = world({ secret: true });
  t.regex(
    text(await ask('GET', '/boot/v1/SID/files')),
    /^403 the files of this boot have secrets, which go over TLS only/,
  );
  const over = { isPrivate: true };
  t.regex(text(await ask('POST', '/boot/v1/SID/files', '', over)), /^400/);
  const given = await ask('POST', '/boot/v1/SID/files', `claim=${CLAIM}\n`, over);
  t.is(text(given), `200 ${FILES.bytes()}`);
  const claim = given.effects?.find(effect => effect.do === 'claim');
  t.truthy(claim);
  if (claim?.do === 'claim') boot.claimHash = claim.hash;
  const other = await ask('POST', '/boot/v1/SID/files', `claim=${'d'.repeat(32)}\n`, over);
  t.regex(text(other), /^403 the secrets of this boot belong to the client that asked first/);
  t.regex(notes(other)[0] ?? '', /^tell initramfs: another client asked/);
  t.is(
    text(await ask('POST', '/node/v1/files', `token=TOKEN\nindex=${FILES.digest}\nclaim=${CLAIM}\n`, over)),
    `200 ${FILES.bytes()}`,
  );
  t.regex(text(await ask('POST', '/node/v1/files', `token=TOKEN\nindex=${FILES.digest}\nclaim=${CLAIM}\n`)), /^403/);
  const head = { ...ports.head(''), tls: { port: 8443, pin: 'sha256//x' } };
  t.is(sessionValues(plan, id, head)['MUSTER_FILES_URL'], `https://10.54.0.1:8443/boot/v1/${id}/files`);
});

test('of two clients that ask for the secrets at the same moment, one gets them', async t => {
  const { id, ports, contents, boot } = world({ secret: true });
  let mayRead = (): void => {};
  const read = new Promise<void>(resolve => (mayRead = resolve));
  const slow = {
    ...ports,
    fileContent: async (digest: string) => {
      await read;
      return contents.get(digest);
    },
  };
  const plane = new BootPlane(slow);
  const ask = async (claim: string) => {
    const body = `claim=${claim}\n`;
    const path = `/boot/v1/${id}/files`;
    return text(await plane.ask({ method: 'POST', path, ip: NODE, peer: `${NODE}:7`, body, isPrivate: true }));
  };
  const asked = [ask(CLAIM), ask('d'.repeat(32))];
  mayRead();
  const said = await Promise.all(asked);
  t.is(said[0], `200 ${FILES.bytes()}`);
  t.regex(said[1] ?? '', /^403 the secrets of this boot belong to the client that asked first/);
  t.is(boot.claimHash, hashOf(CLAIM));
  t.true(boot.events.some(({ detail }) => /another client asked/.test(detail ?? '')));
});

test('files that become secret while the node runs go to the claim of its first heartbeat', async t => {
  const { ask, boot, now, ports } = world();
  const plane = new BootPlane(ports);
  now.files = { ...(now.files ?? { index: FILES.digest, size: 1, sets: [] }), secret: true };
  const over = { isPrivate: true };
  const live = async (claim: string) =>
    text(await ask('POST', '/node/v1/files', `token=TOKEN\nindex=${FILES.digest}\nclaim=${claim}\n`, over));
  t.regex(await live(CLAIM), /^403 this boot began without a claim/, 'whoever has only listened gets nothing');
  const beat = async (claim: string) => {
    const given = await ask('POST', '/node/v1/heartbeat', `token=TOKEN\nclaim_hash=${hashOf(claim)}\n`);
    await plane.carryOut(NODE, given.effects ?? []);
  };
  await beat(CLAIM);
  await beat('d'.repeat(32));
  t.is(boot.claimHash, hashOf(CLAIM), 'a later heartbeat changes nothing');
  t.is(await live(CLAIM), `200 ${FILES.bytes()}`);
  t.regex(await live('d'.repeat(32)), /^403/);
});

test('a running node gets what it lacks of the index that its heartbeat named', async t => {
  const { ask, now } = world();
  const beat = async (more = '') => text(await ask('POST', '/node/v1/heartbeat', `token=TOKEN\n${more}`));
  t.is(await beat(), `200 [Attributes]\n\n[Files]\nindex = ${FILES.digest}\nsecret = no\n`);
  const body = `token=TOKEN\nindex=${FILES.digest}\nhave=${sha256('one')}\nhave=nothing\n`;
  const given = await ask('POST', '/node/v1/files', body);
  t.is(text(given), `200 ${FILES.index}two`);
  t.regex(notes(given)[0] ?? '', /^tell up: after a change: 1 contents/);
  t.regex(text(await ask('POST', '/node/v1/files', `token=TOKEN\nindex=${'a'.repeat(64)}\n`)), /^409/);
  t.regex(text(await ask('POST', '/node/v1/files', `token=x\nindex=${FILES.digest}\n`)), /^403/);
  now.rule = { mode: 'manual' };
  t.is(await beat(), '200 [Attributes]\n', 'a node that does not follow by itself keeps what it has');
  now.rule = { mode: 'manual', released: FILES.digest };
  t.regex(await beat(), /\[Files\]/);
  delete now.files;
  now.rule = { mode: 'auto' };
  t.is(await beat(), '200 [Attributes]\n', 'a node that never had files gets no index');
  t.regex(await beat(`status.files_applied=${FILES.digest}\n`), new RegExp(`index = ${EMPTY_INDEX.sha256}`));
  t.is(
    text(await ask('POST', '/node/v1/files', `token=TOKEN\nindex=${EMPTY_INDEX.sha256}\n`)),
    `200 ${EMPTY_INDEX.text}`,
  );
});

test('a hardware fact that is not a number changes no file of other nodes', async t => {
  const { ask } = world();
  const given = await ask(
    'POST',
    '/node/v1/heartbeat',
    'token=TOKEN\nhardware.cpus=1 NodeAddr=1.2.3.4\nhardware.memory_kb=9\n',
  );
  const beat = given.effects?.find(effect => effect.do === 'beat');
  t.deepEqual(beat?.do === 'beat' ? beat.hardware : undefined, { memory_kb: '9' });
});

test('a heartbeat is answered when its files cannot be rendered, and their state has the reason', async t => {
  const { ask, ports } = world();
  const seen: SeenState[] = [];
  ports.files = async () => {
    throw new Error('the content is gone');
  };
  ports.filesSeen = (_boot, state) => void seen.push(state);
  t.is(text(await ask('POST', '/node/v1/heartbeat', 'token=TOKEN\n')), '200 [Attributes]\n');
  t.like(seen, [{ state: 'failed', reason: 'the content is gone' }]);
});

test('what ran after a change is on the timeline', async t => {
  const { ask } = world();
  const given = await ask('POST', '/node/v1/heartbeat', 'token=TOKEN\nevent.1=reload of ssh after a change of files\n');
  t.deepEqual(notes(given), ['beat', 'tell up: reload of ssh after a change of files']);
});
