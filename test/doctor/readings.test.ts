// What the doctor reads: tables of the kernel, rules of the packet filter, offers.
import test from 'ava';
import { MESSAGE, OPTIONS, type Options, setOption } from '../../src/dhcp/options.ts';
import { BOOTREPLY, encode } from '../../src/dhcp/packet.ts';
import { readOffer } from '../../src/doctor/dhcp-probe.ts';
import { closedPorts } from '../../src/doctor/firewall.ts';
import { readListeners } from '../../src/doctor/listeners.ts';

const HEADER = '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n';
const row = (local: string, remote: string, state: string, inode: number): string =>
  `   0: ${local} ${remote} ${state} 00000000:00000000 00:00000000 00000000     0        0 ${inode} 1 0000 100\n`;

test('TCP: listening sockets, not connected ones; IPv6 on all addresses counts as all', t => {
  const text =
    HEADER + row('0100360A:1F90', '00000000:0000', '0A', 11) + row('0100360A:1F90', '0200360A:C001', '01', 12);
  t.deepEqual(readListeners('tcp', text), [{ protocol: 'tcp', address: '10.54.0.1', port: 8080, inode: '11' }]);
  const any = '0'.repeat(32);
  const loopback = `${'0'.repeat(24)}01000000`;
  const six = HEADER + row(`${any}:0050`, `${any}:0000`, '0A', 13) + row(`${loopback}:0051`, `${any}:0000`, '0A', 14);
  t.deepEqual(readListeners('tcp', six), [{ protocol: 'tcp', address: '0.0.0.0', port: 80, inode: '13' }]);
});

test('UDP: sockets without a peer', t => {
  const text =
    HEADER + row('00000000:0043', '00000000:0000', '07', 21) + row('0100360A:8000', '0200360A:0035', '01', 22);
  t.deepEqual(readListeners('udp', text), [{ protocol: 'udp', address: '0.0.0.0', port: 67, inode: '21' }]);
  t.deepEqual(readListeners('udp', 'garbage\n\nmore of it'), []);
});

const chain = { chain: { family: 'inet', table: 'f', name: 'input', hook: 'input', policy: 'accept' } };
const rule = (name: string, ...expr: object[]): object => ({ rule: { family: 'inet', table: 'f', chain: name, expr } });
const dport = (right: unknown): object => ({
  match: { op: '==', left: { payload: { protocol: 'tcp', field: 'dport' } }, right },
});
const HTTP = [{ protocol: 'tcp', port: 8080 }] as const;

test('a chain that ends with a reject is closed, also when its jumps open only other ports', t => {
  const jump = rule('input', { jump: { target: 'zone' } });
  const reject = rule('input', { reject: {} });
  const closed = (zone: object): unknown => closedPorts({ nftables: [chain, jump, zone, reject] }, HTTP, 'eth1');
  t.deepEqual(closed(rule('zone', dport(22), { accept: null })), [HTTP[0]]);
  t.deepEqual(closed(rule('zone', dport({ set: [22, { range: [8000, 9000] }] }), { accept: null })), []);
  t.deepEqual(closed(rule('zone', dport(8080), { drop: null })), [HTTP[0]]);
});

test('an empty ruleset, and unknown rules, close nothing', t => {
  t.deepEqual(closedPorts({}, HTTP, 'eth1'), []);
  t.deepEqual(closedPorts({ nftables: [chain, rule('input', { xt: null }, { drop: null })] }, HTTP, 'eth1'), []);
});

test('an offer is recognised by its transaction; anything else is none', t => {
  const options: Options = new Map();
  setOption(options, OPTIONS.messageType, MESSAGE.offer);
  setOption(options, OPTIONS.serverIdentifier, '10.54.0.9');
  const head = { op: BOOTREPLY, htype: 1, hlen: 6, hops: 0, xid: 7, secs: 0, flags: 0, sname: '', file: '' };
  const addresses = { ciaddr: '0.0.0.0', yiaddr: '10.54.0.50', siaddr: '10.54.0.8', giaddr: '0.0.0.0' };
  const bytes = encode({ ...head, ...addresses, chaddr: Buffer.alloc(16), options }, 576);
  t.deepEqual(readOffer(bytes, 7), { server: '10.54.0.9', offered: '10.54.0.50' });
  t.is(readOffer(bytes, 8), undefined);
  t.is(readOffer(Buffer.from('garbage'), 7), undefined);
});
