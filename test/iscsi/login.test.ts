// Login on the wire: what is agreed on, and every refusal with its status and its reason in the note.
import test from 'ava';
import { INITIATOR, Initiator, pairsOf, statusOf } from './support/initiator.ts';
import { TARGET } from './support/one-target.ts';
import { serve } from './support/served.ts';

const NORMAL = { InitiatorName: INITIATOR, TargetName: TARGET };

test('one exchange negotiates a session', async t => {
  const { port, notes, target } = await serve(t);
  const initiator = await Initiator.connect(port);
  t.is(await initiator.login({ target: TARGET, keys: { HeaderDigest: 'CRC32C,None', 'X-mine': '1' } }), 0);
  t.like(initiator.agreed, { TargetPortalGroupTag: '1', HeaderDigest: 'CRC32C', 'X-mine': 'NotUnderstood' });
  t.is(initiator.agreed['MaxRecvDataSegmentLength'], '262144');
  t.is(target.sessionCount, 1);
  t.like(notes[0], { event: 'login', initiator: INITIATOR, target: TARGET, session: 'test' });
  initiator.close();
});

test('RFC 7143 §6.3: security stage, operational stage, full feature phase, with continuous numbers', async t => {
  const { port } = await serve(t);
  const initiator = await Initiator.connect(port);
  initiator.cmdSn = 77;
  const first = await initiator.loginRequest(0x81, { ...NORMAL, AuthMethod: 'CHAP,None' });
  t.like(pairsOf(first?.data ?? Buffer.alloc(0)), { AuthMethod: 'None', TargetPortalGroupTag: '1' });
  t.is(first?.header.readUInt8(1), 0x81);
  t.is(first?.header.readUInt16BE(14), 0, 'TSIH comes with the end of login');
  const last = await initiator.loginRequest(0x87, { MaxBurstLength: '65536' });
  t.is(last?.header.readUInt8(1), 0x87);
  t.not(last?.header.readUInt16BE(14), 0);
  t.is(last?.header.readUInt32BE(24), 1, 'StatSN');
  t.is(last?.header.readUInt32BE(28), 77, 'ExpCmdSN');
  t.is(last?.header.readUInt32BE(32), 77 + 127, 'MaxCmdSN');
  initiator.close();
});

test('RFC 7143 §6.1: text may continue in further requests', async t => {
  const { port } = await serve(t);
  const initiator = await Initiator.connect(port);
  const half = await initiator.loginRequest(0x44, { InitiatorName: INITIATOR });
  t.is(half?.data.length, 0);
  t.is(statusOf(await initiator.loginRequest(0x87, { TargetName: TARGET })), 0);
  initiator.close();
});

test('CHAP, one way', async t => {
  const { port, notes } = await serve(t, { chap: { user: 'node', secret: 'a-secret-of-it' } });
  const [right, wrong, silent] = await Promise.all([1, 2, 3].map(() => Initiator.connect(port)));
  t.is(await right?.login({ target: TARGET, user: 'node', secret: 'a-secret-of-it' }), 0);
  t.is(await wrong?.login({ target: TARGET, user: 'node', secret: 'guessed', isid: 2 }), 0x0201);
  t.is(await silent?.login({ target: TARGET, isid: 3 }), 0x0201);
  await wrong?.next();
  await silent?.next();
  t.deepEqual(
    notes
      .filter(note => note.event === 'refused')
      .map(note => note.reason)
      .sort(),
    ['it does not authenticate itself', 'wrong CHAP name or secret'],
  );
  right?.close();
});

const REFUSED: [string, number, Record<string, string>, number, RegExp][] = [
  ['no InitiatorName', 0x87, { TargetName: TARGET }, 0x0207, /InitiatorName/],
  ['no TargetName', 0x87, { InitiatorName: INITIATOR }, 0x0207, /TargetName/],
  ['a target that is not', 0x87, { ...NORMAL, TargetName: 'iqn.2026-01.lab.test:other' }, 0x0203, /no target/],
  ['a name that is none', 0x87, { ...NORMAL, InitiatorName: 'node\n{"level":"error"}' }, 0x0200, /no iSCSI name/],
  ['an unknown kind of session', 0x87, { ...NORMAL, SessionType: 'Other' }, 0x0209, /SessionType/],
  ['a stage that is not', 0x8b, NORMAL, 0x0200, /no stage 2/],
  ['a way back', 0x84, NORMAL, 0x0200, /no way from stage 1 to stage 0/],
  ['C and T together', 0xc7, NORMAL, 0x0200, /C and T/],
  ['CHAP keys in the operational stage', 0x87, { ...NORMAL, CHAP_A: '5' }, 0x0200, /outside the security stage/],
  ['CHAP where none is set', 0x81, { ...NORMAL, AuthMethod: 'CHAP' }, 0x0201, /no account/],
];

for (const [name, flags, pairs, status, reason] of REFUSED) {
  test(`RFC 7143 §11.13.5: refused for ${name}`, async t => {
    const { port, notes } = await serve(t);
    const initiator = await Initiator.connect(port);
    t.is(statusOf(await initiator.loginRequest(flags, pairs)), status);
    t.is(await initiator.next(), undefined, 'the connection ends');
    t.is(notes.length, 1);
    t.is(notes[0]?.event, 'refused');
    t.regex(notes[0]?.reason ?? '', reason);
  });
}

test('RFC 7143 §6.3.1: nobody joins a session with a second connection', async t => {
  const { port } = await serve(t);
  const initiator = await Initiator.connect(port);
  initiator.send({ opcode: 0x43, flags: 0x87, tag: 1, bytes: { 15: 9 }, data: Buffer.from('InitiatorName=iqn.a:b\0') });
  t.is(statusOf(await initiator.next()), 0x020a);
});

test('an endless login is refused', async t => {
  const { port } = await serve(t, { options: { limits: { loginRequests: 3 } } });
  const initiator = await Initiator.connect(port);
  for (let request = 0; request < 3; request += 1) t.is(statusOf(await initiator.loginRequest(0x04, NORMAL)), 0);
  t.is(statusOf(await initiator.loginRequest(0x04, NORMAL)), 0x0200);
});

test('anything but a login ends the connection', async t => {
  const { port, notes } = await serve(t);
  const initiator = await Initiator.connect(port);
  initiator.send({ opcode: 0x01, flags: 0xc1 });
  t.is(await initiator.next(), undefined);
  t.regex(notes[0]?.reason ?? '', /does not begin with a login/);
});

test('a failing directory is a target error and ends only this login', async t => {
  const { port, notes } = await serve(t, {
    options: {
      directory: {
        discover: async () => ({ refused: 'not now', status: 'service-unavailable' }),
        authorize: async () => {
          throw new Error('the store is away');
        },
      },
    },
  });
  const initiator = await Initiator.connect(port);
  t.is(statusOf(await initiator.loginRequest(0x87, NORMAL)), 0x0300);
  await initiator.next();
  t.regex(notes[0]?.reason ?? '', /the store is away/);
  const other = await Initiator.connect(port);
  t.is(await other.login(), 0x0301);
});

test('RFC 7143 §4.3, appendix C: a discovery session lists the targets with their address, and can do nothing else', async t => {
  const { port } = await serve(t);
  const initiator = await Initiator.connect(port);
  t.is(await initiator.login(), 0);
  initiator.send({ opcode: 0x04, tag: 5, words: { 20: 0xffffffff, 24: 1 }, data: Buffer.from('SendTargets=All\0') });
  const listed = await initiator.expect(0x24);
  t.deepEqual(pairsOf(listed.data), { TargetName: TARGET, TargetAddress: `127.0.0.1:${port},1` });
  initiator.cmdSn = 2;
  initiator.start([0, 0, 0, 0, 0, 0]);
  t.is((await initiator.expect(0x3f)).header.readUInt8(2), 0x04);
  initiator.close();
});
