// Accounts of the head that its nodes get too: lines of /etc/passwd and /etc/group, by their numbers.
import { readFileSync, statSync } from 'node:fs';
import { accounts } from '../accounts.ts';
import { systemCode } from '../errors.ts';
import { identityOf } from './head-files.ts';

export const ACCOUNT_TABLES = ['passwd', 'group'] as const;
export type AccountTable = (typeof ACCOUNT_TABLES)[number];

/** Returns the lines whose number is in the range. Throws when the table cannot be read. @param folder `/etc`, elsewhere in tests */
export function accountLines(table: AccountTable, first: number, last: number, folder = '/etc'): string {
  const rows = accounts(table, textOf(`${folder}/${table}`)).filter(({ id }) => id >= first && id <= last);
  // Comments, and the marks of NIS (nsswitch.conf(5), compat)
  const own = rows.filter(({ name }) => !/^[#+-]/.test(name));
  return own.map(({ fields }) => `${fields.join(':')}\n`).join('');
}

/** Returns what identifies the current content of a table; empty when it cannot be read. */
export function accountsIdentity(table: string, folder = '/etc'): string {
  const facts = statSync(`${folder}/${table}`, { bigint: true, throwIfNoEntry: false });
  return facts === undefined ? '' : identityOf(facts);
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const code = systemCode(error) ?? 'unknown';
    throw new Error(`${path} of the head cannot be read (${code}); write its lines into a file below files.folder`);
  }
}
