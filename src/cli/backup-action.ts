// `muster backup`: saves the whole head as one file, verified while it is written.
import { existsSync } from 'node:fs';
import { hostname } from 'node:os';
import { resolve } from 'node:path';
import { STORAGE } from '../api/storage.ts';
import { type Config, defaultConfig, loadConfig } from '../config.ts';
import { MusterError, systemCode } from '../errors.ts';
import { type Output, openOutput } from './backup-output.ts';
import { DEFAULT_CONFIG_FILE } from './init-action.ts';
import { isForPrograms, printData } from './listing.ts';
import { action, type Context, type Option, type OptionsOf } from './table.ts';
import { humanBytes } from './terminal.ts';

export const STATE = {
  flags: '--state <folder>',
  meaning: 'the state folder; default: paths.state of the configuration',
  takes: 'files',
} as const satisfies Option;

export type StateOption = OptionsOf<readonly [typeof STATE]>;

export const backupRun = action({
  name: 'backup',
  words: '<file>',
  takes: 'files',
  summary:
    'save this head to one file while musterd runs: database, stored files, keys, configuration; - is standard output',
  options: [
    { ...STATE, meaning: `${STATE.meaning}; only if musterd is not running` },
    {
      flags: '--config <file>',
      meaning: `the configuration, if musterd is not running; default: ${DEFAULT_CONFIG_FILE}`,
      takes: 'files',
    },
  ],
  examples: ['muster backup /backup/head1.tar', 'muster backup - | ssh vault "cat >head1.tar"'],
  async run(context) {
    const { given, terminal } = context;
    const target = theFile(given.words);
    // Before the backup begins, because root may lose the right to create this file.
    const output = await openOutput(target);
    const bar = terminal.progress('backing up');
    try {
      const { stream, size } = await beginning(context);
      const { bytes, manifest, damaged } = await copy(stream, output, done => bar.update(done, size));
      await output.finish();
      bar.stop();
      const { files, missing, left_out } = manifest;
      for (const { sha256, used_by } of missing)
        terminal.say(`WARNING: the stored file ${sha256.slice(0, 12)} is missing on this head${again(used_by)}`);
      for (const { sha256, used_by } of damaged)
        terminal.say(`WARNING: the stored file ${sha256.slice(0, 12)} is damaged on this head${again(used_by)}`);
      for (const file of left_out)
        terminal.say(`WARNING: ${file} is not in the backup: it cannot be read, is too large, or has an odd name.`);
      if (isForPrograms(given) && target !== '-')
        printData(terminal, given, { file: target, bytes, files: files.length, missing, damaged, left_out });
      else
        terminal.say(
          `${target}: ${humanBytes(bytes)}, ${files.length} files, verified. It contains secrets: protect it as you protect root's.`,
        );
      return missing.length + damaged.length + left_out.length === 0 ? 0 : 1;
    } catch (error) {
      bar.stop();
      await output.drop();
      throw systemCode(error) === 'ECONNRESET'
        ? new MusterError('bad-backup', 'musterd aborted the backup; its log has the reason. Nothing was written.', {
            cause: error,
          })
        : error;
    }
  },
});

/** Returns which objects need their file again. */
function again(usedBy: readonly string[]): string {
  return usedBy.length === 0
    ? '.'
    : `: ${usedBy.join(', ')}. Upload the file again (update …=@FILE), then retry the backup.`;
}

/** Copies the stream, and reads it as a restore would, because a backup must be restorable. */
async function copy(stream: AsyncIterable<Buffer>, output: Output, progress: (done: number) => void) {
  const { readBackup } = await import('../backup/read.ts');
  let bytes = 0;
  const copied = async function* (): AsyncGenerator<Buffer> {
    for await (const chunk of stream) {
      await output.write(chunk);
      bytes += chunk.length;
      progress(bytes);
      yield chunk;
    }
  };
  const read = await readBackup(copied(), {
    manifest: () => {},
    file: async (_file, content) => {
      for await (const _chunk of content);
    },
    damaged: () => {},
  });
  return { bytes, ...read };
}

export function theFile(words: readonly string[]): string {
  const [file = '', ...more] = words;
  if (file === '' || more.length > 0)
    throw new MusterError('bad-usage', 'Expected exactly one file: FILE, or - for a pipe.');
  return file;
}

/** From the daemon; if none is running, from its state folder, which nobody changes then. */
async function beginning(context: Context<StateOption>): Promise<{ stream: AsyncIterable<Buffer>; size: number }> {
  const state = stateFolder(context);
  if (context.given.options.state === undefined) {
    try {
      const { body, size } = await context.client.download(STORAGE.backup);
      return { stream: body, size };
    } catch (error) {
      if (!(error instanceof MusterError) || error.code !== 'not-running' || !existsSync(state)) throw error;
    }
  }
  const { offlineBackup } = await import('../backup/offline.ts');
  const { configurationFiles } = await import('../backup/configuration.ts');
  const { file, config } = configuration(context);
  const files = await configurationFiles(file, config);
  return offlineBackup({ state, head: hostname(), configuration: files, now: Date.now() });
}

/** Returns the configuration that a command line means, with its file. */
export function configuration({ given }: Pick<Context, 'given'>): { file: string | undefined; config: Config } {
  const named = given.config ?? DEFAULT_CONFIG_FILE;
  const file = existsSync(named) ? named : undefined;
  return { file, config: file === undefined ? defaultConfig() : loadConfig(file) };
}

export function stateFolder(context: Pick<Context<StateOption>, 'given'>): string {
  const { state } = context.given.options;
  return state !== undefined ? resolve(state) : configuration(context).config['paths.state'];
}
