// Manual pages in roff (man(7)), one for muster and one for each noun; the `scyld-*` pages refer to them.
import { version } from '../package-root.ts';
import { commands } from './commands.ts';
import { EXIT_STATUSES } from './exit-statuses.ts';
import { COMMON_OPTIONS, selectionOptions } from './options.ts';
import { scyldNameOf } from './scyld-names.ts';
import type { Action, Noun, Option } from './table.ts';

/** Texts by name without section: `muster`, `muster-node`, `scyld-nodectl`. */
export function manPages(): Map<string, string> {
  const pages = new Map([['muster', mainPage()]]);
  for (const noun of commands()) {
    pages.set(`muster-${noun.name}`, nounPage(noun));
    for (const name of [noun.name, ...noun.aliases].flatMap(word => scyldNameOf(word) ?? []))
      pages.set(name, `.so man1/muster-${noun.name}.1\n`);
  }
  return pages;
}

function mainPage(): string {
  return page('muster', 'the command line of musterd', [
    section('SYNOPSIS', ['.B muster', '.I noun', '.RI [ options ]', '.I action', '.RI [ words ]']),
    section('DESCRIPTION', [
      roff(
        'muster controls musterd, the boot-path server of a cluster, over its Unix socket. Options may come before the action, after it, and between the words.',
      ),
    ]),
    section(
      'NOUNS',
      commands().flatMap(noun => term(`\\fBmuster\\-${escaped(noun.name)}\\fR(1)`, noun.summary)),
    ),
    section('COMMON OPTIONS', optionLines(COMMON_OPTIONS)),
    section('ENVIRONMENT', [
      ...term('\\fBMUSTER_SOCKET\\fR', "the daemon's socket"),
      ...term('\\fBNO_COLOR\\fR', 'no colours, even on a terminal'),
    ]),
    exitStatus(),
    section(
      'EXAMPLES',
      examples([
        'muster node ls',
        'muster node -i n0 timeline',
        'muster boot -i DefaultBoot update kernel=@/boot/vmlinuz',
      ]),
    ),
  ]);
}

function nounPage(noun: Noun): string {
  const actions = [...noun.actions];
  const others = noun.aliases.map(alias => `muster ${alias}`);
  const programs = [noun.name, ...noun.aliases].flatMap(word => scyldNameOf(word) ?? []);
  const called = [...others, ...programs];
  const own = noun.run;
  return page(`muster-${noun.name}`, noun.summary, [
    section('SYNOPSIS', synopsis(noun)),
    ...(called.length > 0 ? [section('DESCRIPTION', [roff(`The same as ${called.join(', ')}.`)])] : []),
    ...(own?.options ? [section('OPTIONS', optionLines(own.options))] : []),
    ...(actions.length > 0 ? [section('ACTIONS', actions.flatMap(actionLines))] : []),
    ...(noun.nouns
      ? [
          section(
            'NOUNS BELOW',
            noun.nouns.flatMap(below =>
              term(`\\fB${escaped(below.name)}\\fR`, `${below.summary}; see muster-${below.name}(1)`),
            ),
          ),
        ]
      : []),
    ...(noun.selects ? [section('SELECTION', optionLines(selectionOptions(noun.kind)))] : []),
    section('COMMON OPTIONS', optionLines(COMMON_OPTIONS)),
    ...(own?.examples ? [section('EXAMPLES', examples(own.examples))] : []),
    section('SEE ALSO', ['.BR muster (1)']),
  ]);
}

function synopsis(noun: Noun): string[] {
  const own = noun.run
    ? [`.B muster ${escaped(noun.name)}`, '.RI [ options ]', ...(noun.run.words ? [roff(noun.run.words)] : [])]
    : [];
  const acting =
    noun.actions.length > 0 ? [`.B muster ${escaped(noun.name)}`, '.RI [ options ]', '.I action', '.RI [ words ]'] : [];
  return [...own, ...(own.length > 0 && acting.length > 0 ? ['.br'] : []), ...acting];
}

function actionLines(action: Action): string[] {
  const aliases = action.aliases?.length ? `, \\fB${action.aliases.map(escaped).join('\\fR, \\fB')}\\fR` : '';
  const words = action.words ? ` ${escaped(action.words)}` : '';
  const options = action.options?.length ? ['.RS', ...optionLines(action.options), '.RE'] : [];
  const shown = action.examples?.length ? ['.IP', ...examples(action.examples)] : [];
  return [...term(`\\fB${escaped(action.name)}\\fR${aliases}${words}`, action.summary), ...options, ...shown];
}

function optionLines(options: readonly Option[]): string[] {
  return options.flatMap(({ flags, meaning, repeats }) =>
    term(`\\fB${escaped(flags)}\\fR`, `${meaning}${repeats ? '; may be repeated' : ''}`),
  );
}

function exitStatus(): string {
  return section(
    'EXIT STATUS',
    EXIT_STATUSES.flatMap(({ status, meaning }) => term(`\\fB${status}\\fR`, meaning)),
  );
}

function examples(lines: readonly string[]): string[] {
  return ['.nf', ...lines.map(roff), '.fi'];
}

function page(name: string, summary: string, sections: readonly string[]): string {
  const title = `.TH "${escaped(name.toUpperCase())}" "1" "" "muster ${version}" "muster"`;
  return `${[title, section('NAME', [`${escaped(name)} \\- ${escaped(summary)}`]), ...sections].join('\n')}\n`;
}

function section(title: string, lines: readonly string[]): string {
  return [`.SH ${title}`, ...lines].join('\n');
}

function term(head: string, text: string): string[] {
  return ['.TP', head, roff(text)];
}

/** Returns a line of text in which a leading point or quote is not a request. */
function roff(text: string): string {
  return escaped(text).replace(/^(?=[.'])/, '\\&');
}

function escaped(text: string): string {
  return text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll('`', '\\`')
    .replaceAll("'", '\\(aq')
    .replaceAll('^', '\\(ha')
    .replaceAll('~', '\\(ti');
}
