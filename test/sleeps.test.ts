// Rules of the tests themselves: none sleeps, none is random in a way that cannot be replayed, none passes without saying why.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { packageRoot } from '../src/package-root.ts';

/** Where a timer is what the file is about, by folder or file. */
const TIMERS: Readonly<Record<string, string>> = {
  'bench/': 'measures time',
  'soak/': 'lets time pass',
  'support/until.ts': 'the one place that waits',
  'support/boot-client.ts': 'a node that waits as the protocol says',
  'tftp/client.ts': 'a client that sends again',
  'power/bmc.ts': 'a network that is slow',
  'dhcp/events.ts': 'a deadline',
  'iscsi/endless.test.ts': 'a peer that gives up on one that has stopped reading',
  'image/initramfs-looks.test.ts': 'a process that waits for a read without end',
  'lab/boot/power.test.ts': 'somebody who types again and again',
  'process/lock.test.ts': 'the text of a program that holds a lock until it is killed',
  'daemon/service.test.ts': 'the text of a program that warns again and again',
};
/** Where chance decides. */
const CHANCE: Readonly<Record<string, string>> = {
  'bench/': 'spreads load',
  'support/boot-client.ts': 'spreads the waits of many nodes',
};
const PASSES: Readonly<Record<string, string>> = { 'support/require.ts': 'a test that cannot run here' };

const RULES = [
  {
    what: 'a timer',
    pattern: /\b(setTimeout|setInterval)\b/,
    allowed: TIMERS,
    instead: 'wait with until of support/until',
  },
  { what: 'chance', pattern: /\bMath\.random\b/, allowed: CHANCE, instead: 'use randomOf with a seed' },
  { what: 't.pass()', pattern: /\bt\.pass\(/, allowed: PASSES, instead: 'assert what shows that it worked' },
] as const;

const folder = join(packageRoot, 'test');
const files = (readdirSync(folder, { recursive: true }) as string[]).filter(
  name => name.endsWith('.ts') && name !== 'sleeps.test.ts',
);
const linesOf = (name: string): string[] => readFileSync(join(folder, name), 'utf8').split('\n');

for (const { what, pattern, allowed, instead } of RULES)
  test(`${what} stands in no test but those listed: ${instead}`, t => {
    const used = files.filter(name => linesOf(name).some(line => pattern.test(line)));
    const isAllowed = (name: string): boolean => Object.keys(allowed).some(place => name.startsWith(place));
    t.deepEqual(
      used.filter(name => !isAllowed(name)),
      [],
    );
    const unneeded = Object.keys(allowed).filter(place => !used.some(name => name.startsWith(place)));
    t.deepEqual(unneeded, [], 'the list has what is no more');
  });
