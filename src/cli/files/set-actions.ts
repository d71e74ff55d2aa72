// `muster files` that change a set as a whole: rollback, clone, freeze, delete. They load fast.
import { FILE_SETS } from '../../api/file-sets.ts';
import { OBJECTS } from '../../api/objects.ts';
import { printChanged } from '../differences.ts';
import { remove } from '../object-actions.ts';
import { dryRun } from '../selection.ts';
import type { Action } from '../table.ts';
import { findSet } from './find-set.ts';
import { setAndWords, sortedWords, versionOf, wrongUse } from './words.ts';

export const filesRollback: Action = {
  name: 'rollback',
  words: '<name> <version>',
  takes: 'names',
  summary: 'make an earlier content the current one, as a new version',
  examples: ['muster files rollback hosts v3', 'muster files rollback hosts v3 --dry-run'],
  async run(context) {
    const { client, given } = context;
    const usage = 'rollback hosts v3';
    const [id, version, ...more] = setAndWords(context, usage);
    if (version === undefined || more.length > 0) throw wrongUse(usage, 'needs a version');
    const parts = { params: { id }, query: dryRun(given), body: { version: versionOf(version) } };
    printChanged(context, await client.call(FILE_SETS.rollback, parts));
    return 0;
  },
};

export const filesClone: Action = {
  name: 'clone',
  words: '<name> [new-name] [field=value...]',
  takes: 'names',
  summary: 'copy a file set under a new name',
  examples: ['muster files clone slurm slurm-test'],
  async run(context) {
    const { client, given } = context;
    const { names, fields } = sortedWords(given.words);
    const [id, name, ...more] = [...given.ids, ...names];
    if (id === undefined || more.length > 0) throw wrongUse('clone slurm slurm-test', 'needs a file set');
    const query = { id: [id], ...dryRun(given) };
    const body = name === undefined ? fields : { ...fields, name };
    if (!(await findSet(context, id))) {
      // Its own name is allowed: the copy then counts instead
      const { cloneShipped } = await import('./create-set.ts');
      return cloneShipped(context, id, { name: id, ...body });
    }
    printChanged(context, await client.call(OBJECTS.clone, { kind: 'files', query, body }));
    return 0;
  },
};

const freezing = (name: string, frozen: boolean, summary: string): Action => ({
  name,
  words: '[names...]',
  takes: 'names',
  summary,
  examples: [`muster files ${name} hosts`],
  async run(context) {
    const { client, given } = context;
    const ids = [...given.ids, ...given.words];
    if (ids.length === 0 && !given.all) throw wrongUse(`${name} hosts`, 'needs a file set');
    const query = { ...(ids.length > 0 ? { id: ids } : { all: 'true' }), ...dryRun(given) };
    printChanged(context, await client.call(OBJECTS.update, { kind: 'files', query, body: { frozen } }));
    return 0;
  },
});

export const filesFreeze = freezing('freeze', true, 'block changes of file sets');
export const filesThaw = freezing('unfreeze', false, 'allow changes of frozen file sets again');

export const filesDelete: Action = {
  ...remove,
  aliases: [],
  words: '[names...]',
  takes: 'names',
  summary: 'delete file sets; those that nodes or groups name only with --force',
  examples: ['muster files delete motd', 'muster files delete motd --force --dry-run'],
  run: async context =>
    remove.run({
      ...context,
      given: { ...context.given, ids: [...context.given.ids, ...context.given.words], words: [] },
    }),
};
