import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import fc from 'fast-check';
import { TemplateEngine } from '../../src/files/template-engine.ts';
import { failureText, type TemplateSource } from '../../src/files/template-protocol.ts';

const NODE = {
  node: { name: 'n7', ip: '10.54.0.7', index: 7 },
  attributes: { rack: 'r1', empty: '', root_password: 'geheim' },
  origins: { rack: 'group all' },
  hardware: { cpus: '64' },
  interfaces: [{ name: 'ib0', addresses: ['10.55.0.7/16'] }],
  groups: ['all'],
};
const SHARED = { cluster: { name: 'kepler' } };
const NODES = [0, 1, 2, 9].map(index => ({ name: `n${index}`, ip: `10.54.0.${index}`, groups: ['all'] }));

function render(text: string, more: Partial<TemplateSource> = {}, engine = new TemplateEngine({}), traced = false) {
  const source = { name: 'base:/etc/x.tmpl', text, digest: text, secret: false, partials: {}, ...more };
  const secretNames = new Set(['root_password']);
  return engine.render({ source, node: NODE, shared: SHARED, nodes: NODES, secretNames, traced });
}

function textOf(text: string, more: Partial<TemplateSource> = {}): string | undefined {
  const { result } = render(text, more);
  return 'failed' in result ? failureText(result.failed) : result.main?.text;
}

test('values of the node, of all nodes, and of the cluster', t => {
  t.is(textOf('{{ node.name }} {{ attributes.rack }} {{ origins.rack }} {{ cluster.name }}'), 'n7 r1 group all kepler');
  t.is(
    textOf('{% for n in nodes %}{{ n.ip }} {{ n.name }}\n{% endfor %}'),
    NODES.map(n => `${n.ip} ${n.name}\n`).join(''),
  );
  t.is(
    textOf(
      '{% for i in interfaces %}{{ i.name }}{% for a in i.addresses %} {{ a | ip_network }}/{{ a | ip_prefix }}{% endfor %}{% endfor %}',
    ),
    'ib0 10.55.0.0/16',
  );
  t.is(textOf('{{ nodes | map: "name" | nodeset }}'), 'n[0-2,9]');
  t.is(textOf('{% assign a = nodes | where: "name", "n2" | first %}{{ a.ip }}'), '10.54.0.2');
});

test('an attribute that is not set: an error, no in if, and the filter default', t => {
  t.is(
    textOf('a\n  {{ attributes.rak }}'),
    "base:/etc/x.tmpl:2:6: attributes.rak is unknown: did you mean 'attributes.rack'?",
  );
  t.is(
    textOf('{{ attributes.zzz }}'),
    'base:/etc/x.tmpl:1:4: attributes.zzz is unknown: the node has no such attribute; use if or the filter default',
  );
  t.is(textOf('{% if attributes.zzz %}yes{% else %}no{% endif %}'), 'no');
  t.is(textOf('{{ attributes.zzz | default: "none" }}'), 'none');
});

test('an unknown name is an error with line, column and the nearest right name, in if too', t => {
  t.is(textOf('{{ node.nam }}'), "base:/etc/x.tmpl:1:4: node.nam is unknown; did you mean 'node.name'?");
  t.is(textOf('x\n{% if nod.name %}{% endif %}'), "base:/etc/x.tmpl:2:7: nod is unknown; did you mean 'node'?");
  t.is(
    textOf('{% for n in nodes %}{{ n.nam }}{% endfor %}'),
    "base:/etc/x.tmpl:1:24: n.nam is unknown; did you mean 'n.name'?",
  );
  t.is(textOf('{{ node.name | upcas }}'), "base:/etc/x.tmpl:1:1: the filter upcas is unknown; did you mean 'upcase'?");
  t.is(textOf('{% iff x %}'), "base:/etc/x.tmpl:1:1: the tag iff is unknown; did you mean 'if'?");
  t.regex(textOf('{% if node.name %}') ?? '', /^base:\/etc\/x\.tmpl:1:1: .*not closed/);
});

test('no template reaches a prototype, the file system or the time', t => {
  for (const name of ['constructor', '__proto__', 'hasOwnProperty', 'process', 'globalThis'])
    for (const text of [
      `{{ ${name} }}`,
      `{{ node.${name} }}`,
      `{{ node["${name}"] }}`,
      `{{ nodes[0].${name} }}`,
      `{{ node.name.${name} }}`,
    ])
      t.regex(textOf(text) ?? '', / is unknown/, text);
  t.regex(
    textOf('{% include "/etc/passwd" %}') ?? '',
    /the partial \/etc\/passwd is unknown; partials are files of the set/,
  );
  t.regex(textOf('{% render "../../x" %}') ?? '', /the partial .* is unknown/);
  t.regex(textOf('{{ "now" | date: "%s" }}') ?? '', /the filter date is unknown/);
  t.regex(textOf('{{ node }}') ?? '', /the value is a table/);
});

test('a secret attribute is for templates of secret files', t => {
  const text = '{{ attributes.root_password }}';
  t.regex(
    textOf(text) ?? '',
    /the attribute root_password is secret, and only a template of a secret file may read it/,
  );
  t.is(textOf(text, { secret: true }), 'geheim');
  t.regex(textOf('{% if attributes.root_password %}{% endif %}') ?? '', /is secret/);
  t.is(textOf('{% for a in attributes %}{{ a[0] }} {% endfor %}'), 'rack empty ');
  t.false((textOf('{{ attributes | to_json }}') ?? '').includes('geheim'));
});

test('the reason why a template of a secret file failed reveals nothing that it read', t => {
  const secret = { secret: true };
  const of = (text: string): string => textOf(text, secret) ?? '';
  for (const text of [
    '{{ attributes.root_password | ip_address }}',
    '{{ attributes.root_password | ip_plus: 1 }}',
    '{{ attributes.root_password | indent: attributes.root_password }}',
    '{% assign a = attributes.root_password | append: "x" %}{{ a | ip_network }}',
    '{% fail attributes.root_password %}',
    '{% assign a = attributes.root_password | prepend: "no " %}{% fail a %}',
    '{{ attributes.root_password | host_key }}',
    '{{ attributes.root_password | head_accounts: 1, 2 }}',
    '{% include attributes.root_password %}',
    '{{ attributes[attributes.root_password] }}',
    '{% file "/x" mode: attributes.root_password %}{% endfile %}',
    '{% assign a = attributes.root_password %}{{ node[a] }}',
  ])
    t.notRegex(of(text), /geheim/, text);
  t.is(
    of('{{ attributes.root_password | ip_address }}').split(': ')[1],
    'ip_address needs an IPv4 address such as 10.54.0.7/16, and not ***',
  );
  t.notRegex(of('{% if "hunter2" == node.name %}'), /hunter2/);
  t.is(of('{{ node.nam }}'), "base:/etc/x.tmpl:1:4: node.nam is unknown; did you mean 'node.name'?");
  t.is(of('\n{% fail "no rack" %}'), 'base:/etc/x.tmpl:2:1: no rack');
});

test('a template may write further files, or none', t => {
  const { result } = render(
    '{% skip %}{% for n in nodes %}{% assign path = n.name | prepend: "/run/" %}{% file path mode: "0600" owner: "munge" %}{{ n.ip }}\n{% endfile %}{% endfor %}',
  );
  if ('failed' in result) return t.fail(failureText(result.failed));
  t.is(result.main, undefined);
  t.deepEqual(result.further[1], { path: '/run/n1', mode: 0o600, owner: 'munge', text: '10.54.0.1\n' });
  t.regex(textOf('{% file "/a" %}') ?? '', /the tag file has no endfile/);
  t.regex(textOf('{% file "/a" mod: "1" %}{% endfile %}') ?? '', /mod is unknown; did you mean 'mode'/);
  t.regex(textOf('{% file "/a" mode: "999" %}{% endfile %}') ?? '', /mode must be octal digits/);
  t.is(textOf('\n{% fail "no rack" %}'), 'base:/etc/x.tmpl:2:1: no rack');
});

test('partials of the set see the same values, and errors name the partial', t => {
  const partials = { head: 'for {{ node.name }}\n', bad: '\n{{ node.nam }}', self: '{% render "self" %}' };
  t.is(textOf('{% render "head" %}x', { partials }), 'for n7\nx');
  t.is(
    textOf('{% include "bad" %}', { partials }),
    "base:.fileset/partials/bad:2:4: node.nam is unknown; did you mean 'node.name'?",
  );
  t.regex(textOf('{% render "self" %}', { partials }) ?? '', /nested more than 100 deep; does a partial render itself/);
});

test('loops without end, huge lists and deep nesting end with an error', t => {
  const engine = new TemplateEngine({}, 50);
  const failed = (text: string): string => {
    const { result } = render(text, {}, engine);
    return 'failed' in result ? result.failed.reason : 'no error';
  };
  t.regex(
    failed(
      '{% for a in (1..3000) %}{% for b in (1..3000) %}{% for c in (1..3000) %}x{% endfor %}{% endfor %}{% endfor %}',
    ),
    /takes more than 2 s|larger than 16 MiB/,
  );
  t.regex(failed('{% for a in (1..99999999999) %}x{% endfor %}'), /too large lists or texts|takes more/);
  t.regex(
    failed(
      '{% assign a = "xxxxxxxxxxxxxxxx" %}{% for i in (1..99) %}{% assign a = a | append: a %}{% endfor %}{{ a }}',
    ),
    /too large|larger than|takes more/,
  );
  t.regex(failed('{% if node.name %}'.repeat(20_000)), /too deep|not closed|takes more/);
  t.regex(failed('x'.repeat(1024 * 1024 + 1)), /larger than 1 MiB/);
});

test('what took too long may succeed another time; what is wrong may not', t => {
  const engine = new TemplateEngine({}, 20);
  const loop = '{% for a in (1..3000) %}{% for b in (1..3000) %}{% if a == b %}{% endif %}{% endfor %}{% endfor %}';
  t.like(render(loop, {}, engine).result, { failed: { mayPass: true } });
  t.false('mayPass' in ((render('{{ x }}').result as { failed?: object }).failed ?? {}));
});

test('head_file reads below its folder only, and private files for secret files only', t => {
  const folder = mkdtempSync(join(tmpdir(), 'muster-head-files-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const inside = join(folder, 'files');
  mkdirSync(join(inside, 'sub'), { recursive: true });
  writeFileSync(join(folder, 'outside'), 'no');
  writeFileSync(join(inside, 'sub/motd'), 'hello', { mode: 0o644 });
  writeFileSync(join(inside, 'key'), 'private', { mode: 0o600 });
  symlinkSync('../outside', join(inside, 'link'));
  symlinkSync('sub/motd', join(inside, 'good'));
  const engine = new TemplateEngine({ folder: inside });
  const read = (name: string, more = {}) => {
    const { result, reads } = render(`{{ "${name}" | head_file }}`, more, engine);
    return { text: 'failed' in result ? result.failed.reason : result.main?.text, reads };
  };
  t.is(read('sub/motd').text, 'hello');
  t.is(read('good').text, 'hello');
  t.is(read('sub/motd').reads[0]?.[0], 'head_file:sub/motd');
  t.regex(read('link').text ?? '', /is a link that leads out of/);
  t.regex(read('../outside').text ?? '', /must not have the parts/);
  t.regex(read('/etc/passwd').text ?? '', /must be a path below files.folder/);
  t.regex(read('sub').text ?? '', /is not a file/);
  t.regex(read('none').text ?? '', /does not exist in/);
  t.regex(read('key').text ?? '', /only a template of a secret file may read it/);
  t.is(read('key', { secret: true }).text, 'private');
});

test('each read is recorded, once and in order, absent ones too', t => {
  const { reads } = render(
    '{{ node.ip }}{% if attributes.zzz %}{% endif %}{{ node.ip }}{% for n in nodes %}{{ n.name }}{% endfor %}',
  );
  t.deepEqual(reads, [['node.ip'], ['attributes.zzz'], ['nodes']]);
});

test('each line of a result has its origin', t => {
  const { result } = render(
    '# hosts\n{% for n in nodes -%}\n{{ n.ip }} x\n{% endfor %}rack {{ attributes.rack }}\n',
    {},
    undefined,
    true,
  );
  if ('failed' in result) return t.fail(failureText(result.failed));
  const origins = result.main?.origins ?? [];
  const lines = (result.main?.text ?? '')
    .split('\n')
    .map((line, at) => `${line}|${origins[at]?.line}|${origins[at]?.reads.join()}`);
  t.deepEqual(lines.slice(0, 6), [
    '# hosts|1|',
    '10.54.0.0 x|3|nodes',
    '10.54.0.1 x|3|',
    '10.54.0.2 x|3|',
    '10.54.0.9 x|3|',
    'rack r1|4|attributes.rack',
  ]);
});

test('any text is rendered or refused, and nothing else happens', t => {
  const engine = new TemplateEngine({}, 200);
  const piece = fc.constantFrom(
    '{{',
    '}}',
    '{%',
    '%}',
    ' node',
    '.name',
    '|',
    ' for ',
    ' x in ',
    'nodes',
    '(1..9)',
    '"',
    ' if ',
    ' endfor ',
    ' render ',
    '-',
    '\n',
    'constructor',
    '[',
    ']',
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 30 }), pieces => {
      const { result } = render(pieces.join(''), {}, engine);
      return 'failed' in result ? result.failed.reason !== '' : typeof result.main?.text === 'string';
    }),
    { numRuns: 500 },
  );
  t.is(textOf('{{ node.name }}'), 'n7');
});
