import test from 'ava';
import { MusterError } from '../../src/errors.ts';
import { holds, type Path, parseExpression } from '../../src/model/expression.ts';

const NODE: Record<string, unknown> = {
  name: 'n7',
  index: 7,
  groups: ['gpu', 'rack1'],
  description: '',
  frozen: false,
  attributes: { _boot_style: 'roram', rack: 'b 2' },
  // As the agent says it: kB of /proc/meminfo.
  status: { state: 'up', ram_free: '900000', ram_total: '16000000', loadavg: '0.50', version: '1.2' },
  content: { size: 3_000_000_000 },
};

function lookUp({ name, key }: Path): unknown {
  const value = name.startsWith('_') ? (NODE['attributes'] as Record<string, unknown>)[name] : NODE[name];
  return key === undefined ? value : (value as Record<string, unknown> | undefined)?.[key];
}

const truths: [string, boolean][] = [
  ['name == n7', true],
  ['name = n7', true],
  ["name != 'n7'", false],
  ['index < 8 and index >= 7', true],
  ['index > 7 or index <= 6', false],
  ['index == 07', true],
  ['status[ram_free] < 1GB', true],
  ['status[ram_free] < 1 GB', true],
  ['status[ram_free] < 900 MB', false],
  ['status[ram_free] < 921600000', true],
  ['status[ram_free] >= 921600000B', true],
  ['status[ram_free] == 900000', true],
  ['status[ram_total] > 15GiB', true],
  ['status[ram_total] > 16GiB', false],
  ['status[loadavg] < 1', true],
  ['content[size] > 2.5GB', true],
  ['content[size] > 3G', false],
  ['attributes[_boot_style] == roram', true],
  ['_boot_style == roram', true],
  ['attributes[rack] == "b 2"', true],
  ['attributes[none] == roram', false],
  ['attributes[none] != roram', true],
  ['attributes[none]', false],
  ['attributes[none] < 5', false],
  ['not attributes[none] < 5', true],
  ['groups == gpu', true],
  ['groups != gpu', false],
  ['gpu in groups', true],
  ["'rack1' in groups", true],
  ['not gpu in groups', false],
  ['name in (n6, n7)', true],
  ["name in ('n6')", false],
  ['status[state] in (up, booting)', true],
  ['name =~ ^n', true],
  ["name =~ '^n[0-6]$'", false],
  ["name !~ '^n[0-6]$'", true],
  ['description', false],
  ['frozen', false],
  ['not frozen', true],
  ['!frozen && name == n7', true],
  ['name == x || index == 7', true],
  ['name == x or index == 7 and frozen', false],
  ['(name == n7 or index == 1) and not (frozen or description)', true],
  ['not not name', true],
];

for (const [text, expected] of truths) {
  test(`${text} is ${expected}`, t => {
    t.is(holds(parseExpression(text), lookUp), expected);
  });
}

const refusals: [string, string][] = [
  ['', 'at character 1: a field such as name, attributes[x] or status[x] is wanted here, not the end'],
  ['name ==', 'at character 8: a value is wanted here, not the end'],
  ['name == n7 index', "at character 12: 'and', 'or' or the end is wanted here, not 'index'"],
  ['(name == n7', "at character 12: ')' is wanted here, not the end"],
  ["name == 'n7", "at character 9: the quotation that begins with ' does not end"],
  ['status[ram_free < 1', "at character 17: ']' is wanted here, not '<'"],
  ['index < abc', "at character 9: '<' compares numbers and sizes such as 12 or 1GB, and 'abc' is neither"],
  ['index < 1 XB', "at character 11: 'and', 'or' or the end is wanted here, not 'XB'"],
  ['name =~ "("', "at character 9: '(' is no regular expression"],
  [
    'name =~ ^n[0-3]$',
    "at character 11: 'and', 'or' or the end is wanted here, not '['; a value with brackets is written in quotes",
  ],
  ['5 < index', "at character 1: '5' is no name of a field; on the left stands a field, on the right a value"],
  ['name & frozen', "at character 6: '&' has no meaning here"],
  [`name =~ '${'a'.repeat(201)}'`, 'the pattern is longer than 200 characters'],
  ['x'.repeat(1001), 'longer than 1000 characters'],
];

for (const [text, expected] of refusals) {
  test(`refused: ${text.slice(0, 40)}`, t => {
    const error = t.throws(() => parseExpression(text), { instanceOf: MusterError });
    t.is(error?.code, 'bad-selection');
    t.true(error?.message.includes(expected), error?.message);
  });
}

test('deep nesting within the length is read without a stack overflow', t => {
  const text = `${'('.repeat(490)}name${')'.repeat(490)}`;
  t.true(holds(parseExpression(text), lookUp));
});
