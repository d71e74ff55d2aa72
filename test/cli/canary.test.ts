// `muster node files apply --canary`: first a few nodes, then the others; the nodes are small models with the head's own decisions.
import test from 'ava';
import { NODE_FILES } from '../../src/api/node-files.ts';
import { nodeFiles } from '../../src/cli/node-files-action.ts';
import type { Context } from '../../src/cli/table.ts';
import { filesState, indexFor } from '../../src/files/live-state.ts';
import { Releases } from '../../src/files/releases.ts';

/** Two nodes that wait for releases. Each look at them is a heartbeat of each; files `bad` fail in what they ask for after a change. */
function twoNodes() {
  const releases = new Releases();
  const nodes = ['n0', 'n1'].map(uid => ({ uid, facts: { files_applied: 'old' } as Record<string, string> }));
  const world = { current: 'new', released: [] as string[] };
  const beat = (uid: string, facts: Record<string, string>): void => {
    const index = indexFor(world.current, releases.ruleFor(uid, 'manual'), facts['files_applied']);
    if (index === undefined) return;
    if (facts['files_applied'] !== index) Object.assign(facts, { files_applied: index, files_acting: 'yes' });
    else if (index === 'bad') Object.assign(facts, { files_failed: 'check: wrong', files_tried: 'bad' });
    else for (const name of ['files_acting', 'files_failed']) delete facts[name];
  };
  const call = async (operation: unknown, { query: { id } }: { query: { id?: string | string[] } }) => {
    const chosen = nodes.filter(({ uid }) => id === undefined || [id].flat().includes(uid));
    if (operation === NODE_FILES.release) {
      world.released.push(chosen.map(({ uid }) => uid).join());
      for (const { uid } of chosen) releases.release(uid, world.current);
    }
    return chosen.map(({ uid, facts }) => {
      const rule = releases.ruleFor(uid, 'manual');
      const state = filesState({ isUp: true, current: world.current, rule, facts });
      if (operation === NODE_FILES.states) beat(uid, facts);
      return { uid, name: uid, sets: ['site'], live: 'manual', ...state };
    });
  };
  const written: string[] = [];
  const given = { words: ['apply'], ids: ['n0', 'n1'], options: { canary: '1', timeout: '5' }, select: [] };
  const terminal = { write: (text: string) => written.push(text) };
  const context = { client: { call }, given, terminal } as unknown as Context;
  const dry = { ...context, given: { ...context.given, dryRun: true } };
  return { apply: async () => nodeFiles.run(context), dry: async () => nodeFiles.run(dry), world, written };
}

test('the others get the files when the first node has them and ran what they ask for', async t => {
  const { apply, world } = twoNodes();
  t.is(await apply(), 0);
  t.deepEqual(world.released, ['n0', 'n0,n1']);
});

test('a first node that fails after the files are in place keeps them from the others; corrected ones begin with it again', async t => {
  const { apply, world, written } = twoNodes();
  world.current = 'bad';
  await t.throwsAsync(apply, { code: 'timed-out', message: /the others keep their files/ });
  t.deepEqual(world.released, ['n0']);
  t.deepEqual(written, ['n0: failed: check: wrong [site]\n']);
  world.current = 'good';
  t.is(await apply(), 0);
  t.deepEqual(world.released, ['n0', 'n0', 'n0,n1']);
});

test('a dry run shows the nodes that wait, and releases nothing', async t => {
  const { dry, world, written } = twoNodes();
  t.is(await dry(), 0);
  t.deepEqual(world.released, []);
  t.regex(written.join(''), /^n\[0-1\]: pending.*\nDry run: nothing was released\.\n$/);
});
