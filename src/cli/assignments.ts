// Words of the form `name=value`; `name=@FILE` sends the file first.
import type { AdminClient } from '../admin/client.ts';
import type { UploadReference } from '../admin/contract.ts';
import { MusterError } from '../errors.ts';
import type { Terminal } from './terminal.ts';

/** `name=value` words by name, in order; anything else is `bad-usage`. */
export function readAssignments(words: readonly string[]): Record<string, string> {
  const result: Record<string, string> = {};
  for (const word of words) {
    const at = word.indexOf('=');
    if (at < 1) throw new MusterError('bad-usage', `'${word}' is not of the form name=value.`);
    const name = word.slice(0, at);
    if (name in result) throw new MusterError('bad-usage', `'${name}' is given twice.`);
    result[name] = word.slice(at + 1);
  }
  return result;
}

/** As above, with each `@FILE` uploaded and replaced by its reference. With a dry run no byte is sent. */
export async function sendAssignments(
  client: AdminClient,
  terminal: Terminal,
  words: readonly string[],
  dryRun: boolean,
): Promise<Record<string, string | UploadReference>> {
  const fields: Record<string, string | UploadReference> = {};
  for (const [name, value] of Object.entries(readAssignments(words))) {
    if (!value.startsWith('@')) fields[name] = value;
    else if (!dryRun) fields[name] = await sendFile(client, terminal, name, value.slice(1));
  }
  return fields;
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
