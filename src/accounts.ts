// The users and groups of this machine, from /etc/passwd and /etc/group (passwd(5), group(5)).
import { readFileSync } from 'node:fs';

/** A row of one of the two tables. */
export interface Account {
  name: string;
  /** Of the user, or of the group. */
  id: number;
  fields: readonly string[];
}

/** Returns the rows of a table; none where it is unreadable. Rows without a number are left out. */
export function accounts(table: 'passwd' | 'group', text = textOf(table)): Account[] {
  return text.split('\n').flatMap(line => {
    const fields = line.split(':');
    const [name = '', , id = ''] = fields;
    return name !== '' && /^\d+$/.test(id) ? [{ name, id: Number(id), fields }] : [];
  });
}

/** Returns the number of a group; undefined when there is none of this name. */
export function groupId(name: string): number | undefined {
  return accounts('group').find(row => row.name === name)?.id;
}

/** Returns the user and the main group of a user's name. */
export function userIds(name: string): { uid: number; gid: number } | undefined {
  const row = accounts('passwd').find(one => one.name === name);
  return row && { uid: row.id, gid: Number(row.fields[3]) };
}

/** Returns the name of a user's number. */
export function userName(uid: number): string | undefined {
  return accounts('passwd').find(row => row.id === uid)?.name;
}

function textOf(table: string): string {
  try {
    return readFileSync(`/etc/${table}`, 'utf8');
  } catch {
    return '';
  }
}
