// Generates docs/cli.md and docs/errors.md from the tables: nouns, options, fields, reserved attributes, errors.
import { STATE_WORDS } from '../../src/boot/states.ts';
import { EXIT_STATUSES } from '../../src/cli/exit-statuses.ts';
import { NOUNS } from '../../src/cli/nouns.ts';
import { COMMON_OPTIONS, selectionOptions } from '../../src/cli/options.ts';
import { scyldNameOf } from '../../src/cli/scyld-names.ts';
import type { Action, Noun, Option } from '../../src/cli/table.ts';
import { ERRORS } from '../../src/errors.ts';
import { RESERVED_ATTRIBUTES } from '../../src/model/attributes.ts';
import { fieldsOf, KIND_NAMES, KINDS } from '../../src/model/kinds.ts';

/** docs/cli.md. */
export function cliReference(): string {
  return [
    '# The command line',
    'Generated from the tables in `src/cli`; `test/cli/reference.test.ts` compares it, and `UPDATE_DOCS=1` updates it.',
    '`muster <noun> [options] <action> [words]`. The `scyld-*` names are the same program: `scyld-nodectl …` is `muster nodectl …`.',
    'Options may come before the action, after it, and between the words.',
    '## Common options',
    optionTable(COMMON_OPTIONS),
    '## Selecting',
    SELECTING,
    optionTable(selectionOptions('node')),
    ...NOUNS.flatMap(noun => nounSections(noun)),
    '## Fields',
    'Set with `update`, `create` and `replace`; `name=@FILE` sends a file.',
    ...KIND_NAMES.flatMap(kind => [`### ${KINDS[kind].label}`, fieldTable(kind)]),
    '## Reserved attributes',
    'Set with `set` and removed with `clear`, on nodes and attribute groups. A node takes them from the default group, then from its groups in order, then from itself; later values win.',
    table(
      ['attribute', 'meaning'],
      Object.entries(RESERVED_ATTRIBUTES).map(([name, { meaning }]) => [`\`${name}\``, meaning]),
    ),
    '## Exit status',
    table(
      ['status', 'meaning'],
      EXIT_STATUSES.map(({ status, meaning }) => [String(status), meaning]),
    ),
    'Each error has a code; [errors.md](errors.md) lists them.',
  ]
    .join('\n\n')
    .concat('\n');
}

/** docs/errors.md. */
export function errorReference(): string {
  const rows = Object.entries(ERRORS).map(([code, { status, exit, meaning }]) => [
    `\`${code}\``,
    String(exit),
    String(status),
    meaning,
  ]);
  return [
    '# Errors',
    'Generated from `src/errors.ts`; `test/cli/reference.test.ts` compares it, and `UPDATE_DOCS=1` updates it.',
    'The command line prints `ERROR:` with a sentence, often followed by the remedy, on standard error. The admin API answers `{"success": false, "reason": …, "code": …}`.',
    table(['code', 'exit status', 'HTTP status', 'meaning'], rows),
    '## Exit status of the command line',
    table(
      ['status', 'meaning'],
      EXIT_STATUSES.map(({ status, meaning }) => [String(status), meaning]),
    ),
  ]
    .join('\n\n')
    .concat('\n');
}

const SELECTING = `\`-i\` may be repeated and joined to its value (\`-in0\`). It accepts:

- any object: its name, its UID, or at least the first 5 digits of the UID
- nodes also: a range \`n[0-3,7]\`, a group \`%gpu\`, the index, the MAC or the IP address

Without a selection, actions that only read use all objects; actions that change something need one.

\`-s\` narrows by an expression:

- the left side is a field, \`attributes[name]\` (after inheritance; a name that begins with \`_\` needs no brackets), \`status[name]\` or \`hardware[name]\`;
  \`status\` alone, and \`status[state]\`, is ${STATE_WORDS}
- \`==\` \`!=\` \`<\` \`<=\` \`>\` \`>=\` \`=~\` \`!~\`, \`name in (n0, n1)\`, \`gpu in groups\`; a left side alone holds if it exists and means yes
- units of sizes: kB MB GB TB are powers of 1000; KiB MiB GiB TiB and K M G T are powers of 1024
- \`and\` \`or\` \`not\` and parentheses; quote a value with spaces or brackets

\`\`\`
muster node -s 'status[ram_free] < 1GB' ls
muster node -s 'attributes[_boot_style] == roram and not gpu in groups' ls
muster node -i n[0-99] --up -s 'name =~ "[05]$"' set rack=b
\`\`\``;

function nounSections(noun: Noun): string[] {
  const names = [...noun.aliases.flatMap(alias => scyldNameOf(alias) ?? []).map(code)];
  const own = scyldNameOf(noun.name);
  const title = `## muster ${noun.name}`;
  const known = [...names, ...(own ? [code(own)] : [])].join(', ');
  const lines = [title, `${sentence(noun.summary)}${aliasText(noun, known)}`];
  if (noun.run) lines.push(...actionText(noun.run, `muster ${noun.name}`, undefined));
  for (const action of noun.actions) lines.push(...actionText(action, `muster ${noun.name} …`, action));
  for (const below of noun.nouns ?? [])
    lines.push(
      `\`muster ${noun.name} ${below.name}\` (\`${below.aliases.join('`, `')}\`) is [muster ${below.name}](#muster-${below.name}).`,
    );
  return lines;
}

function aliasText(noun: Noun, known: string): string {
  const others = noun.aliases.map(alias => code(`muster ${alias}`));
  const all = [...(known ? [known] : []), ...others];
  return all.length === 0 ? '' : ` Also: ${all.join(', ')}.`;
}

function actionText(action: Action, path: string, named: Action | undefined): string[] {
  const aliases = (action.aliases ?? []).map(alias => ` (${code(alias)})`).join('');
  const words = action.words ? ` ${action.words}` : '';
  const title = named ? [`### ${path.replace(' …', '')} ${action.name}`] : [];
  const line = named
    ? `${code(`${path} ${action.name}${words}`)}${aliases}: ${action.summary}.`
    : code(`${path}${words}`);
  const options = action.options?.length ? [optionTable(action.options)] : [];
  const examples = action.examples?.length ? [`\`\`\`\n${action.examples.join('\n')}\n\`\`\``] : [];
  return [...title, line, ...options, ...examples];
}

function optionTable(options: readonly Option[]): string {
  return table(
    ['option', 'meaning'],
    options.map(({ flags, meaning, repeats }) => [code(flags), `${meaning}${repeats ? '; may be repeated' : ''}`]),
  );
}

function fieldTable(kind: (typeof KIND_NAMES)[number]): string {
  const rows = fieldsOf(kind).map(({ name, meaning, meta }) => {
    const kept = [
      meta.required && 'needed',
      meta.readOnly && 'maintained by muster',
      meta.refers && `names a ${KINDS[meta.refers].label}`,
    ];
    return [code(name), meaning, kept.filter(Boolean).join('; ')];
  });
  return table(['field', 'meaning', ''], rows);
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map(cell => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

function code(text: string): string {
  return `\`${text}\``;
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}
