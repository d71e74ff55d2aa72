// Connections on which nothing moves: what is seen of them, and kept after they are closed.
import test from 'ava';
import type { TcpLook } from '../../src/boot/evidence.ts';
import { type OpenConnection, TcpWatch } from '../../src/evidence/tcp-watch.ts';

const LOOK: TcpLook = {
  ago: 0,
  sent: 40,
  again: 2,
  segment: 1448,
  unacknowledged: 2,
  retransmits: 0,
  acknowledged: 200,
  quiet: 0,
};

/** A watch of connections that the test opens, changes and closes. */
function world() {
  let now = 1_000_000;
  const connections = new Map<number, OpenConnection & { look: TcpLook }>();
  let looks = 0;
  const watch = new TcpWatch(
    {
      all: () => connections.values(),
      of: peer => [...connections.values()].filter(one => one.peer === peer),
    },
    descriptor => {
      looks += 1;
      return connections.get(descriptor)?.look;
    },
    () => now,
  );
  return {
    watch,
    open(descriptor: number, peer: string, look: Partial<TcpLook> = {}): void {
      connections.set(descriptor, { descriptor, peer, socket: {}, look: { ...LOOK, ...look } });
    },
    change(descriptor: number, look: Partial<TcpLook>): void {
      const one = connections.get(descriptor);
      if (one) one.look = { ...one.look, ...look };
    },
    close: (descriptor: number) => connections.delete(descriptor),
    pass(seconds: number): void {
      for (let second = 0; second < seconds; second += 1) {
        now += 1000;
        watch.sample();
      }
    },
    get looks(): number {
      return looks;
    },
  };
}

test('a connection is quiet since its last acknowledged progress, whatever else it sends', t => {
  const it = world();
  it.open(5, 'a');
  it.pass(1);
  it.change(5, { acknowledged: 90_000, quiet: 0 });
  it.pass(1);
  it.change(5, { retransmits: 1 });
  it.pass(7);
  t.like(it.watch.of('a'), { acknowledged: 90_000, quiet: 7, ago: 0 });
  t.is(it.watch.of('b'), undefined);
});

test('a stall is known after its connection closed, until the peer makes progress', t => {
  const it = world();
  it.open(5, 'a');
  it.pass(2);
  it.change(5, { retransmits: 2 });
  it.pass(1);
  it.change(5, { retransmits: 3 });
  it.pass(4);
  it.close(5);
  it.pass(30);
  t.like(it.watch.of('a'), { retransmits: 3, acknowledged: 200, ago: 30 });
  it.open(5, 'a', { acknowledged: 1 });
  it.pass(1);
  t.like(it.watch.of('a'), { retransmits: 0, ago: 0 });
  it.change(5, { acknowledged: 90_000, unacknowledged: 0 });
  it.pass(1);
  t.is(it.watch.of('a'), undefined);
});

test('a connection that was closed without a stall leaves nothing', t => {
  const it = world();
  it.open(5, 'a', { retransmits: 2 });
  it.open(6, 'a', { retransmits: 9, unacknowledged: 0 });
  it.pass(3);
  it.close(5);
  it.close(6);
  t.is(it.watch.of('a'), undefined);
});

test('with many connections each is checked in turn, and memory is bounded', t => {
  const it = world();
  for (let index = 0; index < 10_000; index += 1) it.open(index, `p${index}`, { retransmits: 5 });
  const before = it.looks;
  it.pass(1);
  t.is(it.looks - before, 500);
  it.pass(20);
  t.is(it.watch.size, 4096);
  t.like(it.watch.of('p9999'), { retransmits: 5 });
});
