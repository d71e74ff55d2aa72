import test from 'ava';
import fc from 'fast-check';
import { readInterfaces } from '../../src/model/interface-specs.ts';
import { addressOf, interfacesOf } from '../../src/model/interfaces.ts';
import { Networks } from '../../src/networks.ts';

const networks = new Networks(
  { address: '10.54.0.1/16', interface: '', router: '10.54.0.254', dns: ['10.54.0.1'], domain: 'c', leaseSeconds: 60 },
  [{ name: 'fabric', subnet: '10.55.0.0/16', via: '10.54.0.1', router: '10.55.0.1' }],
);
const NODE = { name: 'n7', mac: '52:54:00:00:00:07', ip: '10.54.0.7', index: 7 };

function of(attributes: Record<string, string>) {
  return interfacesOf(NODE, attributes, networks);
}

function problem(text: string): string {
  const read = readInterfaces(text);
  return 'refused' in read ? read.refused : 'none';
}

test('a node without attributes has its boot interface, with what its network says', t => {
  const [boot, ...more] = of({});
  t.is(more.length, 0);
  t.like(boot, {
    name: 'boot',
    boot: true,
    mac: NODE.mac,
    gateway: '10.54.0.254',
    dns: ['10.54.0.1'],
    network: 'boot',
  });
  t.deepEqual(boot?.addresses, [
    { address: '10.54.0.7', prefix: 16, cidr: '10.54.0.7/16', netmask: '255.255.0.0', family: 4 },
  ]);
});

test('_macs and _ips give further interfaces; the controller is none', t => {
  const all = of({ _macs: 'bmc=52:54:00:00:01:07,eno2=52:54:00:00:02:07', _ips: 'bmc=10.54.1.7,ib0=10.55.0.7' });
  t.deepEqual(
    all.map(({ name, type, mac, addresses: [first] }) => [name, type, mac, first?.cidr]),
    [
      ['boot', 'ethernet', NODE.mac, '10.54.0.7/16'],
      ['eno2', 'ethernet', '52:54:00:00:02:07', undefined],
      ['ib0', 'infiniband', '', '10.55.0.7/16'],
    ],
  );
});

test('_interfaces names the boot interface, and a group can have it for all its nodes', t => {
  const all = of({
    _interfaces:
      'eno1=boot:yes; ib0=ip:10.55.1.0+index/16,ip:fd00::100+index/64,mtu:4092,network:fabric,route:10.60.0.0/16@10.55.0.1; v=vlan:55,parent:eno1,dhcp:yes',
  });
  t.deepEqual(
    all.map(({ name }) => name),
    ['eno1', 'ib0', 'v'],
  );
  t.like(all[0], { boot: true, mac: NODE.mac, gateway: '10.54.0.254' });
  t.like(all[1], { type: 'infiniband', mtu: 4092, network: 'fabric', gateway: '' });
  t.deepEqual(
    all[1]?.addresses.map(({ cidr }) => cidr),
    ['10.55.1.7/16', 'fd00::107/64'],
  );
  t.deepEqual(all[1]?.routes, [{ to: '10.60.0.0/16', via: '10.55.0.1' }]);
  t.like(all[2], { type: 'vlan', vlan: 55, parent: 'eno1', dhcp: true });
});

test('a bond can be the boot interface', t => {
  const all = of({ _interfaces: 'bond0=members:eno1+eno2,mode:802.3ad,boot:yes; br0=type:bridge,members:eno3' });
  t.like(all[0], { name: 'bond0', type: 'bond', members: ['eno1', 'eno2'], mode: '802.3ad', mac: NODE.mac });
  t.like(all[1], { name: 'br0', type: 'bridge', members: ['eno3'], mac: '' });
});

const BAD: readonly [text: string, reason: RegExp][] = [
  ['ib0', /must be interfaces such as ib0=type:infiniband/],
  ['a name=mtu:1500', /must be interfaces such as/],
  ['eth0=mtu:1500; eth0=mtu:9000', /names the interface eth0 twice/],
  ['eth0=mtuu:1500', /has eth0: 'mtuu' is unknown; did you mean 'mtu'\?/],
  ['eth0=mtu:9', /has eth0: mtu must be a number from 68 to 65520/],
  ['eth0=mtu:1500,mtu:1500', /has eth0: mtu stands twice/],
  ['eth0=type:token', /type must be one of ethernet, infiniband, bond, vlan, bridge/],
  ['eth0=ip:10.55.0.300/16', /ip must be an address with its prefix/],
  ['eth0=ip:10.55.0.3/33', /ip must be an address with its prefix/],
  ['eth0=ip:10.55.0.0+index/16', /ip 10\.55\.0\.0 is that of the network itself/],
  ['eth0=ip:10.55.0.255/24', /ip 10\.55\.0\.255 is that of the network itself, or of all in it/],
  ['eth0=ip:fd00::1', /ip must be an address with its prefix/],
  ['eth0=mac:1', /mac must be a hardware address/],
  ['eth0=vlan:55', /a VLAN needs vlan and parent/],
  ['eth0=vlan:0,parent:eno1', /vlan must be a number from 1 to 4094/],
  ['eth0=parent:eno1', /vlan and parent go with type:vlan/],
  ['eth0=type:bond', /a bond needs members/],
  ['b=members:a+b', /it cannot be its own member/],
  ['b=members:a+c; d=members:c', /has the member c at b and at d; one can have it/],
  ['b=members:a+a', /has b: members names a twice/],
  ['a=mac:52:54:00:00:00:01; b=mac:52:54:00:00:00:01', /has the hardware address 52:54:00:00:00:01 at a and at b/],
  ['a=ip:10.55.0.7/16; b=ip:10.55.0.7/24', /has the address 10\.55\.0\.7 at a and at b/],
  ['a=ip:10.55.0.7/16,ip:10.55.0.7/16', /has the address 10\.55\.0\.7 twice at a/],
  ['a=vlan:55,parent:e; b=vlan:55,parent:e', /has the VLAN 55 of e at a and at b/],
  ['a=vlan:55,parent:b; b=members:c+d; d=vlan:5,parent:a', /has a as a part of itself/],
  ['b=members:a,mode:fast', /mode must be one of balance-rr/],
  ['eth0=mode:802.3ad', /mode goes with type:bond/],
  ['eth0=type:vlan,vlan:5,parent:x,members:a', /members go with type:bond or type:bridge/],
  ['a=boot:yes;b=boot:yes', /has boot:yes at a and b/],
  ['a=boot:maybe', /boot must be yes or no/],
  ['a=route:10.0.0.0/8', /route must be a network and its gateway/],
  ['a=dns:10.54.0.1+x', /dns must be addresses/],
  ['a=gateway:x', /gateway must be an address/],
];
for (const [text, reason] of BAD) test(`refused: ${text}`, t => t.regex(problem(text), reason));

test('the index is added within the network', t => {
  const sum = (address: string, prefix: number, index: number) =>
    addressOf({ address, prefix, plusIndex: true }, index);
  t.is(sum('10.55.0.250', 16, 10), '10.55.1.4');
  t.is(sum('10.55.0.250', 24, 10), undefined);
  t.is(sum('10.55.0.250', 24, 5), undefined, 'the broadcast address');
  t.is(sum('10.55.0.0', 31, 1), '10.55.0.1');
  const last = interfacesOf({ ...NODE, index: 10 }, { _interfaces: 'ib0=ip:10.55.0.250+index/24' }, networks);
  t.deepEqual(last.at(-1)?.addresses, [], 'not the address of the first node');
  t.is(sum('255.255.255.250', 8, 10), undefined);
  t.is(sum('fd00::ffff', 64, 1), 'fd00::1:0');
});

test('any text is read or refused', t => {
  const piece = fc.constantFrom(
    'eth0',
    'ib0',
    '=',
    ':',
    ';',
    ',',
    '+index',
    'ip',
    'mac',
    '10.55.0.1',
    '/16',
    'members',
    'constructor',
    ' ',
    '__proto__',
    'mtu',
    '9',
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 14 }), pieces => {
      const read = readInterfaces(pieces.join(''));
      return 'refused' in read ? read.refused !== '' : of({ _interfaces: pieces.join('') }).length > 0;
    }),
  );
  t.is(problem(''), 'none');
});
