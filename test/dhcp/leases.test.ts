// Addresses lent to machines that are no nodes: which one, for how long, to whom; message by message.
import test from 'ava';
import type { Answer, Context } from '../../src/dhcp/answer.ts';
import { Leases } from '../../src/dhcp/leases.ts';
import { Lending } from '../../src/dhcp/lending.ts';
import { AddressProbe, neighbourOf } from '../../src/dhcp/probe.ts';
import { openSqliteStore } from '../../src/store/sqlite-store.ts';
import { temporaryFolder } from '../store/folder.ts';
import { ask, contextOf, directoryOf, FIRMWARE, HEAD, ipHex, message, networksFor, node } from './build.ts';

const DISCOVER = [53, '01'] as const;
const REQUEST = [53, '03'] as const;
const DECLINE = [53, '04'] as const;
const RELEASE = [53, '07'] as const;
const OURS = [54, ipHex(HEAD)] as const;
const A = '52:54:00:00:00:aa';
const B = '52:54:00:00:00:bb';

function world(range = '10.54.0.200-10.54.0.202') {
  const clock = { now: 1_000_000 };
  const networks = networksFor({ 'dhcp.range': range });
  const quarantined = new Set<string>();
  const taken = new Set<string>();
  const rules = {
    now: () => clock.now,
    monotonic: () => clock.now,
    isTaken: (ip: string) => taken.has(ip),
    isQuarantined: (ip: string) => quarantined.has(ip),
  };
  const leases = new Leases(rules);
  const users = new Map<string, string>();
  const saved: string[] = [];
  const lending = new Lending({
    leases,
    save: async changed => void saved.push(...changed.map(({ ip, mac }) => `${ip} ${mac}`)),
    probe: async ip => users.get(ip),
  });
  const context: Context = contextOf({
    networks,
    directory: directoryOf(node),
    leases,
    unknownLeaseSeconds: 600,
    now: () => clock.now,
  });
  /** One message, and what the server does about it; the answer when it is sent. */
  const say = async (mac: string, options: Parameters<typeof message>[1], fields = {}): Promise<Answer | undefined> => {
    const result = ask(message({ mac, ...fields }, options), context);
    if ('refused' in result) return result;
    const outcome = await lending.settle(result.loan, HEAD);
    return outcome.do === 'send' ? result : undefined;
  };
  const lend = async (mac: string): Promise<string> => {
    const offered = await say(mac, [DISCOVER]);
    const ip = offered && 'reply' in offered ? offered.reply.yiaddr : '';
    await say(mac, [REQUEST, OURS, [50, ipHex(ip)]]);
    return ip;
  };
  return { clock, networks, context, leases, lending, users, saved, taken, quarantined, rules, say, lend };
}

const type = (answer: Answer | undefined) =>
  answer && 'reply' in answer ? answer.reply.options.get(53)?.readUInt8(0) : undefined;
const address = (answer: Answer | undefined) => (answer && 'reply' in answer ? answer.reply.yiaddr : undefined);

test('RFC 2131 §4.3.1: a stranger is offered a free address of the range, with lease and settings, and nothing to boot', async t => {
  const { say } = world();
  const offered = await say(A, [DISCOVER, ...FIRMWARE]);
  t.is(type(offered), 2);
  t.is(address(offered), '10.54.0.200');
  if (!offered || !('reply' in offered)) return;
  t.is(offered.reply.options.get(51)?.readUInt32BE(0), 600);
  t.is(offered.reply.options.get(3)?.toString('hex'), ipHex('10.54.0.254'));
  t.deepEqual([offered.reply.file, offered.note, offered.grant, offered.unknown], ['', undefined, undefined, true]);
});

test('RFC 2131 §4.3.1: two strangers are never offered one address; nodes and quarantined addresses are left out', async t => {
  const { say, taken, quarantined } = world();
  taken.add('10.54.0.200');
  t.is(address(await say(A, [DISCOVER])), '10.54.0.201');
  t.is(address(await say(A, [DISCOVER])), '10.54.0.201', 'asked again, the same is offered');
  quarantined.add('10.54.0.202');
  const none = await say(B, [DISCOVER]);
  t.regex(none && 'refused' in none ? none.refused : '', /no address of the range of boot is free/);
});

test('RFC 2131 §4.3.1: the current address comes first, then the former one, then the requested one', async t => {
  const { say, lend, clock } = world('10.54.0.200-10.54.0.250');
  t.is(address(await say(B, [DISCOVER, [50, ipHex('10.54.0.240')]])), '10.54.0.240');
  const ip = await lend(A);
  t.is(address(await say(A, [DISCOVER, [50, ipHex('10.54.0.230')]])), ip);
  clock.now += 700_000;
  t.is(address(await say(A, [DISCOVER])), ip);
  t.not(
    address(await say('52:54:00:00:00:cc', [DISCOVER, [50, ipHex('10.54.0.9')]])),
    '10.54.0.9',
    'outside of the range',
  );
});

test('RFC 2131 §3.1: the lease is saved before the ACK is sent, and an ACK that cannot be saved is not sent', async t => {
  const { say, saved, leases, rules, context } = world();
  await say(A, [DISCOVER]);
  t.deepEqual(saved, [], 'an offer is no lease');
  const granted = await say(A, [REQUEST, OURS, [50, ipHex('10.54.0.200')]]);
  t.is(type(granted), 5);
  t.deepEqual(saved, [`10.54.0.200 ${A}`]);
  t.is(leases.of(A)?.until, 1_600_000);
  const broken = new Lending({
    leases: new Leases(rules),
    save: async () => {
      throw new Error('disk full');
    },
  });
  const again = ask(message({ mac: A, ciaddr: '10.54.0.200' }, [REQUEST]), context);
  t.like(await broken.settle('loan' in again ? again.loan : undefined, HEAD), { do: 'drop', error: true });
});

test('RFC 2131 §4.3.2: SELECTING, INIT-REBOOT, RENEWING; another address is denied, an unknown client is met with silence', async t => {
  const { say, lend, clock, leases } = world();
  const ip = await lend(A);
  clock.now += 300_000;
  t.is(type(await say(A, [REQUEST], { ciaddr: ip })), 5);
  t.is(leases.of(A)?.until, clock.now + 600_000);
  t.is(leases.of(A)?.since, 1_000_000);
  t.is(type(await say(A, [REQUEST, [50, ipHex(ip)]])), 5);
  t.is(type(await say(A, [REQUEST, [50, ipHex('10.54.0.202')]])), 6);
  t.is(type(await say(A, [REQUEST, OURS, [50, ipHex('10.54.0.202')]])), 6);
  t.is(type(await say(B, [REQUEST, [50, ipHex('192.168.7.7')]])), 6, 'on the wrong network');
  const silent = await say(B, [REQUEST, [50, ipHex('10.54.0.202')]]);
  t.true(silent && 'refused' in silent && silent.unknown === true);
});

test('RFC 2131 §3.1 step 4: an offer that was not accepted is free again', async t => {
  const { say } = world('10.54.0.200-10.54.0.200');
  await say(A, [DISCOVER]);
  t.true('refused' in ((await say(B, [DISCOVER])) ?? {}));
  await say(A, [REQUEST, [54, ipHex('10.54.0.77')], [50, ipHex('10.54.0.200')]]);
  t.is(address(await say(B, [DISCOVER])), '10.54.0.200');
});

test('an offer that nobody accepts is free after a minute, and an ended lease when no other address is left', async t => {
  const { say, lend, clock } = world('10.54.0.200-10.54.0.200');
  await say(A, [DISCOVER]);
  clock.now += 61_000;
  t.is(await lend(B), '10.54.0.200');
  clock.now += 599_000;
  t.true('refused' in ((await say(A, [DISCOVER])) ?? {}));
  clock.now += 2000;
  t.is(await lend(A), '10.54.0.200');
  t.is(type(await say(B, [REQUEST], { ciaddr: '10.54.0.200' })), undefined, 'the former holder is nobody here');
});

test('an offer that ran out and became another machine’s lease is denied, and the lease stays', async t => {
  const { say, lend, clock, leases } = world();
  const ip = '10.54.0.200';
  t.is(address(await say(A, [DISCOVER, [50, ipHex(ip)]])), ip);
  clock.now += 61_000;
  t.is(address(await say(B, [DISCOVER, [50, ipHex(ip)]])), ip);
  t.is(type(await say(B, [REQUEST, OURS, [50, ipHex(ip)]])), 5);
  t.is(address(await say(B, [DISCOVER])), ip, 'iPXE asks again');
  t.is(type(await say(A, [REQUEST, OURS, [50, ipHex(ip)]])), 6);
  t.is(type(await say(B, [REQUEST, [50, ipHex(ip)]])), 5, 'INIT-REBOOT');
  t.is(leases.at(ip)?.mac, B);
  t.not(await lend(A), ip);
});

test('a hold is its own machine’s: another’s release leaves it, and one that takes over an ended hold ends it', t => {
  const { leases, clock } = world();
  leases.hold(A, '10.54.0.200');
  clock.now += 61_000;
  leases.hold(B, '10.54.0.200');
  t.is(leases.offeredTo(A), undefined);
  leases.release(A);
  t.is(leases.offeredTo(B), '10.54.0.200');
  t.false(leases.isFreeFor(A, '10.54.0.200'));
  for (let at = 0; at < 1000; at++) {
    clock.now += 61_000;
    leases.hold(`invented ${at}`, '10.54.0.200');
  }
  const { holds, holdOf } = leases as unknown as Record<string, Map<string, unknown>>;
  t.deepEqual([holds?.size, holdOf?.size], [1, 1], 'nothing is kept of those who are gone');
});

test('an ACK never takes an active lease of another machine, and an address being saved is not offered', async t => {
  const { context, leases, rules, lending, say, saved } = world('10.54.0.200-10.54.0.200');
  await say(A, [DISCOVER]);
  const late = ask(message({ mac: A }, [REQUEST, OURS, [50, ipHex('10.54.0.200')]]), context);
  const loan = 'loan' in late ? late.loan : undefined;
  const lease = { ...(loan?.do === 'lend' ? loan.lease : ({} as never)), mac: B };
  leases.put(lease);
  t.like(await lending.settle(loan, HEAD), { do: 'drop' });
  t.deepEqual(saved, []);
  t.is(leases.at('10.54.0.200')?.mac, B);
  const fresh = new Leases(rules);
  let isFree = true;
  const save = async () => {
    isFree = fresh.isFreeFor(B, '10.54.0.200');
  };
  t.deepEqual(await new Lending({ leases: fresh, save }).settle(loan, HEAD), { do: 'send' });
  t.false(isFree);
});

test('RFC 2131 §4.3.3 and §4.3.4: DECLINE and RELEASE end the lease; the released address stays the first choice', async t => {
  const { say, lend, leases, saved } = world();
  const ip = await lend(A);
  const declined = await say(A, [DECLINE, OURS, [50, ipHex(ip)]]);
  t.is(declined && 'accepted' in declined ? declined.inUse : undefined, ip);
  t.false(leases.isLiving(leases.of(A) ?? ({ until: Infinity } as never)));
  const other = await lend(B);
  await say(B, [RELEASE, OURS], { ciaddr: other });
  t.is(leases.of(B)?.until, 1_000_000);
  t.is(saved.length, 4);
  t.is(address(await say(B, [DISCOVER])), other);
  const foreign = await say(B, [DECLINE, OURS, [50, ipHex('10.54.0.9')]]);
  t.true(foreign && 'refused' in foreign, 'an address that was not lent is nobody’s to decline');
});

test('RFC 2131 §2.2: an address that another machine answers from is not offered, its own machine’s is', async t => {
  const { context, lending, users, say } = world();
  users.set('10.54.0.200', '52:54:00:00:00:77');
  const result = ask(message({ mac: A }, [DISCOVER]), context);
  t.deepEqual(await lending.settle('loan' in result ? result.loan : undefined, HEAD), {
    do: 'again',
    ip: '10.54.0.200',
    user: '52:54:00:00:00:77',
  });
  users.set('10.54.0.200', A);
  users.set('10.54.0.201', A);
  t.truthy(address(await say(A, [DISCOVER])));
});

test('a flood of invented hardware addresses takes a bounded number of addresses', async t => {
  const { say, leases, clock } = world('10.54.0.2-10.54.0.254');
  let offers = 0;
  for (let at = 0; at < 200; at++) {
    const mac = `52:54:01:00:00:${at.toString(16).padStart(2, '0')}`;
    if (address(await say(mac, [DISCOVER])) !== undefined) offers += 1;
  }
  t.is(offers, 64);
  t.is(leases.all().length, 0);
  clock.now += 1000;
  t.truthy(address(await say('52:54:02:00:00:01', [DISCOVER])));
});

test('a machine that became a node is answered as a node; its lent address is denied', async t => {
  const { say, lend, context } = world();
  const ip = await lend(A);
  context.directory = directoryOf({ ...node, mac: A });
  t.is(type(await say(A, [REQUEST], { ciaddr: ip })), 6);
  t.is(address(await say(A, [DISCOVER])), node.ip);
});

test('without a range strangers are refused as ever; behind a relay its own network’s range is meant', async t => {
  const { context } = world('');
  t.true('refused' in ask(message({ mac: A }, [DISCOVER]), context));
  const config = { networks: [{ name: 'rack2', subnet: '10.56.0.0/24', range: '10.56.0.9-10.56.0.12' }] };
  const far = { ...context, networks: networksFor(config) };
  const relayed = ask(message({ mac: A, giaddr: '10.56.0.254' }, [DISCOVER, [82, '010107']]), far);
  t.is(address(relayed), '10.56.0.9');
  t.true('refused' in ask(message({ mac: A }, [DISCOVER]), far));
});

test('leases survive a restart: saved ones stay lent, and moved ones are not lent twice', async t => {
  const folder = temporaryFolder(t);
  const store = await openSqliteStore(folder);
  const { leases, rules, lend, clock } = world();
  const first = await lend(A);
  await lend(B);
  const rows = () => leases.all().map(lease => ({ ip: lease.ip, body: JSON.stringify(lease) }));
  await store.saveLeases(rows());
  clock.now += 1000;
  leases.put({ ...(leases.of(A) ?? ({} as never)), ip: '10.54.0.202', renewed: clock.now });
  await store.saveLeases(rows());
  await store.close();
  const again = await openSqliteStore(folder);
  const loaded = new Leases(
    rules,
    (await again.loadLeases()).map(({ body }) => JSON.parse(body)),
  );
  await again.close();
  t.is(loaded.of(A)?.ip, '10.54.0.202');
  t.is(loaded.at(first), undefined);
  t.is(loaded.of(B)?.ip, '10.54.0.201');
});

test('the table of neighbours: complete entries count, others do not', t => {
  const table = `IP address       HW type     Flags       HW address            Mask     Device
10.54.0.20       0x1         0x2         52:54:00:54:00:09     *        eth0
10.54.0.2        0x1         0x0         00:00:00:00:00:00     *        eth0
10.54.0.21       0x1         0x0         52:54:00:54:00:10     *        eth0
`;
  t.is(neighbourOf(table, '10.54.0.20'), '52:54:00:54:00:09');
  for (const ip of ['10.54.0.2', '10.54.0.21', '10.54.0.22']) t.is(neighbourOf(table, ip), undefined, ip);
});

test('an address is in use when its machine says that the port is closed, or the kernel knows a neighbour by it', async t => {
  const far = new AddressProbe(async () => '');
  t.is(await far.user('127.0.0.9', '127.0.0.1'), 'somebody', 'as behind a router: all of 127.0.0.0/8 is this machine');
  const near = new AddressProbe(async () => '127.0.0.9 0x1 0x2 52:54:00:54:00:09 * eth0\n');
  t.is(await near.user('127.0.0.9', '127.0.0.1'), '52:54:00:54:00:09');
});

test('a neighbour that the kernel knew before the datagram proves nothing; one that it learns, or that changes, does', async t => {
  // The kernel sends nothing from a loopback address to one of TEST-NET-1
  const entry = (mac: string) => `192.0.2.9 0x1 0x2 ${mac} * eth0\n`;
  const user = async (...tables: string[]) => {
    const last = tables.at(-1) ?? '';
    return new AddressProbe(async () => tables.shift() ?? last).user('192.0.2.9', '127.0.0.1');
  };
  t.is(await user(entry(A)), undefined, 'STALE');
  t.is(await user('', entry(A)), A);
  t.is(await user('192.0.2.9 0x1 0x0 00:00:00:00:00:00 * eth0\n', entry(A)), A);
  t.is(await user(entry(A), entry(B)), B);
});

test('a range must lie in its network, and nodes are placed outside of it', t => {
  t.false(networksFor({ 'dhcp.range': '10.54.0.200-10.54.0.210' }).ofRange('10.54.0.205') === undefined);
  t.true(networksFor({ 'dhcp.range': '10.54.0.200-10.54.0.210' }).ofRange('10.54.0.211') === undefined);
  t.is(networksFor({ 'dhcp.range': '10.54.0.200-10.54.0.210' }).ofRange('10.54.0.210')?.name, 'boot');
});

test('a copy of the leases says what would be chosen, and whatever is done to it changes nothing', async t => {
  const { leases, networks, lend } = world('10.54.0.200-10.54.0.250');
  await lend(A);
  leases.hold(B, '10.54.0.201');
  const before = JSON.stringify(leases.all());
  const copy = leases.copy();
  t.is(copy.offeredTo(B), '10.54.0.201');
  t.false(copy.isFreeFor('52:54:00:00:00:01', '10.54.0.201'), 'what is held for another is held there too');
  // More than the strangers' allowance: it is spent there, not here.
  for (let number = 1; number <= 100; number++) {
    const mac = `52:54:00:00:01:${number.toString(16).padStart(2, '0')}`;
    const ip = copy.choose(mac, networks.all, undefined);
    if (number === 100) t.is(ip, 'wait');
    if (ip !== undefined && ip !== 'wait') copy.hold(mac, ip);
  }
  t.is(JSON.stringify(leases.all()), before);
  const fresh = '52:54:00:00:02:01';
  t.is(leases.choose(fresh, networks.all, undefined), '10.54.0.202', 'neither cursor nor allowance moved');
});

test('a RELEASE or DECLINE that comes while a renewal is being saved ends the lease, in memory as on disk', async t => {
  for (const end of ['release', 'decline'] as const) {
    const { leases, clock } = world();
    const lease = {
      ...{ ip: '10.54.0.200', mac: A, network: 'boot', hostname: '', vendor: '' },
      ...{ since: clock.now, renewed: clock.now, until: clock.now + 600_000 },
    };
    leases.put({ ...lease, until: clock.now + 300_000 });
    const disk = new Map<string, number>();
    const waiting: (() => void)[] = [];
    const lending = new Lending({
      leases,
      save: async ([saved]) =>
        new Promise(resolve => {
          waiting.push(() => {
            if (saved) disk.set(saved.ip, saved.until);
            resolve();
          });
        }),
    });
    const renewed = lending.settle({ do: 'lend', lease }, HEAD);
    const ended = lending.settle({ do: 'return', lease: { ...lease, until: clock.now } }, HEAD);
    for (const write of waiting) write();
    t.like(await renewed, { do: 'drop' }, `no ACK behind a ${end}`);
    t.deepEqual(await ended, { do: 'send' });
    t.false(leases.isLiving(leases.of(A) ?? lease));
    t.is(disk.get(lease.ip), clock.now);
  }
});

test('setting the wall clock ends no lease and prolongs none; stored times follow', async t => {
  const wall = { now: 60_000 };
  const monotonic = { now: 0 };
  const rules = {
    now: () => wall.now,
    monotonic: () => monotonic.now,
    isTaken: () => false,
    isQuarantined: () => false,
  };
  const fields = { network: 'boot', hostname: '', vendor: '' };
  // A head without a battery starts in 1970: what it stored in 2026 must not be lent for decades
  const then = Date.UTC(2026, 0, 1);
  const stored = {
    ...{ ...fields, ip: '10.54.0.200', mac: A },
    ...{ since: then, renewed: then, until: then + 600_000 },
  };
  const leases = new Leases(rules, [stored]);
  leases.put({ ...fields, ip: '10.54.0.201', mac: B, since: 60_000, renewed: 60_000, until: 660_000 });
  const living = (mac: string): boolean => leases.isLiving(leases.of(mac) ?? stored);
  monotonic.now += 300_000;
  wall.now = then + 7 * 86_400_000;
  t.deepEqual([living(A), living(B)], [true, true], 'set by NTP');
  t.false(leases.isFreeFor(A, '10.54.0.201'));
  t.deepEqual(
    leases.clockWasSet().map(({ ip, renewed, until }) => [ip, renewed - wall.now, until - wall.now]),
    [
      ['10.54.0.200', -300_000, 300_000],
      ['10.54.0.201', -300_000, 300_000],
    ],
  );
  monotonic.now += 300_000;
  t.deepEqual([living(A), living(B)], [false, false], 'nobody is left with a lease beyond its term');
  wall.now = 0;
  t.deepEqual([living(A), living(B)], [false, false], 'set back');
});
