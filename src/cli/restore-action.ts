// `muster restore`: turns a backup into this head while musterd is stopped.
import { open } from 'node:fs/promises';
import type { Placed } from '../backup/configuration.ts';
import { networksOf } from '../config.ts';
import { MusterError, reasonOf, systemCode } from '../errors.ts';
import { homelessNodes, homelessWarning } from '../model/homeless.ts';
import { configuration, STATE, type StateOption, stateFolder, theFile } from './backup-action.ts';
import { DEFAULT_CONFIG_FILE } from './init-action.ts';
import { isForPrograms, printData } from './listing.ts';
import { action, type Context } from './table.ts';
import { humanTime } from './terminal.ts';

export const restoreRun = action({
  name: 'restore',
  words: '<file>',
  takes: 'files',
  summary: 'restore this head from a backup while musterd is stopped; - is standard input, --dry-run only verifies',
  options: [
    STATE,
    {
      flags: '--force',
      meaning: 'replace an existing head; its database and keys are kept in a folder next to it',
    },
    {
      flags: '--config <file>',
      meaning: `where to write muster.toml if it is missing; default: ${DEFAULT_CONFIG_FILE}`,
      takes: 'files',
    },
  ],
  examples: [
    'muster restore /backup/head1.tar --dry-run',
    'systemctl stop musterd && muster restore /backup/head1.tar --force && systemctl start musterd',
  ],
  async run(context) {
    const { given, terminal } = context;
    const source = theFile(given.words);
    const state = stateFolder(context);
    const bar = terminal.progress(given.dryRun ? 'verifying' : 'restoring');
    try {
      const chunks = await opened(source, (done, total) => bar.update(done, total));
      const result = given.dryRun ? await verified(chunks) : await restored(context, state, chunks);
      bar.stop();
      if (isForPrograms(given)) {
        const { head, created, muster, files, missing } = result.manifest;
        const { damaged, old, written, kept, elsewhere, homeless = null } = result;
        const facts = { head, created, muster, files: files.length, missing, damaged, state };
        printData(terminal, given, {
          ...facts,
          old: old ?? null,
          written,
          kept,
          elsewhere,
          homeless,
          dry_run: given.dryRun,
        });
      } else for (const line of report(result, state, given.dryRun)) terminal.say(line);
      return 0;
    } catch (error) {
      const code = systemCode(error);
      if (code === 'EACCES' || code === 'EPERM') throw notAllowed(state, error);
      throw error;
    } finally {
      bar.stop();
    }
  },
});

type Result = Awaited<ReturnType<typeof verified>>;

async function verified(chunks: AsyncIterable<Buffer>) {
  const { verifyBackup } = await import('../backup/restore.ts');
  const nothing: Placed = { written: [], kept: [], elsewhere: [] };
  const noOld: { old: string | undefined } = { old: undefined };
  return { ...(await verifyBackup(chunks)), ...nothing, ...noOld, homeless: undefined as string | undefined };
}

async function restored(
  context: Context<StateOption & { readonly force?: boolean | undefined }>,
  state: string,
  chunks: AsyncIterable<Buffer>,
): Promise<Result> {
  const { restoreBackup } = await import('../backup/restore.ts');
  const { placeConfiguration } = await import('../backup/configuration.ts');
  const { given } = context;
  const { config } = given;
  const { state: other } = given.options;
  const {
    configuration: brought,
    nodes,
    ...rest
  } = await restoreBackup(state, chunks, {
    force: given.options.force === true,
    now: Date.now(),
  });
  // With another state folder, this only inspects a backup and makes no new head.
  if (other !== undefined && config === undefined)
    return { ...rest, written: [], kept: [], elsewhere: [...brought.keys()], homeless: undefined };
  const placed = await placeConfiguration(config ?? DEFAULT_CONFIG_FILE, brought);
  const settings = configuration(context).config;
  // Without an address there is no network yet for nodes.
  const found = settings['head.address'] === '' ? undefined : homelessNodes(nodes, networksOf(settings));
  return { ...rest, ...placed, homeless: found && homelessWarning(found, nodes.length) };
}

function report(
  { manifest, damaged, old, written, kept, homeless, elsewhere }: Result,
  state: string,
  isDryRun: boolean,
): string[] {
  const { head, created, muster, files, missing } = manifest;
  const all = damaged.length === 0 ? ', all complete' : '';
  const lost = [
    ...missing.map(file => ({ ...file, what: 'was missing' })),
    ...damaged.map(file => ({ ...file, what: 'was damaged' })),
  ];
  return [
    `A backup of ${head} from ${humanTime(created)} by muster ${muster}: ${files.length} files${all}.`,
    ...lost.map(
      ({ sha256, used_by, what }) =>
        `WARNING: the stored file ${sha256.slice(0, 12)} ${what} when the backup was made${used_by.length > 0 ? `; upload it again: ${used_by.join(', ')}` : ''}.`,
    ),
    ...written.map(file => `Wrote ${file}.`),
    ...kept.map(
      ({ file, copy }) => `${file} differs from the backup and was not changed; the backup's version is ${copy}.`,
    ),
    ...(elsewhere.length === 0
      ? []
      : [`Not written (extract them from the backup with tar): ${elsewhere.join(', ')}.`]),
    ...(homeless === undefined ? [] : [`WARNING: ${homeless}`]),
    ...(isDryRun ? [] : [`${state} is restored; start musterd: systemctl start musterd`]),
    ...(old === undefined ? [] : [`The old files are in ${old}.`]),
  ];
}

/** Root acts with the rights of the folder's owner, so a file of another user stops it too. */
function notAllowed(state: string, cause: unknown): MusterError {
  const message =
    process.getuid?.() === 0
      ? `${reasonOf(cause)}. Everything in ${state} must belong to its owner: chown -R muster:muster ${state}`
      : `You may not write ${state}: sudo muster restore …`;
  return new MusterError('not-allowed', message, { cause });
}

async function opened(source: string, progress: (done: number, total: number) => void): Promise<AsyncIterable<Buffer>> {
  if (source === '-') return process.stdin;
  const unreadable = (error: unknown): MusterError =>
    new MusterError('bad-value', `${source}: cannot be read: ${reasonOf(error)}`, { cause: error });
  const file = await open(source).catch((error: unknown) => {
    throw unreadable(error);
  });
  const { size } = await file.stat();
  return (async function* (): AsyncGenerator<Buffer> {
    let done = 0;
    try {
      for await (const chunk of file.createReadStream({ highWaterMark: 1 << 20 })) {
        done += (chunk as Buffer).length;
        progress(done, size);
        yield chunk as Buffer;
      }
    } catch (error) {
      throw unreadable(error);
    }
  })();
}
