// Builds commander's commands from the table of nouns: options before and after the action, help with examples, nearest known words.
import { Command, CommanderError, Option as CommanderOption } from 'commander';
import { MusterError } from '../errors.ts';
import { nearest } from '../nearest.ts';
import { version } from '../package-root.ts';
import { commands } from './commands.ts';
import { givenBy, mergeOptions } from './given.ts';
import { HELP } from './help.ts';
import { COMMON_GROUP, COMMON_OPTIONS, selectionOptions } from './options.ts';
import { chosen } from './selection.ts';
import type { Action, Given, Noun, Option } from './table.ts';
import { readDashes } from './words.ts';

/** Runs a command line (without the program's own name); returns the exit status. */
export async function runCommandLine(typed: readonly string[]): Promise<number> {
  const { words, notes } = readDashes(typed);
  for (const note of notes) process.stderr.write(`${note}\n`);
  let status = 0;
  const program = buildProgram(async (noun, action, given, options) => {
    const { perform } = await import('./perform.ts');
    status = await perform(noun, action, given, options, words, runCommandLine);
  }, words);
  try {
    await program.parseAsync(words, { from: 'user' });
    return status;
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    // The user asked for help or the version.
    if (error.exitCode === 0) return 0;
    throw usageError(error);
  }
}

type Perform = (noun: Noun, action: Action, given: Given, options: Record<string, unknown>) => Promise<void>;

/** @param words the command line: only nouns that it contains are built completely, because that takes most of the start time */
export function buildProgram(run: Perform, words?: readonly string[]): Command {
  const program: Command = command('muster')
    .description(
      'Manages a cluster through musterd: what each node boots, what it is doing, and why it does not come up.',
    )
    .version(version, '-V, --version')
    .usage('<noun> [options] <action> [words]')
    .addHelpText(
      'after',
      examplesText([
        'muster node ls',
        'muster node -i n0 timeline',
        'muster boot -i DefaultBoot update kernel=@/boot/vmlinuz',
      ]),
    )
    .argument('[words...]')
    // Lets an action take words with dashes as its own (`exec sh -c …`); every level has the common options.
    .enablePositionalOptions()
    .addHelpCommand(
      command('help').argument('[noun]').description('print the help of a noun').helpGroup('Help and practice:'),
    )
    .allowUnknownOption();
  // Otherwise an unknown noun would print the general help.
  program.on('beforeAllHelp', ({ command: asked }: { command: Command }) => {
    if (asked !== program) return;
    const [first, second] = program.args.filter(word => !word.startsWith('-'));
    const word = first === 'help' ? second : first;
    if (word !== undefined && !isNamed(word, commands()))
      throw unknownWord(word, commands(), 'There is no noun', 'muster --help');
  });
  addOptions(program, COMMON_GROUP, COMMON_OPTIONS);
  program.action(() => {
    const { word, option } = strangers(program.args);
    if (word !== undefined) throw unknownWord(word, commands(), 'There is no noun', 'muster --help');
    if (option !== undefined) throw unknownOption(option, program, 'muster');
    throw new MusterError('bad-usage', 'The command line names no noun.', { hint: "See 'muster --help'." });
  });
  for (const noun of commands()) {
    const isTyped = words === undefined || words.some(word => isNamed(word, [noun]));
    program.addCommand(isTyped ? nounCommand(noun, 'muster', run) : nameOnly(noun));
  }
  return program;
}

function nameOnly({ name, summary, aliases, task = 'Other' }: Noun): Command {
  return command(name).description(summary).aliases(aliases).helpGroup(`${task}:`);
}

/** Builds a noun: its own options, its actions, the nouns below it. */
function nounCommand(noun: Noun, parents: string, run: Perform): Command {
  const made = nameOnly(noun);
  const path = `${parents} ${noun.name}`;
  if (noun.actions.some(action => action.passesThrough)) made.enablePositionalOptions();
  if (noun.run) fill(made, noun, noun.run, run);
  else addShared(made, noun, true);
  for (const below of noun.nouns ?? []) made.addCommand(nounCommand(below, path, run));
  for (const action of noun.actions) {
    made.addCommand(fill(command(action.name).aliases(action.aliases ?? []), noun, action, run));
  }
  const words = [...noun.actions, ...(noun.nouns ?? [])];
  if (words.length > 0) withoutAction(made, noun, words, path, run);
  return made;
}

/** Handles a noun without a known action after it. */
function withoutAction(made: Command, noun: Noun, words: readonly Named[], path: string, run: Perform): void {
  const own = noun.run;
  made.usage(own ? '[options] [action] [words]' : '[options] <action> [words]').allowUnknownOption(!own);
  made.on('beforeAllHelp', ({ command: asked }: { command: Command }) => {
    const { word } = strangers(made.args);
    if (asked === made && word !== undefined && !own?.words && !isNamed(word, words))
      throw unknownWord(word, words, `'${path}' has no action`, `${path} --help`);
  });
  if (!own?.words) made.argument('[words...]');
  made.action(async () => {
    const { word, option } = strangers(made.args);
    if (word !== undefined && !own?.words) throw unknownWord(word, words, `'${path}' has no action`, `${path} --help`);
    if (own) await runAction(made, noun, own, run);
    else if (option !== undefined) throw unknownOption(option, made, path);
    else throw new MusterError('bad-usage', `'${path}' needs an action: ${words.map(({ name }) => name).join(', ')}.`);
  });
}

/** Reports the first thing that is wrong: an unknown option, as the words after it may be its value, or else a word. */
function strangers(args: readonly string[]): { word?: string; option?: string } {
  const first = args[0];
  if (first === undefined) return {};
  return first.startsWith('-') ? { option: first } : { word: first };
}

function fill(made: Command, noun: Noun, action: Action, run: Perform): Command {
  made.description(action.summary);
  addOptions(made, 'Options:', action.options ?? []);
  addShared(made, noun, action.selects !== false);
  if (action.words) made.arguments(action.words);
  if (action.passesThrough) made.passThroughOptions();
  if (action.examples) made.addHelpText('after', examplesText(action.examples));
  return made.action(async () => runAction(made, noun, action, run));
}

async function runAction(made: Command, noun: Noun, action: Action, run: Perform): Promise<void> {
  const options = mergeOptions(made);
  const given = givenBy(options, made.args);
  if (action.selects === false && Object.keys(chosen(given)).length > 0)
    throw new MusterError('bad-usage', `'${action.name}' takes no selection; leave out -i, --all and the like.`);
  await run(noun, action, given, options);
}

/** Makes a command that throws its errors, because one place prints them. */
function command(name: string): Command {
  const made: Command = new Command(name);
  return made
    .exitOverride(error => {
      const path = pathOf(made);
      // A second line in brackets is the hint, as in commander's own errors.
      if (error.code === 'commander.missingArgument')
        error.message += `\n(Usage: ${path} ${made.usage()}. See '${path} --help'.)`;
      throw error;
    })
    .helpOption('-h, --help', 'print this help')
    .configureOutput({ outputError: () => {} })
    .configureHelp(HELP);
}

/** `muster node power`. */
function pathOf(made: Command): string {
  return made.parent ? `${pathOf(made.parent)} ${made.name()}` : made.name();
}

function examplesText(examples: readonly string[]): string {
  return `\nExamples:\n${examples.map(line => `  ${line}`).join('\n')}\n`;
}

function addShared(made: Command, noun: Noun, shown: boolean): void {
  if (noun.selects) addOptions(made, 'Selection:', selectionOptions(noun.kind), shown);
  addOptions(made, COMMON_GROUP, COMMON_OPTIONS);
}

function addOptions(made: Command, group: string, options: readonly Option[], shown = true): void {
  for (const { flags, meaning, repeats } of options) {
    const option = new CommanderOption(flags, meaning);
    // An action may describe a common option better.
    if (made.options.some(({ long }) => long === option.long)) continue;
    if (repeats && (option.required || option.optional) && !option.variadic)
      option.argParser((value: string, previous: string[] | undefined) => [...(previous ?? []), value]);
    else if (repeats && !option.variadic)
      option.argParser((_value: unknown, previous: number | undefined) => (previous ?? 0) + 1);
    made.addOption(option.helpGroup(group).hideHelp(!shown));
  }
}

interface Named {
  name: string;
  aliases?: string[];
}

function isNamed(word: string, known: readonly Named[]): boolean {
  return known.some(({ name, aliases = [] }) => name === word || aliases.includes(word));
}

function unknownWord(word: string, known: readonly Named[], what: string, help: string): MusterError {
  const close = nearest(
    word,
    known.flatMap(({ name, aliases = [] }) => [name, ...aliases]),
  );
  const verb = known.length === 1 ? 'is' : 'are';
  const owners =
    known === commands() ? commands().filter(({ actions, nouns = [] }) => isNamed(word, [...actions, ...nouns])) : [];
  const hint = owners[0]
    ? `Did you mean 'muster ${owners[0].name} ${word}'?`
    : close
      ? `Did you mean '${close}'?`
      : `There ${verb} ${known.map(({ name }) => name).join(', ')}.`;
  return new MusterError('bad-usage', `${what} '${word}'.`, { hint: `${hint} See '${help}'.` });
}

function unknownOption(option: string, made: Command, path: string): MusterError {
  const close = nearest(
    option,
    made.options.flatMap(({ long }) => long ?? []),
  );
  const hint = close ? `Did you mean '${close}'? ` : '';
  return new MusterError('bad-usage', `'${path}' has no option '${option}'.`, { hint: `${hint}See '${path} --help'.` });
}

/** Commander's `error: unknown option '--jsn'\n(Did you mean --json?)` as a MusterError. */
function usageError(error: CommanderError): MusterError {
  const [first = '', ...rest] = error.message.split('\n');
  const text = first.replace(/^error: /, '').replace(/\.?$/, '.');
  const hint = rest.join(' ').replace(/^\((.*)\)$/, '$1');
  return new MusterError('bad-usage', text.charAt(0).toUpperCase() + text.slice(1), hint ? { hint } : {});
}
