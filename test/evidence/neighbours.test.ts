// Who has which address: what the kernel and the wire say, and what is kept of it.
import test from 'ava';
import { decodeArpReply, decodeNews, encodeArp } from '../../src/evidence/neighbour-bytes.ts';
import { Neighbours } from '../../src/evidence/neighbours.ts';

/** RTM_NEWNEIGH of a Linux 6.1: 10.54.0.100 is 52:54:00:00:00:99, REACHABLE. */
const NEWS = Buffer.from(
  '4c0000001c000000000000000000000002000000020000000200000108000100' +
    '0a3600640a00020052540000009900000800040000000000140003000000000000000000000000000000000000',
  'hex',
);

test('netlink reports the machine that has an address', t => {
  const bytes = Buffer.alloc(0x4c);
  NEWS.copy(bytes);
  const expected = { ip: '10.54.0.100', mac: '52:54:00:00:00:99', confirmed: true };
  t.deepEqual(decodeNews(bytes, 'LE'), [expected]);
  t.deepEqual(decodeNews(Buffer.concat([bytes, bytes]), 'LE'), [expected, expected]);
  bytes[24] = 0x04;
  t.deepEqual(decodeNews(bytes, 'LE'), [{ ...expected, confirmed: false }]);
  bytes[24] = 0x20;
  t.deepEqual(decodeNews(bytes, 'LE'), [], 'nobody answered');
  for (let length = 0; length < bytes.length; length += 1)
    t.deepEqual(decodeNews(bytes.subarray(0, length), 'LE'), [], `cut at ${length}`);
});

test('an ARP request for an address is answered by its machine', t => {
  const question = encodeArp('10.54.0.100', { ip: '10.54.0.1', mac: '52:54:00:00:00:01' });
  t.is(question.toString('hex'), '00010800060400015254000000010a3600010000000000000a360064');
  t.is(decodeArpReply(question), undefined);
  const reply = Buffer.from(question);
  reply[7] = 2;
  t.deepEqual(decodeArpReply(reply), { ip: '10.54.0.1', mac: '52:54:00:00:00:01' });
  t.is(decodeArpReply(reply.subarray(0, 27)), undefined);
});

test('machines that alternate on the address of a node are all kept, in bounded number', t => {
  let now = 1000;
  const nodes = new Set(['10.0.0.1']);
  const neighbours = new Neighbours(
    ip => nodes.has(ip),
    () => now,
  );
  neighbours.seen('10.0.0.1', 'a', true);
  now = 2000;
  neighbours.seen('10.0.0.1', 'b', false);
  now = 3000;
  neighbours.seen('10.0.0.1', 'b', false);
  t.deepEqual(neighbours.of('10.0.0.1'), [
    { mac: 'a', ago: 2, answered: 2 },
    { mac: 'b', ago: 1 },
  ]);
  neighbours.seen('10.0.0.1', 'a', false);
  t.deepEqual(
    neighbours.of('10.0.0.1').map(({ mac }) => mac),
    ['b', 'a'],
  );
  t.is(neighbours.of('10.0.0.1').at(-1)?.answered, 2, 'the kernel remembers it, and it has not answered again');
  for (let index = 0; index < 10_000; index += 1) {
    neighbours.seen('10.0.0.1', `m${index}`, true);
    neighbours.seen(`10.1.${index >> 8}.${index & 255}`, 'x', true);
  }
  t.is(neighbours.of('10.0.0.1').length, 4);
  t.is(neighbours.size, 1);
  nodes.clear();
  neighbours.seen('10.0.0.1', 'z', true);
  t.is(neighbours.size, 0);
});
