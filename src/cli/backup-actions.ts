// `muster backup` and `muster restore`: the whole head as one file, verified on both ways.
import { existsSync, mkdirSync } from 'node:fs';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname, resolve } from 'node:path';
import { defaultConfig, loadConfig } from '../config.ts';
import { MusterError, reasonOf, systemCode } from '../errors.ts';
import { DEFAULT_CONFIG_FILE } from './init-action.ts';
import { isForPrograms, printData } from './listing.ts';
import type { Action, Context } from './table.ts';
import { humanBytes, humanTime } from './terminal.ts';

const STATE = {
  flags: '--state <folder>',
  meaning: 'the state folder; that of the configuration when not given',
  takes: 'files',
} as const;

export const backupRun: Action = {
  name: 'backup',
  words: '<file>',
  takes: 'files',
  summary: 'write database, stored files and key of this head to one file, while musterd runs; - is standard output',
  options: [{ ...STATE, meaning: `${STATE.meaning}; only for a musterd that does not run` }],
  examples: ['muster backup /backup/head1.tar', 'muster backup - | ssh vault "cat >head1.tar"'],
  async run(context) {
    const { given, terminal } = context;
    const target = theFile(given.words);
    const { stream, size } = await beginning(context);
    const bar = terminal.progress('backing up');
    const { readBackup } = await import('../backup/read.ts');
    const output = await openOutput(target);
    let done = 0;
    const copied = async function* (): AsyncGenerator<Buffer> {
      for await (const chunk of stream) {
        await output.write(chunk);
        done += chunk.length;
        bar.update(done, size);
        yield chunk;
      }
    };
    try {
      // Read as a restore would: a backup that cannot be restored is none.
      const manifest = await readBackup(copied(), {
        manifest: () => {},
        file: async (_file, content) => {
          for await (const _chunk of content);
        },
      });
      await output.finish();
      bar.stop();
      const { files, missing } = manifest;
      for (const sha256 of missing)
        terminal.say(`WARNING: the stored file ${sha256.slice(0, 12)} is gone from this head, and so from the backup.`);
      if (isForPrograms(given) && target !== '-')
        printData(terminal, given, { file: target, bytes: done, files: files.length, missing });
      else
        terminal.say(
          `${target}: ${humanBytes(done)}, ${files.length} files, verified. It holds secrets: keep it as you keep root's.`,
        );
      return missing.length === 0 ? 0 : 1;
    } catch (error) {
      bar.stop();
      await output.drop();
      throw systemCode(error) === 'ECONNRESET'
        ? new MusterError('bad-backup', 'musterd broke the backup off; its log says why. Nothing was written.', {
            cause: error,
          })
        : error;
    }
  },
};

export const restoreRun: Action = {
  name: 'restore',
  words: '<file>',
  takes: 'files',
  summary:
    'make a backup the state of this head, with musterd stopped; with --dry-run only verify it. - is standard input',
  options: [STATE, { flags: '--force', meaning: 'replace the database that is there; it is kept in a folder beside' }],
  examples: [
    'muster restore /backup/head1.tar --dry-run',
    'systemctl stop musterd && muster restore /backup/head1.tar --force && systemctl start musterd',
  ],
  async run(context) {
    const { given, terminal } = context;
    const source = theFile(given.words);
    const { restoreBackup, verifyBackup } = await import('../backup/restore.ts');
    const state = stateFolder(context);
    const bar = terminal.progress(given.dryRun ? 'verifying' : 'restoring');
    try {
      const chunks = await opened(source, (done, total) => bar.update(done, total));
      const { manifest, old } = given.dryRun
        ? { manifest: await verifyBackup(chunks), old: undefined }
        : await restoreBackup(state, chunks, { force: given.options['force'] === true, now: Date.now() });
      bar.stop();
      const { head, created, muster, files, missing } = manifest;
      if (isForPrograms(given)) {
        printData(terminal, given, {
          head,
          created,
          muster,
          files: files.length,
          missing,
          state,
          old: old ?? null,
          dry_run: given.dryRun,
        });
        return 0;
      }
      terminal.say(
        `A backup of ${head} of ${humanTime(created)} by muster ${muster}: ${files.length} files, all of them whole.`,
      );
      for (const sha256 of missing)
        terminal.say(`The stored file ${sha256.slice(0, 12)} was gone already when it was made.`);
      if (!given.dryRun) terminal.say(`${state} is restored; start musterd: systemctl start musterd`);
      if (old !== undefined) terminal.say(`What was there is in ${old}.`);
      return 0;
    } catch (error) {
      const code = systemCode(error);
      if (code === 'EACCES' || code === 'EPERM')
        throw new MusterError('not-allowed', `You may not write ${state}: sudo muster restore …`, { cause: error });
      throw error;
    } finally {
      bar.stop();
    }
  },
};

function theFile(words: readonly string[]): string {
  const [file = '', ...more] = words;
  if (file === '' || more.length > 0) throw new MusterError('bad-usage', 'Exactly one file is wanted.');
  return file;
}

/** From the daemon; when none runs, from its state folder, which nobody changes then. */
async function beginning(context: Context): Promise<{ stream: AsyncIterable<Buffer>; size: number }> {
  if (context.given.options['state'] === undefined) {
    try {
      const { body, size } = await context.client.download('/api/v1/backup');
      return { stream: body, size };
    } catch (error) {
      if (!(error instanceof MusterError) || error.code !== 'not-running') throw error;
      const state = stateFolder(context);
      if (!existsSync(state)) throw error;
    }
  }
  const { offlineBackup } = await import('../backup/offline.ts');
  return offlineBackup(stateFolder(context), hostname(), Date.now());
}

function stateFolder({ given }: Context): string {
  const { state, config } = given.options as { state?: string; config?: string };
  if (state !== undefined) return resolve(state);
  const file = config ?? (existsSync(DEFAULT_CONFIG_FILE) ? DEFAULT_CONFIG_FILE : undefined);
  return (file === undefined ? defaultConfig() : loadConfig(file))['paths.state'];
}

interface Output {
  write(chunk: Buffer): Promise<void>;
  finish(): Promise<void>;
  drop(): Promise<void>;
}

/** A file that has its name only once it is whole. Only its owner may read it: it holds secrets. */
async function openOutput(target: string): Promise<Output> {
  if (target === '-') {
    if (process.stdout.isTTY) throw new MusterError('bad-usage', 'A backup is nothing for a terminal; give a file.');
    const write = async (chunk: Buffer): Promise<void> =>
      new Promise((done, fail) => process.stdout.write(chunk, error => (error ? fail(error) : done())));
    return { write, finish: async () => {}, drop: async () => {} };
  }
  const part = `${target}.part`;
  let file: FileHandle;
  try {
    mkdirSync(dirname(resolve(target)), { recursive: true });
    file = await open(part, 'w', 0o600);
    await file.chmod(0o600);
  } catch (error) {
    throw new MusterError('bad-value', `${part}: cannot be written: ${reasonOf(error)}`, { cause: error });
  }
  return {
    write: async chunk => {
      try {
        await file.writeFile(chunk);
      } catch (error) {
        if (systemCode(error) !== 'ENOSPC') throw error;
        throw new MusterError('disk-full', `${part}: there is no room for the backup.`, { cause: error });
      }
    },
    finish: async () => {
      await file.sync();
      await file.close();
      await rename(part, target);
    },
    drop: async () => {
      await file.close();
      await rm(part, { force: true });
    },
  };
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
