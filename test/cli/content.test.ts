import test from 'ava';
import { type Fields, readContent } from '../../src/cli/content.ts';
import { readIni } from '../../src/cli/ini.ts';
import { MusterError } from '../../src/errors.ts';

const TWO: Fields[] = [{ mac: '08:00:27:00:00:01' }, { mac: '08:00:27:00:00:02', description: 'two words' }];

const forms: [string, string, Fields[]][] = [
  ['a JSON list', JSON.stringify(TWO), TWO],
  ['a JSON list over lines', `\n  [\n  ${JSON.stringify(TWO[0])},${JSON.stringify(TWO[1])}]`, TWO],
  ['an empty JSON list', '[]', []],
  ['one JSON object', JSON.stringify(TWO[1]), [TWO[1] as Fields]],
  [
    'JSON objects by name',
    '{"n0": {"mac": "x"}, "n1": {"mac": "y"}}',
    [
      { name: 'n0', mac: 'x' },
      { name: 'n1', mac: 'y' },
    ],
  ],
  ['one object whose only field is attributes', '{"attributes": {"rack": "b"}}', [{ attributes: { rack: 'b' } }]],
  ['a YAML list', '- mac: "08:00:27:00:00:01"\n- mac: 08:00:27:00:00:02\n  description: two words\n', TWO],
  [
    'YAML objects by name',
    '# nodes\nn0:\n  mac: x\nn1:\n  mac: y\n',
    [
      { name: 'n0', mac: 'x' },
      { name: 'n1', mac: 'y' },
    ],
  ],
  ['one YAML object', 'name: gpu\ndescription: x\n', [{ name: 'gpu', description: 'x' }]],
  [
    'INI',
    '; nodes\n[n0]\nmac = 08:00:27:00:00:01\n_boot_style=roram\nattributes.rack = b\n\n[n1]\nmac=x\n',
    [
      { name: 'n0', mac: '08:00:27:00:00:01', attributes: { _boot_style: 'roram', rack: 'b' } },
      { name: 'n1', mac: 'x' },
    ],
  ],
  ['lines of MAC addresses', '08:00:27:00:00:01\n\n# a comment\n08:00:27:00:00:02 description="two words"\r\n', TWO],
  ['lines of name=value', "mac=08:00:27:00:00:01\nmac=08:00:27:00:00:02 description='two words' # two\n", TWO],
];

for (const [title, text, expected] of forms) {
  test(`read: ${title}`, t => {
    t.deepEqual(readContent(text, 'nodes'), expected);
  });
}

const refusals: [string, string, string][] = [
  ['nothing', ' \n', 'nodes: is empty.'],
  ['broken JSON', '{"mac": ', 'nodes: is not JSON: '],
  ['a list of texts', '["n0"]', 'nodes: item 1 must be an object of fields, but is "n0".'],
  ['broken YAML', 'n0: {mac: x\n', 'nodes: is not YAML: '],
  ['a word that is no field', 'mac=x\nmac=y quiet\n', "nodes:2: 'quiet' is neither name=value nor a MAC address"],
  ['an INI line that is none', '[n0]\nmac\n', "nodes:2: 'mac' is neither [section] nor name=value."],
  ['an INI section twice', '[n0]\nmac=x\n[n0]\n', 'nodes:3: the section [n0] appears twice.'],
];

for (const [title, text, expected] of refusals) {
  test(`refused: ${title}`, t => {
    const error = t.throws(() => readContent(text, 'nodes'), { instanceOf: MusterError });
    t.is(error?.code, 'bad-value');
    t.true(error?.message.startsWith(expected), error?.message);
  });
}

test('YAML that would grow without bound is refused', t => {
  const lines = ['a0: &a0 [x, x, x, x, x, x, x, x, x, x]'];
  for (let level = 1; level < 9; level += 1)
    lines.push(`a${level}: &a${level} [${Array.from({ length: 10 }, () => `*a${level - 1}`).join(', ')}]`);
  t.throws(() => readContent(lines.join('\n'), 'bomb'), { message: /is not YAML/ });
});

test('INI: an indented line continues the value, and `=` in a value stays', t => {
  t.deepEqual(readIni('[a]\nbaseurl = http://x/?a=1\n   http://y/\n', 'x'), [
    { name: 'a', values: { baseurl: 'http://x/?a=1 http://y/' } },
  ]);
});
