import test from 'ava';
import type { Answer } from '../../src/dhcp/answer.ts';
import { OPTIONS } from '../../src/dhcp/options.ts';
import { decode, encode } from '../../src/dhcp/packet.ts';
import {
  ask,
  captured,
  contextOf,
  directoryOf,
  FIRMWARE,
  HEAD,
  IPXE,
  ipHex,
  MAC,
  message,
  NODE_IP,
  networksFor,
  node,
  replyTo,
} from './build.ts';

const DISCOVER = [53, '01'] as const;
const REQUEST = [53, '03'] as const;
const DECLINE = [53, '04'] as const;
const RELEASE = [53, '07'] as const;
const INFORM = [53, '08'] as const;
const OURS = [54, ipHex(HEAD)] as const;
const WANTED = [50, ipHex(NODE_IP)] as const;
const OTHER = '10.54.0.9';

function option(result: Extract<Answer, { reply: unknown }>, code: number): string | undefined {
  return result.reply.options.get(code)?.toString('hex');
}

const type = (result: Extract<Answer, { reply: unknown }>) => result.reply.options.get(53)?.readUInt8(0);
const OFFERED = 2;
const ACKED = 5;
const DENIED = 6;

test("RFC 2131 §4.3.1: a DISCOVER is offered the node's address, with lease time, server identifier and mask", t => {
  const result = replyTo(message({}, [DISCOVER]));
  t.is(type(result), OFFERED);
  t.is(result.reply.yiaddr, NODE_IP);
  t.is(option(result, 51), '00000e10');
  t.is(option(result, 54), ipHex(HEAD));
  t.is(option(result, 1), 'ffffff00');
  t.is(option(result, 58), '00000708');
  t.is(option(result, 59), '00000c4e');
});

test('an address that the configuration gives to a router is no longer offered to a node', t => {
  const result = ask(message({}, [DISCOVER]), contextOf({ networks: networksFor({ 'dhcp.router': NODE_IP }) }));
  t.true('refused' in result && /is the router of the network boot; give the node another/.test(result.refused));
});

test("RFC 2131 §4.3.1 table 3: xid, flags, giaddr and chaddr are the client's; hops, secs and ciaddr are zero", t => {
  const { reply } = replyTo(
    message({ xid: '01020304', secs: '0009', hops: 3, flags: '8000', giaddr: '10.54.0.7' }, [DISCOVER]),
  );
  t.deepEqual(
    [reply.op, reply.xid, reply.flags, reply.giaddr, reply.hops, reply.secs, reply.ciaddr],
    [2, 0x01020304, 0x8000, '10.54.0.7', 0, 0, '0.0.0.0'],
  );
  t.is(reply.chaddr.toString('hex', 0, 6), MAC.replaceAll(':', ''));
});

test('RFC 2131 §4.3.1 table 3: an OFFER has no requested address, parameter list or maximum size', t => {
  const result = replyTo(message({}, [DISCOVER, WANTED, [55, '0103325739'], [57, '05dc']]));
  for (const code of [50, 55, 57]) t.is(option(result, code), undefined);
});

test('RFC 2131 §4.3.1: another requested address does not move a node from its own', t => {
  t.is(replyTo(message({}, [DISCOVER, [50, ipHex('10.54.0.55')]])).reply.yiaddr, NODE_IP);
});

test('RFC 2131 §4.3.1: without a parameter list the reply has all settings, with one only those it names', t => {
  const all = replyTo(message({}, [DISCOVER]));
  t.is(option(all, 3), ipHex('10.54.0.254'));
  t.is(option(all, 6), ipHex('10.54.0.1') + ipHex('10.54.0.2'));
  t.is(all.reply.options.get(12)?.toString(), 'n0');
  t.is(all.reply.options.get(15)?.toString(), 'cluster.local');
  t.is(option(all, 28), ipHex('10.54.0.255'));
  const some = replyTo(message({}, [DISCOVER, [55, '010f']]));
  t.deepEqual(
    [3, 6, 12, 15, 28].map(code => some.reply.options.has(code)),
    [false, false, false, true, false],
  );
});

test('RFC 2132 §3.3: the subnet mask comes before the router', t => {
  const codes = [...replyTo(message({}, [DISCOVER, [55, '0301']])).reply.options.keys()];
  t.true(codes.indexOf(1) < codes.indexOf(3));
});

test("RFC 2131 §4.3.2 SELECTING: our server identifier and the node's address are acknowledged", t => {
  const result = replyTo(message({}, [REQUEST, OURS, WANTED]));
  t.is(type(result), ACKED);
  t.is(result.reply.yiaddr, NODE_IP);
  t.is(option(result, 51), '00000e10');
});

test("RFC 2131 §4.3.2 SELECTING: an address that is not the node's is denied", t => {
  const result = replyTo(message({}, [REQUEST, OURS, [50, ipHex(OTHER)]]));
  t.is(type(result), DENIED);
  t.regex(result.text, /10\.54\.0\.9 is not the address of n0/);
});

test("RFC 2131 §4.3.2 SELECTING: 'ciaddr' MUST be zero", t => {
  const result = ask(message({ ciaddr: NODE_IP }, [REQUEST, OURS, WANTED]));
  t.true('refused' in result && /ciaddr/.test(result.refused));
});

test("RFC 2131 §3.1 step 4: another server's identifier gets no answer, and the administrator is warned", t => {
  const request = [REQUEST, [54, ipHex(OTHER)], WANTED] as const;
  const result = ask(message({}, [...request, ...FIRMWARE]));
  t.true('refused' in result);
  if (!('refused' in result)) return;
  t.is(result.refused, 'n0: the client took the offer of 10.54.0.9');
  t.is(result.level, 'warn');
  t.is(result.note?.stage, 'addressed');
  t.regex(result.note?.error ?? '', /another DHCP server/);
  t.is(ask(message({}, [...request])).note, undefined);
});

test('RFC 2131 §4.3.2 INIT-REBOOT: the right address is acknowledged, a wrong one or a wrong network denied', t => {
  t.is(type(replyTo(message({}, [REQUEST, WANTED]))), ACKED);
  const wrong = replyTo(message({}, [REQUEST, [50, ipHex(OTHER)]]));
  const elsewhere = replyTo(message({}, [REQUEST, [50, ipHex('192.168.1.5')]]));
  t.deepEqual([type(wrong), type(elsewhere)], [DENIED, DENIED]);
  t.regex(elsewhere.text, /192\.168\.1\.5 is no address of this network/);
});

test('RFC 2131 §4.3.2 INIT-REBOOT: a server without record of the client MUST remain silent', t => {
  const result = ask(message({ mac: '52:54:00:00:00:99' }, [REQUEST, [50, ipHex('192.168.1.5')]]));
  t.true('refused' in result && result.unknown === true && result.level === 'info');
});

test("RFC 2131 §4.3.2 RENEWING and REBINDING: the node's own address is acknowledged, to that address", t => {
  const result = replyTo(message({ ciaddr: NODE_IP }, [REQUEST]));
  t.is(type(result), ACKED);
  t.deepEqual([result.reply.ciaddr, result.reply.yiaddr], [NODE_IP, NODE_IP]);
  t.deepEqual(result.destination, { address: NODE_IP, to: 'client' });
});

test("RFC 2131 §4.3.2 RENEWING: an address that is no longer the node's is denied, so that the change is in force", t => {
  const context = contextOf({ directory: directoryOf({ ...node, ip: '10.54.0.200' }) });
  t.is(type(replyTo(message({ ciaddr: NODE_IP }, [REQUEST]), context)), DENIED);
  t.is(replyTo(message({}, [DISCOVER]), context).reply.yiaddr, '10.54.0.200');
});

test('RFC 2131 §4.3.2 RENEWING: a requested address MUST NOT be filled in; the same one, which dhcping sends, does no harm', t => {
  t.true('refused' in ask(message({ ciaddr: NODE_IP }, [REQUEST, [50, ipHex('10.54.0.9')]])));
  t.is(replyTo(message({ ciaddr: NODE_IP }, [REQUEST, WANTED])).reply.yiaddr, NODE_IP);
});

test('a REQUEST that names no address at all means the only one there is', t => {
  t.is(replyTo(message({}, [REQUEST])).reply.yiaddr, NODE_IP);
});

test('RFC 2131 §4.3.2: a NAK has no address, no lease and no settings, and says why', t => {
  const { reply } = replyTo(message({}, [REQUEST, [50, ipHex(OTHER)], [61, '01aa']]));
  t.deepEqual([reply.yiaddr, reply.ciaddr, reply.siaddr, reply.file], ['0.0.0.0', '0.0.0.0', '0.0.0.0', '']);
  t.deepEqual(
    [...reply.options.keys()].sort((a, b) => a - b),
    [53, 54, 56, 61],
  );
});

test('RFC 2131 §4.3.2: a NAK is broadcast; behind a relay it goes there with the broadcast bit set', t => {
  const direct = replyTo(message({ ciaddr: OTHER }, [REQUEST]));
  t.deepEqual(direct.destination, { address: '255.255.255.255', to: 'client' });
  const relayed = replyTo(message({ giaddr: '10.54.0.7' }, [REQUEST, [50, ipHex(OTHER)]]));
  t.deepEqual(relayed.destination, { address: '10.54.0.7', to: 'relay' });
  t.is(relayed.reply.flags, 0x8000);
});

test('RFC 2131 §4.3.3: a DECLINE is not answered; the log names the node and the address that it could not use', t => {
  const result = ask(message({}, [DECLINE, OURS, WANTED]));
  t.true('accepted' in result);
  if (!('accepted' in result)) return;
  t.is(result.level, 'warn');
  t.regex(result.accepted, /n0 declined 10\.54\.0\.100: another machine/);
  t.is(result.note?.node, 'u0');
});

test("RFC 2131 §4.3.4: a RELEASE is not answered; the node's address stays its own", t => {
  t.true('accepted' in ask(message({ ciaddr: NODE_IP }, [RELEASE, OURS])));
  t.is(replyTo(message({}, [DISCOVER])).reply.yiaddr, NODE_IP);
});

test('DECLINE and RELEASE that mean another server change nothing here', t => {
  for (const message_ of [DECLINE, RELEASE]) {
    t.true('refused' in ask(message({}, [message_, [54, ipHex(OTHER)], WANTED])));
  }
  t.true('refused' in ask(message({}, [DECLINE, WANTED])));
  const unnamed = ask(message({ ciaddr: NODE_IP }, [RELEASE]));
  t.true('accepted' in unnamed, 'systemd-networkd releases without an identifier');
});

test("RFC 2131 §4.3.5: INFORM is acknowledged to 'ciaddr', without lease time and 'yiaddr'", t => {
  const result = replyTo(message({ ciaddr: NODE_IP, giaddr: '10.54.0.7' }, [INFORM]));
  t.is(type(result), ACKED);
  t.deepEqual(result.destination, { address: NODE_IP, to: 'client' });
  t.is(result.reply.yiaddr, '0.0.0.0');
  for (const code of [51, 58, 59]) t.is(option(result, code), undefined);
  t.is(option(result, 1), 'ffffff00');
  t.is(result.grant, undefined);
});

test('RFC 2131 §4.3.5: INFORM without an address of this network is refused', t => {
  for (const ciaddr of ['0.0.0.0', '192.168.1.1', '10.54.0.255', '10.54.0.0'])
    t.true('refused' in ask(message({ ciaddr }, [INFORM])));
});

test('RFC 2131 §4.1: where an OFFER or ACK goes', t => {
  const to = (fields: object) => replyTo(message(fields, [DISCOVER])).destination;
  t.deepEqual(to({ giaddr: '10.54.0.7', flags: '8000' }), { address: '10.54.0.7', to: 'relay' });
  t.deepEqual(to({ giaddr: '10.54.0.7', ciaddr: NODE_IP }), { address: '10.54.0.7', to: 'relay' });
  t.deepEqual(to({ ciaddr: NODE_IP, flags: '8000' }), { address: NODE_IP, to: 'client' });
  t.deepEqual(to({ flags: '8000' }), { address: '255.255.255.255', to: 'client' });
  t.deepEqual(to({}), { address: '255.255.255.255', to: 'client' });
});

test('RFC 6842 §3: the client identifier is returned unaltered in OFFER, ACK and NAK', t => {
  const id = [61, '01525400540001'] as const;
  for (const options of [[DISCOVER], [REQUEST, WANTED], [REQUEST, [50, ipHex(OTHER)]]] as const) {
    t.is(option(replyTo(message({}, [...options, id])), 61), id[1]);
    t.is(option(replyTo(message({}, [...options])), 61), undefined);
  }
});

test('RFC 3046 §2.2: relay agent information is returned in every reply', t => {
  for (const options of [[DISCOVER], [REQUEST, WANTED], [REQUEST, [50, ipHex(OTHER)]]] as const) {
    const { reply } = replyTo(message({ giaddr: '10.54.0.7' }, [...options, [82, '010107']]));
    t.is(
      encode(reply, 548)
        .toString('hex')
        .replace(/(00)*$/, '')
        .slice(-12),
      '5203010107ff',
    );
  }
});

test('RFC 4578 §2.3: the machine identifier is returned', t => {
  const id = [97, `00${'ab'.repeat(16)}`] as const;
  t.is(option(replyTo(message({}, [DISCOVER, ...FIRMWARE, id])), 97), id[1]);
  t.is(option(replyTo(message({}, [REQUEST, WANTED, ...FIRMWARE, id])), 97), id[1]);
});

test('a client keeps its address under another client identifier: the system after its firmware', t => {
  t.is(replyTo(message({}, [DISCOVER, ...FIRMWARE])).reply.yiaddr, NODE_IP);
  t.is(replyTo(message({}, [DISCOVER, [61, 'ff00000001']])).reply.yiaddr, NODE_IP);
});

test('a running system gets no boot file, no note and no grant', t => {
  const result = replyTo(
    captured('udhcpc-request').fill(0x01, 33, 34),
    contextOf({ directory: directoryOf({ ...node, ip: '10.54.0.129' }) }),
  );
  t.is(type(result), ACKED);
  t.deepEqual(
    [result.reply.file, result.reply.siaddr, option(result, 67), option(result, 66)],
    ['', '0.0.0.0', undefined, undefined],
  );
  t.deepEqual([result.note, result.grant, result.level], [undefined, undefined, 'debug']);
});

test('firmware that loads by TFTP gets next server and file, and no PXE extensions', t => {
  const offer = replyTo(message({}, [DISCOVER, ...FIRMWARE]));
  t.deepEqual([offer.reply.siaddr, offer.reply.file], [HEAD, 'snponly.efi']);
  t.deepEqual(
    [60, 43, 66, 67, 175].map(code => option(offer, code)),
    [undefined, undefined, undefined, undefined, undefined],
  );
  t.deepEqual(offer.note, {
    stage: 'offered',
    mac: MAC,
    node: 'u0',
    detail: 'x64 UEFI (7): snponly.efi',
    arch: 'efi64',
    loader: 'snponly.efi',
  });
  t.is(offer.grant, undefined);
  const ack = replyTo(message({}, [REQUEST, OURS, WANTED, ...FIRMWARE]));
  t.is(ack.note?.stage, 'addressed');
  t.deepEqual(ack.grant, { node: 'u0', mac: MAC, kind: 'firmware' });
});

test('the card that iPXE boots from is read from its options; unreadable data counts as absent', t => {
  const cardOf = (encapsulated: string): string | undefined =>
    replyTo(message({}, [REQUEST, OURS, WANTED, ...FIRMWARE, [175, encapsulated]])).note?.card;
  t.is(cardOf('eb0401020304b105011af41000'), 'pci 1af4:1000');
  for (const bad of ['b105021af41000', 'b104011af410', 'b105011af4', 'b1', '', 'ff00'])
    t.is(cardOf(bad), undefined, bad);
});

test('firmware that asks for options 66 and 67 gets them too, the name with its NUL', t => {
  const offer = replyTo(message({}, [DISCOVER, ...FIRMWARE, [55, '014243']]));
  t.is(offer.reply.options.get(66)?.toString(), HEAD);
  t.is(offer.reply.options.get(67)?.toString(), 'snponly.efi\0');
});

test('UEFI 2.10 §24.7.3: HTTP boot gets the class HTTPClient and the URL as option 67', t => {
  const { reply } = replyTo(
    message({}, [DISCOVER, [93, '0010'], [60, Buffer.from('HTTPClient:Arch:00016:UNDI:003000')]]),
  );
  t.is(reply.options.get(60)?.toString(), 'HTTPClient');
  t.is(reply.options.get(67)?.toString(), 'http://10.54.0.1:8080/boot/v1/loader/ipxe.efi');
});

test('iPXE gets its script, and the option not to wait for ProxyDHCP', t => {
  const ack = replyTo(message({}, [REQUEST, OURS, WANTED, ...IPXE]));
  t.is(ack.reply.file, 'http://10.54.0.1:8080/boot/v1/script');
  t.is(option(ack, 175), 'b00101');
  t.is(ack.note?.stage, 'ipxe');
  t.deepEqual(ack.grant, { node: 'u0', mac: MAC, kind: 'ipxe' });
  t.is(replyTo(message({}, [DISCOVER, ...IPXE])).note, undefined);
});

test('a boot file too long for its field is sent as option 67', t => {
  const long = `/l/${'x'.repeat(130)}.efi`;
  const { reply } = replyTo(message({}, [DISCOVER, ...FIRMWARE]), contextOf({ loaders: { efi64: long } }));
  t.is(reply.file, '');
  t.is(reply.options.get(67)?.toString(), `${long.slice(3)}\0`);
});

test('_boot_loader=grub: GRUB instead of iPXE, also for iPXE in a ROM; refused with the remedy where there is none', t => {
  const directory = directoryOf({ ...node, loader: 'grub' });
  const served = new Map([['grub-x86_64.efi', '/l/grub-x86_64.efi']]);
  const context = contextOf({ directory, served });
  const offered = replyTo(message({}, [DISCOVER, ...FIRMWARE]), context);
  t.is(offered.reply.file, 'grub-x86_64.efi');
  t.like(offered.note, { loader: 'grub-x86_64.efi', loaderWanted: true });
  const url = 'http://10.54.0.1:8080/boot/v1/loader/grub-x86_64.efi';
  t.is(replyTo(message({}, [DISCOVER, ...IPXE]), context).reply.file, url);
  const result = ask(message({}, [DISCOVER, ...FIRMWARE]), contextOf({ directory }));
  t.regex(
    'refused' in result ? result.refused : '',
    /there is no GRUB for this firmware: x64 UEFI \(7\); install GRUB's modules/,
  );
});

test('firmware without a loader is refused before it has an address, with the remedy', t => {
  const result = ask(message({}, [DISCOVER, ...FIRMWARE]), contextOf({ loaders: {} }));
  t.true('refused' in result);
  if (!('refused' in result)) return;
  t.regex(result.refused, /n0: there is no loader.*x64 UEFI \(7\).*loaders\.efi64/);
  t.is(result.note?.stage, 'offered');
  t.truthy(result.note?.error);
});

test('RFC 2132 §9.10: no reply is longer than the client accepts, or than a datagram of 576 bytes if it names no size', t => {
  const networks = networksFor({ 'dhcp.domain': 'd'.repeat(250), 'dhcp.dns': Array(60).fill('10.54.0.1') });
  const length = (...size: (readonly [number, string])[]) => {
    const bytes = message({}, [DISCOVER, ...IPXE, [61, 'aa'.repeat(200)], ...size]);
    return encode(replyTo(bytes, contextOf({ networks })).reply, limitOf(bytes)).length;
  };
  t.true(length() <= 548);
  t.true(length([57, '0010']) <= 548);
  t.true(length([57, '05dc']) > 548);
  t.true(length([57, 'ffff']) <= 1472);
});

test('plain BOOTP, replies, other hardware and unknown message types are refused with a reason', t => {
  const reasons = [
    ask(message({}, [])),
    ask(message({ op: 2 }, [[53, '02']])),
    ask(message({ htype: 32, hlen: 0 }, [DISCOVER])),
    ask(message({ hlen: 16 }, [DISCOVER])),
    ask(message({}, [[53, '0d']])),
    ask(message({}, [[53, '02']])),
    ask(message({ mac: '01:00:5e:00:00:01' }, [DISCOVER])),
  ].map(result => ('refused' in result ? result.refused : ''));
  t.regex(reasons[0] ?? '', /BOOTP/);
  t.regex(reasons[1] ?? '', /reply/);
  t.regex(reasons[2] ?? '', /hardware type 32/);
  t.regex(reasons[3] ?? '', /16 bytes/);
  t.regex(reasons[4] ?? '', /type 13/);
  t.regex(reasons[5] ?? '', /type 2/);
  t.regex(reasons[6] ?? '', /no hardware address/);
});

test('a node that is not to be booted, or whose address is not of this network, gets nothing, with the reason', t => {
  const ignored = ask(
    message({}, [DISCOVER]),
    contextOf({ directory: directoryOf({ ...node, ignore: '_no_boot is set' }) }),
  );
  t.true('refused' in ignored && /_no_boot/.test(ignored.refused) && !ignored.unknown);
  for (const ip of ['', '192.168.1.1', '10.54.0.255']) {
    const result = ask(
      message({}, [DISCOVER]),
      contextOf({ directory: directoryOf({ ...node, ip: ip || '0.0.0.0' }) }),
    );
    t.true('refused' in result && /boot network 10\.54\.0\.0\/24/.test(result.refused));
  }
});

for (const [name, kind] of [
  ['bios-ipxe', 'script'],
  ['snponly', 'script'],
  ['ovmf-pxe', 'snponly.efi'],
  ['ovmf-http', 'loader/ipxe.efi'],
  ['udhcpc', ''],
  ['dhclient', ''],
] as const) {
  test(`captured ${name}: offered and acknowledged, with the right thing to load`, t => {
    const bytes = captured(`${name}-discover`);
    const mac = bytes.toString('hex', 28, 34).replace(/(..)(?!$)/g, '$1:');
    const request = captured(`${name}-request`);
    const ip = [...(decode(request).options.get(OPTIONS.requestedAddress.code) ?? [])].join('.');
    const context = contextOf({ directory: directoryOf({ ...node, mac, ip }) });
    for (const [sent, expected] of [
      [bytes, OFFERED],
      [request, ACKED],
    ] as const) {
      const result = replyTo(sent, context);
      t.is(type(result), expected);
      t.is(result.reply.yiaddr, ip);
      t.true(kind === '' ? result.reply.file === '' : result.reply.file.endsWith(kind), result.reply.file);
    }
  });
}

/** The limit that `readRequest` reads: option 57 less the headers, between 548 and one frame. */
function limitOf(bytes: Buffer): number {
  const size = decode(bytes).options.get(57);
  return Math.min(1472, Math.max(548, (size?.readUInt16BE(0) ?? 0) - 28));
}
