// power_uri: the forms of the specification, what is refused and with which words, and templates.
import test from 'ava';
import fc from 'fast-check';
import { attributesIn, fillTemplate } from '../../src/model/power-template.ts';
import { type PowerUri, powerUriProblem, readPowerUri, splitPowerUris } from '../../src/model/power-uri.ts';

function read(text: string): PowerUri | string {
  const reading = readPowerUri(text);
  return 'uri' in reading ? reading.uri : reading.problem;
}

const RIGHT: [string, PowerUri][] = [
  [
    'vbox://192.168.56.1/CW_Compute0',
    { scheme: 'vbox', server: { host: '192.168.56.1' }, name: 'CW_Compute0', options: {} },
  ],
  [
    'ipmi:///admin:password@172.45.88.1',
    { scheme: 'ipmi', user: 'admin', password: 'password', host: '172.45.88.1', options: {} },
  ],
  [
    'ipmi://remote_server/admin:password@172.45.88.1',
    {
      scheme: 'ipmi',
      server: { host: 'remote_server' },
      user: 'admin',
      password: 'password',
      host: '172.45.88.1',
      options: {},
    },
  ],
  [
    'ipmi://root:p%40ss%2Fword@srv:2222/admin:a:b/c@d?e@[fe80::1%25eth0]:6230?cipher=3&privilege=operator',
    {
      scheme: 'ipmi',
      server: { host: 'srv', port: 2222, user: 'root', password: 'p@ss/word' },
      user: 'admin',
      password: 'a:b/c@d?e',
      host: 'fe80::1%25eth0',
      port: 6230,
      options: { cipher: '3', privilege: 'operator' },
    },
  ],
  ['ipmi:///:secret@bmc', { scheme: 'ipmi', password: 'secret', host: 'bmc', options: {} }],
  [
    'ipmi://srv/:secret@bmc?kg=a%40b%3Fc&cipher=3',
    {
      scheme: 'ipmi',
      server: { host: 'srv' },
      password: 'secret',
      host: 'bmc',
      options: { kg: 'a@b?c', cipher: '3' },
    },
  ],
  [
    'libvirt:///vm1?connect=qemu+ssh://root@kvm/system',
    { scheme: 'libvirt', name: 'vm1', options: { connect: 'qemu+ssh://root@kvm/system' } },
  ],
  [
    'libvirt://root@srv/vm1?connect=qemu%3A///session',
    { scheme: 'libvirt', server: { host: 'srv', user: 'root' }, name: 'vm1', options: { connect: 'qemu:///session' } },
  ],
  ['libvirt:///what%3F', { scheme: 'libvirt', name: 'what?', options: {} }],
  ['libvirt:///vm%201', { scheme: 'libvirt', name: 'vm 1', options: {} }],
  [
    'redfish://u:p@h:8443/1',
    { scheme: 'redfish', user: 'u', password: 'p', host: 'h', port: 8443, name: '1', options: {} },
  ],
  ['lab:///tmp/x/power.sock/n0', { scheme: 'lab', name: '/tmp/x/power.sock/n0', options: {} }],
  [
    'pdu://u:p@strip/outlet7?x=y',
    { scheme: 'pdu', user: 'u', password: 'p', host: 'strip', name: 'outlet7', options: { x: 'y' } },
  ],
];

test('the forms of the specification, and what goes beyond them', t => {
  for (const [text, uri] of RIGHT) {
    if (text.includes('%25eth0')) continue;
    t.deepEqual(read(text), uri, text);
  }
});

const WRONG: [string, RegExp][] = [
  ['admin:password@1.2.3.4', /^must be a URI such as/],
  ['ipmi:///admin:pass word@1.2.3.4', /without blanks/],
  ['ipmi:///admin@1.2.3.4', /^has no ':' between user and password; it is written ipmi:\/\//],
  ['ipmi:///1.2.3.4', /^has no 'user:password@' before the BMC/],
  ['ipmi://admin:password@1.2.3.4', /three slashes/],
  ['ipmi:///admin:password@', /^has no BMC behind the '@'/],
  ['ipmi:///admin:password@-oProxyCommand=x', /^has a host that is neither a name nor an address/],
  ['ipmi:///admin:password@1.2.3.4:99999', /^has a port that is not from 1 to 65535/],
  ['ipmi:///admin:password@1.2.3.4/x', /^has a path behind the BMC/],
  [
    'ipmi:///admin:password@1.2.3.4?cypher=3',
    /^has an option 'cypher' that is unknown \(cipher, interface, privilege, kg is\)/,
  ],
  ['ipmi:///admin:password@1.2.3.4?cipher=x', /^has a value of the option 'cipher' that is not possible/],
  ['ipmi:///-admin:password@1.2.3.4', /^has a user name that is not possible/],
  ['ipmi:///admin:100%@1.2.3.4', /^has a '%' in its password that is no code \(a '%' itself is written %25\)/],
  ['ipmi:///admin:a%0ab@1.2.3.4', /^has a control character in a password/],
  ['ipmi://-x/admin:password@1.2.3.4', /^has a host that is neither/],
  ['ipmi:///:@', /^has no BMC behind the '@'/],
  ['ipmi:///@1.2.3.4', /^has no ':' between user and password/],
  ['ipmi:///admin:password@1.2.3.4?kg=', /^has a value of the option 'kg' that is not possible/],
  ['ipmi:///admin:password@1.2.3.4?kg=0x00', /^has a value of the option 'kg'/],
  ['ipmi:///admin:password@1.2.3.4?kg=0x123', /^has a value of the option 'kg'/],
  ['ipmi:///admin:password@1.2.3.4?kg=123456789012345678901', /^has a value of the option 'kg'/],
  ['ipmi:///admin:password@1.2.3.4?kg=a@b', /^has an '@' in an option, or a '\?' and a '=' in a password/],
  ['ipmi:///admin:password@1.2.3.4?chipher=a@b', /^has an '@' in an option/],
  ['pdu://u:p@strip/outlet7?mail=x@y', /^has an '@' in an option/],
  ['pdu://strip/outlet7@y', /^has a '\/' or '\?' before an '@'/],
  ['ipmi://root:22/w@srv/admin:x@bmc', /^has a '\/' or '\?' before an '@'/],
  ['libvirt:///vm1?connect=qemu+ssh://root:secret@kvm/system', /^has a value of the option 'connect'/],
  ['redfish://:password@h', /^has a user name that is not possible/],
  ['libvirt:///vm1?conect=qemu+ssh://root@kvm/system', /^has an option 'conect' that is unknown/],
  ['vbox://srv/vm1?connect=x', /^has an option 'connect' that is unknown \(none is\)/],
  ['impi:///admin:password@1.2.3.4', /did you mean 'ipmi'\?$/],
  ['redfih://admin:password@1.2.3.4', /did you mean 'redfish'\?$/],
  ['vbox://host/', /^names nothing behind the server/],
  ['libvirt:///-x', /^has a name that begins with '-'/],
  ['redfish://h/1', /^has no 'user:password@'/],
  ['redfish://u:p@h?pin=abc', /^has a value of the option 'pin' that is not possible/],
  ['lab://n0', /^needs a path/],
];

test('what does not fit is refused, with the reason and the right form', t => {
  for (const [text, problem] of WRONG) t.regex(String(read(text)), problem, text);
});

test('no refusal shows text that may be a password', t => {
  const secret = fc.string({ minLength: 5, maxLength: 20 }).map(text => `~~${text}~~`);
  const forms = [
    (text: string) => `ipmi:///admin:${text}@1.2.3.4:0`,
    (text: string) => `ipmi://admin:${text}@1.2.3.4`,
    (text: string) => `ipmi://${text}/admin:x@1.2.3.4`,
    (text: string) => `redfish://admin:${text}`,
    (text: string) => `ipmi:///admin:${text}`,
  ];
  fc.assert(
    fc.property(secret, fc.constantFrom(...forms), (text, form) => {
      t.false((powerUriProblem(form(text)) ?? '').includes(text));
    }),
  );
});

test('any password survives being written into a URI percent-encoded', t => {
  const password = fc.string({ minLength: 1, maxLength: 20, unit: 'grapheme' }).filter(text => !/\p{Cc}/u.test(text));
  fc.assert(
    fc.property(password, text => {
      const uri = read(`ipmi://root:${encodeURIComponent(text)}@srv/admin:${encodeURIComponent(text)}@bmc`);
      if (typeof uri === 'string') return t.fail(`${text}: ${uri}`);
      t.is(uri.password, text);
      t.is(uri.server?.password, text);
    }),
  );
});

test('a password with special characters is read whole, or the URI is refused', t => {
  const password = fc.string({ unit: fc.constantFrom(...':@/?&=#,[]<>a1'), minLength: 1, maxLength: 12 });
  const forms: [(text: string) => string, string][] = [
    [text => `ipmi:///admin:${text}@bmc`, 'bmc'],
    [text => `ipmi://root:x@srv/admin:${text}@bmc:623?cipher=3`, 'bmc'],
    [text => `redfish://admin:${text}@bmc/1`, 'bmc'],
    [text => `pdu://admin:${text}@bmc/outlet?x=y`, 'bmc'],
    // Without a host there is none to be taken out of the password.
    [text => `ipmi:///admin:${text}@`, 'refused'],
    [text => `redfish://admin:${text}@:443`, 'refused'],
    [text => `ipmi:///admin:${text.replaceAll('@', '')}`, 'refused'],
  ];
  let whole = 0;
  fc.assert(
    fc.property(password, fc.constantFrom(...forms), (text, [form, host]) => {
      const uri = read(form(text));
      if (typeof uri === 'string') return;
      t.deepEqual([uri.password, uri.host], [text, host], form(text));
      whole += 1;
    }),
    { numRuns: 3000 },
  );
  t.true(whole > 500, `${whole}`);
});

test('several URIs, and templates in them, are checked before they are stored', t => {
  const both = 'ipmi:///admin:a,b@bmc1,redfish://admin:<a[pw]>@<a[bmc_ip]>:<a[port]>/<node[name]>';
  t.deepEqual(splitPowerUris(both).length, 2);
  t.is(powerUriProblem(both), undefined);
  t.is(powerUriProblem(''), undefined);
  t.regex(String(powerUriProblem('ipmi:///admin:x@bmc1,ipmi://x@bmc2')), /\(URI 2\)$/);
  t.regex(String(powerUriProblem('ipmi:///admin:<b[pw]>@bmc1')), /^has a template that cannot be read/);
  t.regex(String(powerUriProblem('ipmi:///admin:x@<a[bmc ip]>')), /blanks|template/);
});

test('the value of a template cannot change the shape of the URI', t => {
  const facts = {
    attributes: new Map([
      ['pw', 'a/b@c?d'],
      ['bmc_ip', '10.0.0.1'],
      ['empty', ''],
    ]),
    node: { name: 'n7', index: '7' },
    status: { ip: '10.54.0.7' },
    hardware: { serial: 'S 1' },
  };
  const filled = fillTemplate('ipmi:///admin:<a[pw]>@<attributes[bmc_ip]>', facts);
  t.deepEqual(filled, { text: 'ipmi:///admin:a%2Fb%40c%3Fd@10.0.0.1' });
  t.like(read('text' in filled ? filled.text : ''), { password: 'a/b@c?d', host: '10.0.0.1' });
  t.deepEqual(fillTemplate('libvirt:///<n[name]>-<h[serial]>-<s[ip]>', facts), {
    text: 'libvirt:///n7-S%201-10.54.0.7',
  });
  t.deepEqual(fillTemplate('ipmi:///a:b@<a[nothing]>', facts), { missing: '<a[nothing]>' });
  t.deepEqual(fillTemplate('ipmi:///a:b@<a[empty]>', facts), { missing: '<a[empty]>' });
  t.deepEqual(fillTemplate('ipmi:///a:b@<node[constructor]>', facts), { missing: '<node[constructor]>' });
  t.deepEqual(attributesIn('ipmi:///<a[user]>:<attributes[pw]>@<node[ip]>'), ['user', 'pw']);
});
