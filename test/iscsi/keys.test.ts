// The rule of every key, in login, in a discovery session, and after login.
import test from 'ava';
import { KEYS, negotiate } from '../../src/iscsi/keys.ts';

const LOGIN = { discovery: false, login: true };

// key, offer, answer (undefined: none), what it sets
const RULES: [string, string, string | undefined, object?][] = [
  ['HeaderDigest', 'CRC32C,None', 'CRC32C', { headerDigest: true }],
  ['HeaderDigest', 'None,CRC32C', 'None', { headerDigest: false }],
  ['HeaderDigest', 'X-mine,None', 'None', { headerDigest: false }],
  ['HeaderDigest', 'X-mine', 'Reject'],
  ['DataDigest', 'CRC32C', 'CRC32C', { dataDigest: true }],
  ['MaxConnections', '8', '1', {}],
  ['MaxConnections', '0', 'Reject'],
  ['InitialR2T', 'No', 'Yes', {}],
  ['InitialR2T', 'maybe', 'Reject'],
  ['ImmediateData', 'Yes', 'Yes', { immediateData: true }],
  ['ImmediateData', 'No', 'No', { immediateData: false }],
  ['MaxRecvDataSegmentLength', '262144', undefined, { sendSegment: 262144 }],
  ['MaxRecvDataSegmentLength', '0x1000', undefined, { sendSegment: 4096 }],
  ['MaxRecvDataSegmentLength', '511', 'Reject'],
  ['MaxRecvDataSegmentLength', '99999999999', 'Reject'],
  ['MaxBurstLength', '262144', '262144', { maxBurst: 262144 }],
  ['MaxBurstLength', '16776192', '1048576', { maxBurst: 1048576 }],
  ['FirstBurstLength', '262144', '65536', { firstBurst: 65536 }],
  ['DefaultTime2Wait', '2', '2', {}],
  ['DefaultTime2Retain', '20', '0', {}],
  ['MaxOutstandingR2T', '16', '1', {}],
  ['DataPDUInOrder', 'No', 'Yes', {}],
  ['DataSequenceInOrder', 'Yes', 'Yes', {}],
  ['ErrorRecoveryLevel', '2', '0', {}],
  ['ErrorRecoveryLevel', '3', 'Reject'],
  ['TaskReporting', 'FastAbort,RFC3720', 'RFC3720', {}],
  ['IFMarker', 'Yes', 'No'],
  ['OFMarker', 'No', 'No'],
  ['IFMarkInt', '2048', 'Reject'],
  ['OFMarkInt', '2048', 'Reject'],
  ['InitiatorName', 'iqn.2026-01.lab.test:a', undefined],
  ['InitiatorAlias', 'a', undefined],
  ['TargetName', 'iqn.2026-01.lab.test:b', undefined],
  ['SessionType', 'Normal', undefined],
  ['TargetAlias', 'a', 'Reject'],
  ['TargetAddress', 'a', 'Reject'],
  ['TargetPortalGroupTag', '1', 'Reject'],
  ['iSCSIProtocolLevel', '2', '1', {}],
  ['X#NodeArchitecture', 'Linux', undefined],
  ['SendTargets', 'All', 'Reject'],
  ['X-com.example.key', '1', 'NotUnderstood'],
];

for (const [name, offer, answer, set] of RULES) {
  const section = KEYS.find(key => key.name === name)?.section ?? '6.2';
  test(`RFC 7143 §${section}: ${name}=${offer}`, t => {
    const found = negotiate(name, offer, LOGIN);
    t.is(found.answer, answer);
    if (set) t.deepEqual(found.set ?? {}, set);
    else t.is(found.set, undefined);
  });
}

test('every key has a test', t => {
  t.deepEqual(
    KEYS.map(key => key.name).filter(name => !RULES.some(([tested]) => tested === name)),
    [],
  );
});

test('RFC 7143 §13: keys without meaning in a discovery session are Irrelevant there', t => {
  t.is(negotiate('MaxBurstLength', '512', { discovery: true, login: true }).answer, 'Irrelevant');
  t.is(negotiate('HeaderDigest', 'None', { discovery: true, login: true }).answer, 'None');
});

test('RFC 7143 §13: after login only the keys that are allowed then', t => {
  t.is(negotiate('HeaderDigest', 'None', { discovery: false, login: false }).answer, 'Reject');
  t.deepEqual(negotiate('MaxRecvDataSegmentLength', '512', { discovery: false, login: false }).set, {
    sendSegment: 512,
  });
});
