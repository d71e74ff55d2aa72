import { Socket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import test from 'ava';
import { Pipeline } from '../../src/http/pipeline.ts';

test('RFC 9112 §9.3.2: pipelined requests are answered one after the other; another connection does not wait', async t => {
  const pipeline = new Pipeline(() => t.fail());
  const [one, other] = [new Socket(), new Socket()];
  const begun: string[] = [];
  const ends: (() => void)[] = [];
  const ask = async (socket: Socket, name: string): Promise<void> =>
    pipeline.inTurn(socket, async () => {
      begun.push(name);
      await new Promise<void>(resolve => ends.push(resolve));
    });
  const asked = [ask(one, 'a'), ask(one, 'b'), ask(one, 'c'), ask(other, 'x')];
  await nextTurn();
  t.deepEqual(begun, ['a', 'x']);
  ends[0]?.();
  await asked[0];
  await nextTurn();
  t.deepEqual(begun, ['a', 'x', 'b']);
  one.destroy();
  ends[2]?.();
  await Promise.all(asked.slice(0, 3));
  t.deepEqual(begun, ['a', 'x', 'b'], 'nobody reads the answer to c');
  ends[1]?.();
  await asked[3];
  const again = ask(other, 'y');
  ends[3]?.();
  await again;
  t.deepEqual(begun.at(-1), 'y');
});

test('a connection with too many unanswered requests is closed, and the peer is named once', async t => {
  const closed: number[] = [];
  const pipeline = new Pipeline((_peer, most) => closed.push(most));
  const socket = new Socket();
  let begun = 0;
  let end = (): void => {};
  const first = new Promise<void>(resolve => {
    end = resolve;
  });
  const asked = Array.from({ length: 1000 }, async () =>
    pipeline.inTurn(socket, async () => {
      begun += 1;
      await first;
    }),
  );
  t.true(socket.destroyed);
  t.deepEqual(closed, [64]);
  end();
  await Promise.all(asked);
  t.is(begun, 1);
});
