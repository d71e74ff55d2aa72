import test from 'ava';
import { FilesSince } from '../../src/files/files-since.ts';
import { EMPTY_INDEX } from '../../src/files/index-text.ts';
import { filesState, indexFor } from '../../src/files/live-state.ts';
import { Releases } from '../../src/files/releases.ts';

const AUTO = { mode: 'auto' } as const;

test('a node that follows by itself gets what its sets give; another one what was released to it', t => {
  t.is(indexFor('a', AUTO, undefined), 'a');
  t.is(indexFor('a', { mode: 'manual' }, 'b'), undefined);
  t.is(indexFor('a', { mode: 'manual', released: 'a' }, 'b'), 'a');
  t.is(indexFor('a', { mode: 'manual', released: 'b' }, 'b'), undefined, 'the files have changed since the release');
  t.is(indexFor(undefined, AUTO, undefined), undefined);
  t.is(indexFor(undefined, AUTO, 'a'), EMPTY_INDEX.sha256);
  t.is(indexFor(undefined, AUTO, EMPTY_INDEX.sha256), undefined);
  const releases = new Releases();
  releases.release('n', 'a');
  t.deepEqual(releases.ruleFor('n', 'manual'), { mode: 'manual', released: 'a' });
  releases.forget('n');
  t.deepEqual(releases.ruleFor('n', undefined), AUTO);
});

test('the state of the files of a node, and why', t => {
  const state = (facts: Record<string, string>, more: Partial<Parameters<typeof filesState>[0]> = {}) =>
    filesState({ isUp: true, current: 'a', rule: AUTO, facts, ...more });
  t.deepEqual(state({ files_applied: 'a' }), { state: 'in-step' });
  t.deepEqual(state({ files_applied: 'a', files_local: '/etc/x' }), { state: 'locally-changed', reason: '/etc/x' });
  t.deepEqual(state({ files_applied: 'b' }), { state: 'pending', reason: 'with its next heartbeat' });
  t.regex(state({ files_applied: 'b' }, { rule: { mode: 'manual' } }).reason ?? '', /waits for 'files apply'/);
  t.deepEqual(state({ files_applied: 'a', files_failed: '/etc/x: no' }), { state: 'failed', reason: '/etc/x: no' });
  t.deepEqual(
    state({ files_applied: 'b', files_failed: 'reload: no', files_tried: 'b' }),
    { state: 'pending', reason: 'with its next heartbeat' },
    'a failure of earlier files',
  );
  t.is(state({ files_applied: 'b', files_failed: 'no content', files_tried: 'a' }).state, 'failed');
  t.is(state({ files_applied: 'a', files_acting: 'yes' }).state, 'pending', 'its reloads and scripts still run');
  t.is(
    state({ files_applied: 'a', files_acting: 'yes', files_failed: 'reload: no', files_tried: 'a' }).state,
    'failed',
  );
  t.deepEqual(state({}, { current: { refused: 'set x, line 2' } }), { state: 'failed', reason: 'set x, line 2' });
  t.deepEqual(state({}, { current: undefined }), { state: 'in-step' });
  t.is(state({}, { isUp: false }).state, 'unknown');
});

test('since when a node is in its state: from the change that musterd saw, over heartbeats without one', t => {
  const since = new FilesSince();
  const boot = { id: 'b1', isNew: true };
  t.is(since.see('n', boot, { state: 'pending', reason: 'x' }, 10), 10);
  t.is(since.see('n', boot, { state: 'in-step' }, 20), 20);
  t.is(since.see('n', boot, { state: 'in-step' }, 30), 20);
  t.is(since.see('n', { id: 'b2', isNew: true }, { state: 'in-step' }, 40), 40, 'a new boot begins again');
  since.forget('n');
  const old = { id: 'b0', isNew: false };
  t.is(since.see('n', old, { state: 'in-step' }, 50), undefined, 'it may be so since before musterd started');
  t.is(since.see('n', old, { state: 'in-step' }, 60), undefined);
  t.is(since.see('n', old, { state: 'failed', reason: 'x' }, 70), 70);
});
