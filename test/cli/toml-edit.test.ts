import test from 'ava';
import { editToml } from '../../src/cli/toml-edit.ts';

test('a value is changed in its line; comments, order and other keys stay', t => {
  const before = `# the head of the lab
[http]
port = 8081 # not 8080

[head]   # this machine
  address = '10.0.0.1/24'  # was .2
# interface = "eth9"

[dhcp]
mode = "proxy"
`;
  t.is(
    editToml(before, { 'head.address': '10.54.0.1/24', 'head.interface': 'eth1', 'dhcp.domain': 'x' }),
    `# the head of the lab
[http]
port = 8081 # not 8080

[head]   # this machine
  address = "10.54.0.1/24"  # was .2
# interface = "eth9"
interface = "eth1"

[dhcp]
mode = "proxy"
domain = "x"
`,
  );
});

test('a table that is absent is added; an empty file begins with it', t => {
  t.is(editToml('[http]\nport = 1', { 'head.name': 'a' }), '[http]\nport = 1\n\n[head]\nname = "a"\n');
  t.is(editToml('', { 'head.name': 'a"b\\' }), '[head]\nname = "a\\"b\\\\"\n');
});

test('dotted keys are changed in place', t => {
  t.is(editToml('head.name = "a"\n', { 'head.name': 'b' }), 'head.name = "b"\n');
});

test('other forms are left to people', t => {
  for (const text of [
    'head = { name = "a" }\n',
    '[head]\nname = """\na"""\n',
    '[head]\n"name" = "a"\n',
    // A header in a string of several lines deceives nobody.
    'y = """\n[head]\nname = "fake"\n"""\n',
    'x = """\n[head]\nname = "fake"\n"""\n[http]\nport = 1\n[head]\nname = """b"""\n',
  ])
    t.is(editToml(text, { 'head.name': 'b' }), undefined, text);
});
