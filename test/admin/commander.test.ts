// Two administrators at once: whatever they do ends as if one had come after the other.
import test from 'ava';
import fc from 'fast-check';
import { Commander, checkIfMatch } from '../../src/admin/commander.ts';
import { revisionTag } from '../../src/api/objects.ts';
import { MusterError } from '../../src/errors.ts';
import { planAttributes, planCreate, planUpdate } from '../../src/model/changes.ts';
import type { Cluster, Entry } from '../../src/model/cluster.ts';
import { planDelete } from '../../src/model/deletion.ts';
import type { Commit, FeedEntry, Store } from '../../src/store/store.ts';
import { FakeCluster } from '../fakes/cluster.ts';

/** A store whose commits take as many turns of the event loop as it is told; it applies them when they are done. */
class SlowStore {
  private readonly fake: FakeCluster;
  private readonly turns: number[];

  constructor(fake: FakeCluster, turns: readonly number[]) {
    this.fake = fake;
    this.turns = [...turns];
  }

  async commit(commit: Commit): Promise<FeedEntry> {
    for (let left = this.turns.shift() ?? 0; left > 0; left -= 1) await new Promise(resolve => setImmediate(resolve));
    for (const change of commit.changes) {
      if ((this.fake.cluster.any(change.uid)?.revision ?? 0) !== change.expected)
        throw new MusterError('conflict', 'changed meanwhile');
    }
    this.fake.apply(commit.changes);
    return { sequence: this.fake.cluster.sequence, at: 0, who: commit.who, what: commit.what, effects: [] };
  }
}

type Step =
  | { do: 'description'; text: string }
  | { do: 'rename'; name: string }
  | { do: 'set'; name: string; value: string | null }
  | { do: 'create'; name: string }
  | { do: 'delete'; name: string };

const names = fc.constantFrom('a', 'b', 'c');
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constant('description' as const), text: fc.constantFrom('x', 'y') }),
  fc.record({ do: fc.constant('rename' as const), name: names }),
  fc.record({
    do: fc.constant('set' as const),
    name: fc.constantFrom('rack', 'role'),
    value: fc.constantFrom('1', '2', null),
  }),
  fc.record({ do: fc.constant('create' as const), name: names }),
  fc.record({ do: fc.constant('delete' as const), name: names }),
);

/** One command on the group `a`, or on the one that has its UID by now. */
function planOf(fake: FakeCluster, uid: string, what: Step) {
  const { cluster } = fake;
  const target = (): Entry => {
    const entry = cluster.any(uid);
    if (!entry) throw new MusterError('no-such-object', 'gone');
    return entry;
  };
  if (what.do === 'description') return planUpdate(fake.context(), 'attrib', [target()], { description: what.text });
  if (what.do === 'rename') return planUpdate(fake.context(), 'attrib', [target()], { name: what.name });
  if (what.do === 'set') return planAttributes(fake.context(), 'attrib', [target()], { [what.name]: what.value });
  if (what.do === 'create') return planCreate(fake.context(), 'attrib', [{ name: what.name }]);
  const named = cluster.byName('attrib', what.name);
  if (!named) throw new MusterError('no-such-object', 'gone');
  return planDelete(cluster, [named], false);
}

function begin(turns: readonly number[] = []) {
  const fake = new FakeCluster();
  const { uid } = fake.create('attrib', { name: 'a' });
  const commander = new Commander(fake.cluster, new SlowStore(fake, turns) as unknown as Store, 10);
  const perform = async (what: Step): Promise<void> => {
    const command = { who: 'tester', what: what.do, plan: () => planOf(fake, uid, what) };
    await commander.perform(command).catch(error => {
      if (!(error instanceof MusterError)) throw error;
    });
  };
  return { fake, perform };
}

/** Everything but UIDs, which differ from run to run. */
function picture(cluster: Cluster): string {
  const groups = cluster.all('attrib').map(({ value, revision }) => JSON.stringify([value, revision]));
  return groups.sort().join('\n');
}

async function serially(steps: readonly Step[]): Promise<string> {
  const { fake, perform } = begin();
  for (const one of steps) await perform(one);
  return picture(fake.cluster);
}

test('any interleaving of two clients ends in one of the serial results', async t => {
  await fc.assert(
    fc.asyncProperty(step, step, fc.array(fc.nat(5), { maxLength: 3 }), fc.nat(4), async (one, two, turns, wait) => {
      const { fake, perform } = begin(turns);
      const first = perform(one);
      for (let left = wait; left > 0; left -= 1) await new Promise(resolve => setImmediate(resolve));
      await Promise.all([first, perform(two)]);
      const result = picture(fake.cluster);
      t.true([await serially([one, two]), await serially([two, one])].includes(result), `${result}`);
    }),
    { numRuns: 300 },
  );
});

test('of two clients with the same revision, one wins and the other gets a conflict', async t => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat(5), { maxLength: 3 }), fc.boolean(), async (turns, swap) => {
      const fake = new FakeCluster();
      const read = fake.create('attrib', { name: 'a' });
      const commander = new Commander(fake.cluster, new SlowStore(fake, turns) as unknown as Store, 10);
      const write = async (description: string) =>
        commander.perform({
          who: description,
          what: 'update',
          plan: () => {
            const now = fake.cluster.get('attrib', read.uid) as Entry;
            checkIfMatch(revisionTag(read), [now]);
            return planUpdate(fake.context(), 'attrib', [now], { description });
          },
        });
      const order = swap ? ['bert', 'anna'] : ['anna', 'bert'];
      const results = await Promise.allSettled(order.map(write));
      t.deepEqual(
        results.map(result => result.status),
        ['fulfilled', 'rejected'],
      );
      const [, lost] = results;
      t.is(
        (lost as PromiseRejectedResult).reason.message,
        'a was changed by somebody else after you read it; read it again and retry.',
      );
      t.is(fake.cluster.get('attrib', read.uid)?.value.description, order[0]);
    }),
    { numRuns: 50 },
  );
});

test('a name that two want at once goes to one of them', async t => {
  const { fake, perform } = begin([3, 1]);
  await Promise.all([perform({ do: 'create', name: 'c' }), perform({ do: 'create', name: 'c' })]);
  t.is(fake.cluster.all('attrib').filter(entry => entry.value.name === 'c').length, 1);
});

test('a command that fails does not hold up the next', async t => {
  const { fake, perform } = begin();
  await Promise.all([perform({ do: 'delete', name: 'nothing' }), perform({ do: 'description', text: 'x' })]);
  t.is(fake.cluster.byName('attrib', 'a')?.value.description, 'x');
});
