// Sockets by Node's event loop. Nothing else runs in this process, so that descriptors can be counted.
import { readdirSync } from 'node:fs';
import test from 'ava';
import { eventLoop } from '../../src/tftp/event-loop.ts';

const openFiles = (): number => readdirSync('/proc/self/fd').length;

test('a socket that cannot be had leaves no descriptor open', async t => {
  // RFC 5737: no machine has this address
  const opening = { address: '192.0.2.1', port: 0, received: () => {}, failed: () => {} };
  const before = openFiles();
  for (let time = 0; time < 50; time += 1) await t.throwsAsync(eventLoop.open(opening), { code: 'EADDRNOTAVAIL' });
  const more = openFiles() - before;
  t.true(more < 25, `${more} more`);
});
