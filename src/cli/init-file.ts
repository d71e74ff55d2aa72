// The configuration file of `muster init`: written if absent, left if equal, and never lost.
import { existsSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { parse } from 'smol-toml';
import { parseConfig } from '../config.ts';
import { makeFolder } from '../durable/folders.ts';
import { replaceFile } from '../durable/replace.ts';
import { MusterError, reasonOf, systemCode } from '../errors.ts';
import { editToml } from './toml-edit.ts';

export interface FileChange {
  /** The complete new text; undefined when the file already has all values. */
  text?: string;
  /** `head.address: '' -> '10.54.0.1/24'`. */
  differences: string[];
  existed: boolean;
}

const FIRST_LINE = '# Written by muster init. Every key: docs/configuration.md\n';

/**
 * Decides what to write so that the file has these values. Keeps other keys and comments. Throws `conflict` when this cannot change
 * the file in its present form.
 */
export function planFile(file: string, wanted: Record<string, string>): FileChange {
  const existed = existsSync(file);
  const before = existed ? read(file) : '';
  // A file that musterd would reject is an error here too.
  if (existed) parseConfig(before, file);
  const tree = parse(before) as Record<string, unknown>;
  const differences: string[] = [];
  const changed: Record<string, string> = {};
  for (const [key, value] of Object.entries(wanted)) {
    const old = lookUp(tree, key);
    if (old === value) continue;
    differences.push(`${key}: ${old === undefined ? 'none' : `'${String(old)}'`} -> '${value}'`);
    changed[key] = value;
  }
  if (differences.length === 0) return { differences, existed };
  const text = editToml(existed ? before : FIRST_LINE, changed);
  if (text === undefined)
    throw new MusterError(
      'conflict',
      `muster init cannot change ${file} in its present form. Set these keys by hand:\n  ${differences.join('\n  ')}`,
    );
  parseConfig(text, file);
  return { text, differences, existed };
}

/** Writes it, readable by all, because it contains no secret. Returns the file with the old content, if there was one. */
export async function writeFile(file: string, change: FileChange): Promise<string | undefined> {
  if (change.text === undefined) return undefined;
  try {
    await makeFolder(dirname(file), 0o755);
    const old = change.existed ? oldName(file) : undefined;
    if (old !== undefined) await replaceFile(old, read(file), { mode: 0o644 });
    await replaceFile(file, change.text, { mode: 0o644 });
    return old;
  } catch (error) {
    const code = systemCode(error);
    if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS')
      throw new MusterError('not-allowed', `${file} cannot be written: become root, or give --config FILE.`, {
        cause: error,
      });
    throw error;
  }
}

/** Returns a name that no earlier change has used, so that no one's text is overwritten. */
function oldName(file: string): string {
  for (let count = 1; ; count += 1) {
    const name = count === 1 ? `${file}.old` : `${file}.old-${count}`;
    if (!existsSync(name)) return name;
  }
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new MusterError('bad-config', `${file}: cannot be read: ${reasonOf(error)}`, { cause: error });
  }
}

function lookUp(tree: Record<string, unknown>, key: string): unknown {
  return key.split('.').reduce<unknown>((inner, name) => (inner as Record<string, unknown> | undefined)?.[name], tree);
}
