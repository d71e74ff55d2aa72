import { EventEmitter } from 'node:events';
import { Socket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import test from 'ava';
import { Pipeline } from '../../src/http/pipeline.ts';

test('RFC 9112 §9.3.2: pipelined requests are answered one after the other; another connection does not wait', async t => {
  const pipeline = new Pipeline(() => t.fail());
  const [one, other] = [new Socket(), new Socket()];
  const begun: string[] = [];
  const responses: Record<string, EventEmitter> = {};
  const ask = async (socket: Socket, name: string): Promise<void> => {
    const response = new EventEmitter();
    responses[name] = response;
    await pipeline.inTurn(socket, response, async () => {
      begun.push(name);
    });
  };
  const asked = ['a', 'b', 'c'].map(async name => ask(one, name));
  await ask(other, 'x');
  await nextTurn();
  t.deepEqual(begun, ['a', 'x'], 'a was answered, and its response is still being sent');
  responses['a']?.emit('close');
  await asked[1];
  t.deepEqual(begun, ['a', 'x', 'b']);
  one.destroy();
  responses['b']?.emit('close');
  await Promise.all(asked);
  t.deepEqual(begun, ['a', 'x', 'b'], 'nobody reads the answer to c');
  responses['x']?.emit('close');
  await ask(other, 'y');
  t.is(begun.at(-1), 'y');
});

test('a connection with too many unanswered requests is closed, and the peer is named once', async t => {
  const closed: number[] = [];
  const pipeline = new Pipeline((_peer, most) => closed.push(most));
  const socket = new Socket();
  const response = new EventEmitter().setMaxListeners(0);
  let begun = 0;
  const asked = Array.from({ length: 1000 }, async () =>
    pipeline.inTurn(socket, response, async () => {
      begun += 1;
    }),
  );
  t.true(socket.destroyed);
  t.deepEqual(closed, [64]);
  response.emit('close');
  await Promise.all(asked);
  t.is(begun, 1);
});
