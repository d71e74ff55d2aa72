// Accounts of the head that its nodes get too: lines of /etc/passwd and /etc/group, by their numbers.
import { readFileSync, statSync } from 'node:fs';
import { systemCode } from '../errors.ts';
import { identityOf } from './head-files.ts';

export const ACCOUNT_TABLES = ['passwd', 'group'] as const;
export type AccountTable = (typeof ACCOUNT_TABLES)[number];

/** The column of the number in a line (passwd(5), group(5)). */
const NUMBER = 2;

/** Returns the lines whose number is in the range. Throws when the table cannot be read. @param folder `/etc`, elsewhere in tests */
export function accountLines(table: AccountTable, first: number, last: number, folder = '/etc'): string {
  const rows = rowsOf(`${folder}/${table}`).filter(row => isInRange(row, first, last));
  return rows.map(row => `${row.join(':')}\n`).join('');
}

/** Returns what identifies the current content of a table; empty when it cannot be read. */
export function accountsIdentity(table: string, folder = '/etc'): string {
  const facts = statSync(`${folder}/${table}`, { bigint: true, throwIfNoEntry: false });
  return facts === undefined ? '' : identityOf(facts);
}

function rowsOf(path: string): string[][] {
  try {
    const lines = readFileSync(path, 'utf8').split('\n');
    return lines.filter(line => /^[^:#+-][^:]*:/.test(line)).map(line => line.split(':'));
  } catch (error) {
    const code = systemCode(error) ?? 'unknown';
    throw new Error(`${path} of the head cannot be read (${code}); write its lines into a file below files.folder`);
  }
}

function isInRange(row: readonly string[], first: number, last: number): boolean {
  const text = row[NUMBER] ?? '';
  return /^\d{1,10}$/.test(text) && Number(text) >= first && Number(text) <= last;
}
