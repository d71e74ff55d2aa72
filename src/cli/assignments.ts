// Words of the form `name=value`; `name=@FILE` sends the file first; `--content @FILE` reads such names from a file.
import { constants } from 'node:fs';
import { access, readFile } from 'node:fs/promises';
import { text as textOf } from 'node:stream/consumers';
import type { AdminClient } from '../api/client.ts';
import type { UploadReference } from '../api/storage.ts';
import { MusterError, reasonOf } from '../errors.ts';
import { fileFieldsOf } from './commands.ts';
import { type Fields, readContent } from './content.ts';
import type { Context } from './table.ts';
import type { Terminal } from './terminal.ts';

/** Returns `name=value` words by name, in order; throws `bad-usage` for anything else. */
export function readAssignments(words: readonly string[]): Record<string, string> {
  const result: Record<string, string> = {};
  for (const word of words) {
    const at = word.indexOf('=');
    if (at < 1) throw new MusterError('bad-usage', `'${word}' is not of the form name=value.`);
    const name = word.slice(0, at);
    if (Object.hasOwn(result, name)) throw new MusterError('bad-usage', `'${name}' is given twice.`);
    result[name] = word.slice(at + 1);
  }
  return result;
}

/** Returns the objects of a `--content` file; `@-` is standard input. */
export async function contentOf(content: string): Promise<Fields[]> {
  if (!content.startsWith('@') || content.length < 2)
    throw new MusterError('bad-usage', `--content '${content}' must be a file: write --content @${content || 'FILE'}`);
  const file = content.slice(1);
  if (file === '-') return readContent(await textOf(process.stdin), 'standard input');
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    throw new MusterError('bad-value', `${file}: cannot be read: ${reasonOf(error)}`);
  });
  return readContent(text, file);
}

/** Uploads each `@FILE` and replaces it by its reference; only in fields that are files. A dry run sends nothing. */
export async function sendFiles({ client, terminal, given, kind }: Context, fields: Fields): Promise<Fields> {
  const files = new Set(fileFieldsOf(kind));
  const sent: Fields = {};
  for (const [name, value] of Object.entries(fields)) {
    if (!files.has(name) || typeof value !== 'string' || !value.startsWith('@')) sent[name] = value;
    else if (value === '@') throw new MusterError('bad-usage', `${name}=@ names no file.`);
    else if (given.dryRun) await readable(value.slice(1));
    else sent[name] = await sendFile(client, terminal, name, value.slice(1));
  }
  return sent;
}

async function readable(file: string): Promise<void> {
  await access(file, constants.R_OK).catch((error: unknown) => {
    throw new MusterError('bad-value', `${file}: cannot be read: ${reasonOf(error)}`);
  });
}

async function sendFile(client: AdminClient, terminal: Terminal, name: string, file: string): Promise<UploadReference> {
  const progress = terminal.progress(`uploading ${name}`);
  try {
    const { id } = await client.upload(file, progress.update);
    return { upload: id };
  } finally {
    progress.stop();
  }
}
