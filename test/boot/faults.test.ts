// The table of faults: what a node may name, and that a note's facts are kept on the timeline.
import test from 'ava';
import { FAULTS, faultOfNode } from '../../src/boot/faults.ts';
import { FakeCluster, fakeBoots } from '../fakes/cluster.ts';

test('a node names its own faults only, by names of the table', t => {
  t.is(faultOfNode('no-init'), 'no-init');
  t.is(faultOfNode('iscsi-secret-wrong'), 'iscsi-secret-wrong');
  for (const name of [
    'head-disk-full',
    'other-dhcp-server',
    'NO-INIT',
    'no-init ',
    '',
    'toString',
    '__proto__',
    undefined,
  ])
    t.is(faultOfNode(name), undefined, name);
});

test('every fault says what it means', t => {
  for (const [name, { means }] of Object.entries(FAULTS)) {
    t.regex(name, /^[a-z]+(-[a-z]+)*$/);
    t.regex(means, /^[^A-Z].*[^.]$|^iP/, name);
  }
});

test('the timeline keeps the facts of a note', t => {
  const fake = new FakeCluster();
  const { node } = fake.bootable();
  const { boots } = fakeBoots(fake);
  const facts = { fault: 'short-file', file: 'kernel', complete: false, about: { have: 5, want: 9 } } as const;
  boots.note({ stage: 'offered', mac: node.value.mac, error: 'words', ...facts });
  t.like(boots.current(node.uid)?.events[0], { ...facts, error: 'words' });
});
