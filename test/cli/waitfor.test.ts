// Waiting for nodes while the head is restarted; the client is a list of answers.
import test from 'ava';
import { NODE_STATES } from '../../src/boot/states.ts';
import type { Context } from '../../src/cli/table.ts';
import { waitFor } from '../../src/cli/waitfor-action.ts';
import { MusterError } from '../../src/errors.ts';

const node = (state: string) => [{ uid: 'a'.repeat(32), name: 'n0', state, facts: {}, hardware: {} }];
const away = () => new MusterError('not-running', 'musterd is not running');

function context(answers: unknown[], timeout: string) {
  const said: string[] = [];
  const written: string[] = [];
  const call = async (): Promise<unknown> => {
    const answer = answers.length > 1 ? answers.shift() : answers[0];
    if (answer instanceof Error) throw answer;
    return answer;
  };
  const given = { words: ['up'], ids: ['n0'], options: { timeout }, select: [], states: [] };
  const terminal = { say: (text: string) => said.push(text), write: (text: string) => written.push(text) };
  return { context: { client: { call }, given, terminal } as unknown as Context, said, written };
}

test('a head that is restarted ends no waiting', async t => {
  const broken = new MusterError('broken-off', 'musterd ended');
  const given = context([node('booting'), node('booting'), broken, away(), node('up')], '60');
  t.is(await waitFor.run(given.context), 0);
  t.deepEqual(given.said, ['0 of 1; waiting for n0', 'musterd does not answer; still waiting']);
  t.deepEqual(given.written, ['n0: up\n']);
});

test('waitfor waits for a daemon that went away until the time is over; one that never answered is an error at once', async t => {
  const gone = context([node('booting'), away()], '0.1');
  await t.throwsAsync(async () => waitFor.run(gone.context), { code: 'timed-out' });
  await t.throwsAsync(async () => waitFor.run(context([away()], '60').context), { code: 'not-running' });
});

test('every state can be waited for', async t => {
  for (const state of NODE_STATES) {
    const { context: given, written } = context([node(state)], '60');
    given.given.words[0] = state;
    t.is(await waitFor.run(given), 0, state);
    t.deepEqual(written, [`n0: ${state}\n`]);
  }
});

test('a node that is deleted meanwhile ends it, and is named', async t => {
  const gone = new MusterError('no-such-object', 'No node found for ID=n0');
  const error = await t.throwsAsync(async () => waitFor.run(context([node('booting'), gone, []], '60').context));
  t.is(error?.message, 'n0 was deleted while waiting.');
});

test('any other refusal ends it', async t => {
  const refused = context([node('booting'), new MusterError('no-such-object', 'No node found for ID=n0')], '60');
  await t.throwsAsync(async () => waitFor.run(refused.context), { code: 'no-such-object' });
});
