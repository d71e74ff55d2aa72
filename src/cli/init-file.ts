// The configuration file of `muster init`: written when it is absent, left when it says the same, and never lost.
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { parse, stringify } from 'smol-toml';
import { parseConfig } from '../config.ts';
import { MusterError, reasonOf, systemCode } from '../errors.ts';

export interface FileChange {
  /** The whole new text; undefined when the file says all that already. */
  text?: string;
  /** `head.address: '' -> '10.54.0.1/24'`. */
  differences: string[];
  existed: boolean;
}

/** Decides what is to be written so that the file has these values; its other keys stay. */
export function planFile(file: string, wanted: Record<string, string>): FileChange {
  const existed = existsSync(file);
  const before = existed ? read(file) : '';
  // A file that musterd would refuse is an error here too.
  if (existed) parseConfig(before, file);
  const tree = parse(before) as Record<string, unknown>;
  const differences: string[] = [];
  for (const [key, value] of Object.entries(wanted)) {
    const old = lookUp(tree, key);
    if (old === value) continue;
    differences.push(`${key}: ${old === undefined ? 'none' : `'${String(old)}'`} -> '${value}'`);
    put(tree, key, value);
  }
  if (differences.length === 0) return { differences, existed };
  const text = `# Written by muster init. Every key: docs/configuration.md\n\n${stringify(tree)}`;
  parseConfig(text, file);
  return { text, differences, existed };
}

/** Writes it, readable by all: no secret is in it. What stood there is kept beside it. */
export function writeFile(file: string, change: FileChange): void {
  if (change.text === undefined) return;
  try {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(`${file}.new`, change.text, { mode: 0o644 });
    if (change.existed) writeFileSync(`${file}.old`, read(file), { mode: 0o644 });
    renameSync(`${file}.new`, file);
  } catch (error) {
    const code = systemCode(error);
    if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS')
      throw new MusterError('not-allowed', `${file} cannot be written: become root, or give --config FILE.`, {
        cause: error,
      });
    throw error;
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

function put(tree: Record<string, unknown>, key: string, value: string): void {
  const [table = '', name = ''] = key.split('.');
  const inner = (tree[table] ?? {}) as Record<string, unknown>;
  inner[name] = value;
  tree[table] = inner;
}
