import test from 'ava';
import { lineOf } from '../../src/files/toml-lines.ts';

const TEXT = `# settings
optional = true
list = [
  1,
  # optional = false
  2,
]
note = """
wrong = 1
"""
wrong = 2

[files."/etc/x"]
mode = "0644"
owner = 'root'

[[scripts]]
file = "a"

[[scripts]]
file = "b"
`;

test('a value has the line of its statement, also after one over many lines', t => {
  t.is(lineOf(TEXT, ['optional']), 2);
  t.is(lineOf(TEXT, ['list', 1]), 3);
  t.is(lineOf(TEXT, ['wrong']), 11);
  t.is(lineOf(TEXT, ['files', '/etc/x', 'owner']), 15);
  t.is(lineOf(TEXT, ['scripts', 1, 'file']), 21);
});

test('what is not there has the line of the table above it, or none', t => {
  t.is(lineOf(TEXT, ['scripts', 1, 'stage']), 20);
  t.is(lineOf(TEXT, ['files', '/etc/x', 'group']), 13);
  t.is(lineOf(TEXT, ['nothing']), undefined);
  t.is(lineOf('', ['nothing']), undefined);
});

test('a text that is too much work has no line, and is given up soon', t => {
  t.is(lineOf(`text = """\n${'a\n'.repeat(20_000)}"""\nlast = 1\n`, ['last']), undefined);
  t.is(lineOf(`text = "${'a'.repeat(300_000)}"\n`, ['text']), undefined);
});
