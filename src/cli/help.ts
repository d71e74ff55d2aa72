// The layout of help: actions come first, and the options that every command has come last.
import type { Command, Help } from 'commander';
import { COMMON_GROUP } from './options.ts';

/** For commander's `configureHelp`. */
export const HELP = { formatHelp, subcommandTerm: (below: Command) => [below.name(), ...below.aliases()].join(', ') };

function formatHelp(made: Command, helper: Help): string {
  const width = helper.padWidth(made, helper);
  const listed = (groups: ReadonlyMap<string, readonly (readonly [term: string, meaning: string])[]>): string[] =>
    Array.from(groups).flatMap(([title, rows]) =>
      helper.formatItemList(
        title,
        rows.map(([term, meaning]) => helper.formatItem(term, width, meaning, helper)),
        helper,
      ),
    );
  const commands = groupedBy(
    helper.visibleCommands(made),
    below => below.helpGroup() || 'Actions:',
    below => [helper.subcommandTerm(below), helper.subcommandDescription(below)],
  );
  const options = groupedBy(
    helper.visibleOptions(made),
    // `--help` and `--version` have no group.
    option => option.helpGroupHeading ?? COMMON_GROUP,
    option => [helper.optionTerm(option), helper.optionDescription(option)],
  );
  const last = options.get(COMMON_GROUP) ?? [];
  options.delete(COMMON_GROUP);
  return [
    `Usage: ${helper.commandUsage(made)}`,
    '',
    helper.boxWrap(helper.commandDescription(made), helper.helpWidth ?? 80),
    '',
    ...listed(commands),
    ...listed(options),
    ...listed(new Map([[COMMON_GROUP, last]])),
  ].join('\n');
}

function groupedBy<Item>(
  items: readonly Item[],
  group: (item: Item) => string,
  row: (item: Item) => readonly [term: string, meaning: string],
): Map<string, (readonly [term: string, meaning: string])[]> {
  const groups = new Map<string, (readonly [term: string, meaning: string])[]>();
  for (const item of items) groups.set(group(item), [...(groups.get(group(item)) ?? []), row(item)]);
  return groups;
}
