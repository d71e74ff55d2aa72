// Syslog messages as standards print them, and as kernels, busybox and iPXE really write them.
import test from 'ava';
import { decodeSyslog } from '../../src/syslog/packet.ts';

const one = (text: string | Buffer) => decodeSyslog(Buffer.from(text))[0];

for (const [what, text, wanted] of [
  // RFC 5424 §6.5, examples 1 to 4
  [
    'example 1',
    "<34>1 2003-10-11T22:14:15.003Z mymachine.example.com su - ID47 - \ufeff'su root' failed",
    { facility: 4, severity: 2, app: 'su', text: "'su root' failed" },
  ],
  [
    'example 2',
    '<165>1 2003-08-24T05:14:15.000003-07:00 192.0.2.1 myproc 8710 - - %% It is time',
    { facility: 20, severity: 5, app: 'myproc', text: '%% It is time' },
  ],
  [
    'example 3',
    '<165>1 2003-10-11T22:14:15.003Z mymachine evntslog - ID47 [exampleSDID@32473 iut="3" eventSource="App\\]lication"] An event',
    { facility: 20, severity: 5, app: 'evntslog', text: 'An event' },
  ],
  [
    'example 4, no text',
    '<165>1 2003-10-11T22:14:15.003Z host evntslog - ID47 [a b="c"][d e="f"]',
    { facility: 20, severity: 5, app: 'evntslog', text: '' },
  ],
  // RFC 3164 §5.4, examples 1 and 2
  [
    'BSD example 1',
    "<34>Oct 11 22:14:15 mymachine su: 'su root' failed",
    { facility: 4, severity: 2, app: 'su', text: "'su root' failed" },
  ],
  ['BSD example 2', 'Use the BFG!', { facility: 1, severity: 5, app: '', text: 'Use the BFG!' }],
  [
    'the kernel by dmesg -r',
    '<3>[    1.402113] e1000e: probe of 0000:00:1f.6 failed',
    { facility: 0, severity: 3, app: '', text: '[    1.402113] e1000e: probe of 0000:00:1f.6 failed' },
  ],
  [
    'busybox syslogd',
    '<29>Nov 24 18:00:01 muster: root is ready',
    { facility: 3, severity: 5, app: 'muster', text: 'root is ready' },
  ],
  [
    'iPXE',
    '<14>ipxe: http://10.54.0.1:8080/boot/v1/script... ok',
    { facility: 1, severity: 6, app: 'ipxe', text: 'http://10.54.0.1:8080/boot/v1/script... ok' },
  ],
  [
    'a process id',
    '<30>Nov  4 08:00:01 n37 dracut-initqueue[371]: timeout',
    { facility: 3, severity: 6, app: 'dracut-initqueue', text: 'timeout' },
  ],
  ['a PRI out of bounds', '<192>x', { facility: 1, severity: 5, app: '', text: '<192>x' }],
  [
    'what a terminal would obey',
    '<11>muster: \u001b[2J\u202eowned\u0007',
    { facility: 1, severity: 3, app: 'muster', text: '[2J owned' },
  ],
] as const) {
  test(what, t => t.deepEqual(one(text), wanted));
}

test('several lines in one datagram, no more than 64; an empty one is none', t => {
  t.deepEqual(
    decodeSyslog(Buffer.from('<3>a\n<4>b\r\n\n')).map(({ text }) => text),
    ['a', 'b'],
  );
  t.is(decodeSyslog(Buffer.from('x\n'.repeat(1000))).length, 64);
  t.deepEqual(decodeSyslog(Buffer.alloc(0)), []);
});
