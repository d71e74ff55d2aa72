import test from 'ava';
import { prepareFiles } from '../../src/daemon/file-preparer.ts';
import { FakeCluster } from '../fakes/cluster.ts';
import { until } from '../support/until.ts';

test('all nodes are prepared at the start and after a change, until there is no room', async t => {
  const fake = new FakeCluster();
  fake.bootable();
  fake.create('node', { mac: '52:54:00:54:00:02' });
  const prepared: string[] = [];
  let room = true;
  let changed = (): void => undefined;
  const store = {
    subscribe: (listener: () => void) => {
      changed = listener;
      return () => {
        changed = () => undefined;
      };
    },
  };
  let warmed = 0;
  const files = {
    warm: async () => {
      warmed += 1;
    },
    prepare: async (_cluster: unknown, uid: string) => {
      prepared.push(uid);
      return room;
    },
  };
  const end = prepareFiles({ cluster: fake.cluster, store, files }, 1);
  await until('both nodes are prepared', () => prepared.length === 2);
  t.is(warmed, 1, 'before the first node');
  room = false;
  changed();
  changed();
  await until('the next round begins', () => prepared.length === 3);
  end();
  room = true;
  changed();
  t.is(prepared.length, 3);
});
