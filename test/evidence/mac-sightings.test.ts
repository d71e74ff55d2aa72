// Two machines with one hardware address: by turns, and not when one machine is moved or speaks in two ways.
import test from 'ava';
import { MacSightings } from '../../src/evidence/mac-sightings.ts';

const MAC = '52:54:00:00:00:01';
const idOf = (last: number): Buffer =>
  Buffer.from(`00112233445566778899aabbccddeeff${last.toString(16).padStart(2, '0')}`, 'hex');

function world() {
  let now = 0;
  const sightings = new MacSightings(() => now);
  return {
    sightings,
    hear(machine: Buffer | undefined, network = 'boot', seconds = 60): void {
      now += seconds * 1000;
      sightings.heard({ mac: MAC, machine, network });
    },
  };
}

test('two alternating identifiers are two machines, and each is named', t => {
  const it = world();
  it.hear(idOf(1));
  it.hear(idOf(2));
  t.is(it.sightings.of(MAC), undefined, 'a board was replaced');
  it.hear(undefined);
  it.hear(idOf(1));
  it.hear(idOf(1));
  const found = it.sightings.of(MAC);
  t.like(found, { by: 'machine', ago: 60 });
  t.deepEqual(found?.names, ['11223344-5566-7788-99aa-bbccddeeff02', '11223344-5566-7788-99aa-bbccddeeff01']);
  t.is(it.sightings.of('52:54:00:00:00:02'), undefined);
});

test('two alternating networks are two machines; a machine that moves, even back after a day, is one', t => {
  const it = world();
  for (const network of ['a', 'b', 'b', 'a']) it.hear(undefined, network);
  t.like(it.sightings.of(MAC), { by: 'network', names: ['b', 'a'] });
  const moved = world();
  moved.hear(undefined, 'a');
  moved.hear(undefined, 'b', 86_400);
  moved.hear(undefined, 'a', 86_400);
  t.is(moved.sightings.of(MAC), undefined);
});

test('a machine whose firmware and loader use different byte orders for its identifier is one machine', t => {
  const it = world();
  const swapped = Buffer.from('0044332211665588779a', 'hex');
  const plain = idOf(1);
  const other = Buffer.concat([swapped.subarray(0, 9), plain.subarray(9)]);
  for (const machine of [plain, other, plain, other]) it.hear(machine);
  t.is(it.sightings.of(MAC), undefined);
});

test('identifiers without meaning are ignored, and memory is bounded', t => {
  const it = world();
  const nothing = [Buffer.alloc(17), Buffer.alloc(17, 0xff), Buffer.alloc(3), Buffer.alloc(0), Buffer.alloc(17, 1)];
  for (const machine of [...nothing, idOf(1), ...nothing, idOf(1)]) it.hear(machine);
  t.is(it.sightings.of(MAC), undefined);
  for (let index = 0; index < 10_000; index += 1)
    it.sightings.heard({ mac: `m${index}`, machine: idOf(index % 256), network: `${index}` });
  t.is(it.sightings.size, 4096);
  for (let index = 0; index < 1000; index += 1) it.hear(idOf(index % 7), `${index}`);
  t.is(it.sightings.size, 4096);
});
