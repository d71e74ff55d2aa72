// What is written of boots, with a store that fails when a test says so, as one with a full disk does.
import test from 'ava';
import type { Boot } from '../../src/boot/boot.ts';
import { BootSaver } from '../../src/daemon/boot-saver.ts';
import { silentLog } from '../../src/log.ts';
import type { Store, StoredBoot } from '../../src/store/store.ts';

class FakeStore implements Pick<Store, 'saveBoots' | 'dropBoots'> {
  readonly rows = new Map<string, StoredBoot>();
  writes = 0;
  isFull = false;

  async saveBoots(boots: readonly StoredBoot[]): Promise<void> {
    this.refuseWhenFull();
    for (const boot of boots) this.rows.set(boot.id, boot);
    this.writes += boots.length;
  }

  async dropBoots(ids: readonly string[]): Promise<void> {
    this.refuseWhenFull();
    for (const id of ids) this.rows.delete(id);
  }

  private refuseWhenFull(): void {
    if (this.isFull) throw new Error('The head has no room for its database.');
  }
}

function saving() {
  const store = new FakeStore();
  return { store, saver: new BootSaver(store, silentLog(), { failed: () => {} }) };
}

const boot = (id: string): Boot => ({ id, node: 'n1', started: 1, events: [] });

test('changes that could not be saved are kept until they can', async t => {
  const { store, saver } = saving();
  saver.later(boot('old'));
  await saver.flush();
  store.isFull = true;
  saver.later(boot('new'));
  saver.drop('old');
  await saver.flush();
  await saver.flush();
  t.deepEqual([...store.rows.keys()], ['old']);
  store.isFull = false;
  await saver.close();
  t.deepEqual([...store.rows.keys()], ['new']);
});

test('a boot that had to be saved at once and was not is saved later', async t => {
  const { store, saver } = saving();
  store.isFull = true;
  await t.throwsAsync(async () => saver.now(boot('a')), { message: /no room/ });
  store.isFull = false;
  await saver.close();
  t.deepEqual([...store.rows.keys()], ['a']);
});

test('a boot that is dropped while its row is being written does not come back when that write fails', async t => {
  const { store, saver } = saving();
  store.isFull = true;
  saver.later(boot('a'));
  const flushing = saver.flush();
  saver.drop('a');
  await flushing;
  store.isFull = false;
  await saver.close();
  t.is(store.rows.size, 0);
});

test('a boot that changes many times before it is written is written once', async t => {
  const { store, saver } = saving();
  for (let change = 0; change < 1000; change += 1) saver.later(boot('a'));
  await saver.close();
  t.is(store.writes, 1);
});
