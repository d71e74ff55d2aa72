// Messages without end, from any number of clients, as large and as awkward as they can be: memory and work stay bounded.
import test from 'ava';
import { Leases } from '../../src/dhcp/leases.ts';
import { Lending } from '../../src/dhcp/lending.ts';
import { Loop } from '../../src/dhcp/loop.ts';
import { decode } from '../../src/dhcp/packet.ts';
import type { DhcpOptions } from '../../src/dhcp/ports.ts';
import { AddressProbe } from '../../src/dhcp/probe.ts';
import { Quarantine } from '../../src/dhcp/quarantine.ts';
import { readRequest } from '../../src/dhcp/request.ts';
import { silentLog } from '../../src/log.ts';
import { WireError } from '../../src/wire/reader.ts';
import { retained } from '../support/retained.ts';
import { contextOf, FIRMWARE, HEAD, ipHex, message, networksFor } from './build.ts';

/** What a datagram of UDP holds, in bytes. */
const MOST = 65_507;
const DISCOVER = [53, '01'] as const;
const REQUEST = [53, '03'] as const;
const DECLINE = [53, '04'] as const;
const RELEASE = [53, '07'] as const;
const OURS = [54, ipHex(HEAD)] as const;

const macOf = (number: number): string =>
  `52:54:${[number >> 24, number >> 16, number >> 8, number].map(part => (part & 255).toString(16).padStart(2, '0')).join(':')}`;

test.serial('decoder: the largest messages that are made of one awkward option are read in one pass', t => {
  // A decoder whose time grew with the square would need hours for these, and the test would be ended
  const head = message({}, []).subarray(0, 240);
  const pieces = [
    '00',
    '5200',
    '520101',
    '3700',
    '3d0161',
    '34010335010101',
    'af0400010203',
    '2b02ff00',
    '0104ffffff00',
  ];
  let read = 0;
  for (const piece of pieces) {
    const bytes = Buffer.from(piece, 'hex');
    const datagram = Buffer.concat([head, Buffer.alloc(MOST - head.length, bytes)]);
    for (let round = 0; round < 20; round += 1) {
      try {
        readRequest(decode(datagram));
        read += 1;
      } catch (error) {
        if (!(error instanceof WireError)) throw error;
      }
    }
  }
  t.true(read <= pieces.length * 20);
});

function world() {
  const clock = { now: 1e12, monotonic: 0 };
  const networks = networksFor({ 'dhcp.range': '10.54.0.2-10.54.0.254' });
  const quarantine = new Quarantine(() => clock.monotonic);
  const leases = new Leases({
    now: () => clock.now,
    monotonic: () => clock.monotonic,
    isTaken: () => false,
    isQuarantined: ip => quarantine.secondsLeft(ip) > 0,
  });
  const seen = { saved: 0, sent: 0, unknown: 0 };
  const { config: _config, ...context } = contextOf({ networks });
  const options: DhcpOptions = {
    ...context,
    config: {
      'http.port': 80,
      'dhcp.mode': 'authoritative',
      'dhcp.leasequery': [HEAD],
      'dhcp.unknown_lease_seconds': 60,
    },
    journey: { note: () => {} },
    log: silentLog(),
    loaders: context.loaders,
    quarantine,
    now: () => clock.now,
    monotonic: () => clock.monotonic,
    seen: () => {
      seen.unknown += 1;
    },
    lending: {
      leases,
      isOn: () => true,
      save: async () => {
        seen.saved += 1;
      },
    },
  } as DhcpOptions;
  const loop = new Loop(options, (_from, _bytes, _port, _address, done) => {
    seen.sent += 1;
    done(null);
  });
  const door = { network: networks.main, broadcast: true, port: 'server' } as const;
  const peer = { address: '0.0.0.0', port: 68, family: 'IPv4', size: 0 } as const;
  return { clock, leases, seen, receive: (bytes: Buffer) => loop.receive(bytes, peer, door) };
}

test.serial('server: machines without number that ask, take, give back and decline leave a bounded memory', async t => {
  const { clock, leases, seen, receive } = world();
  let number = 0;
  const left = await retained(async () => {
    for (let round = 0; round < 8000; round += 1) {
      const mac = macOf(number++);
      const ip = ipHex(`10.54.0.${2 + (number % 250)}`);
      receive(message({ mac }, [DISCOVER, ...FIRMWARE, [12, Buffer.alloc(200, 'x')], [60, Buffer.alloc(250, 'y')]]));
      receive(message({ mac }, [REQUEST, OURS, [50, ip]]));
      receive(message({ mac }, [DECLINE, OURS, [50, ip]]));
      receive(message({ mac, ciaddr: `10.54.0.${2 + (number % 250)}` }, [RELEASE, OURS]));
      receive(
        message({ mac, giaddr: `10.54.0.${number % 250}` }, [
          [53, '0a'],
          [61, Buffer.alloc(250, number % 256)],
        ]),
      );
      clock.monotonic += 20;
      clock.now += 20;
      if (round % 100 === 0) await new Promise(resolve => setImmediate(resolve));
    }
  });
  t.true(left < 3_000_000, `${left} bytes left`);
  t.true(leases.all().length <= 253);
  t.true(seen.unknown > 1000, 'the messages were read');
});

test.serial('leases: for any client, the search for an address is bounded by the range and the allowance', t => {
  let asked = 0;
  const clock = { now: 0 };
  const networks = networksFor({
    'head.address': '10.54.0.1/16',
    'dhcp.router': '',
    'dhcp.range': '10.54.1.0-10.54.254.255',
  });
  const size = 254 * 256;
  const leases = new Leases({
    now: () => clock.now,
    monotonic: () => clock.now,
    isTaken: () => {
      asked += 1;
      return true;
    },
    isQuarantined: () => false,
  });
  for (let number = 0; number < 10_000; number += 1) leases.choose(macOf(number), networks.all, undefined);
  t.true(asked <= 64 * size, `${asked} addresses looked at for 10,000 machines in one moment`);
});

test.serial(
  'lending: a store that hangs holds one lease of each machine and one end of it, however often they ask',
  async t => {
    const leases = new Leases({ now: () => 0, monotonic: () => 0, isTaken: () => false, isQuarantined: () => false });
    let waiting = 0;
    const lending = new Lending({
      leases,
      save: async () => {
        waiting += 1;
        return new Promise(() => {});
      },
    });
    const lease = {
      ...{ ip: '10.54.0.200', mac: macOf(1), network: 'boot', hostname: '', vendor: '' },
      ...{ since: 0, renewed: 0, until: 60_000 },
    };
    const outcomes = [];
    for (let round = 0; round < 10_000; round += 1) {
      void lending.settle({ do: 'return', lease: { ...lease, until: 0 } }, HEAD);
      outcomes.push(lending.settle({ do: 'lend', lease }, HEAD));
    }
    t.is(waiting, 2);
    t.like(await outcomes.at(-1), { do: 'drop', reason: 'the lease of 10.54.0.200 is being saved' });
  },
);

test.serial('probe: beyond a number of addresses at a time the others are taken for unused, at once', async t => {
  let reading = 0;
  let most = 0;
  const probe = new AddressProbe(async () => {
    reading += 1;
    most = Math.max(most, reading);
    await new Promise(resolve => setImmediate(resolve));
    reading -= 1;
    return '';
  });
  // The kernel sends nothing from a loopback address to one of TEST-NET-1
  const users = await Promise.all(Array.from({ length: 5000 }, async () => probe.user('192.0.2.9', '127.0.0.1')));
  t.true(users.every(user => user === undefined));
  t.is(most, 1, 'one reading of the table serves all');
  t.is((probe as unknown as { running: number }).running, 0);
});

test.serial('quarantine: addresses that are no longer declined are forgotten', t => {
  const clock = { now: 0 };
  const quarantine = new Quarantine(() => clock.now);
  for (let number = 0; number < 100_000; number += 1) {
    quarantine.enter(`address ${number}`);
    clock.now += 1000;
  }
  t.true((quarantine as unknown as { addresses: Map<string, unknown> }).addresses.size <= 3601);
});
