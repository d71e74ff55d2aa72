// The filters of templates that read something of the head: files, accounts, and secrets that its key gives.
import { didYouMean } from '../nearest.ts';
import { derivedSecret, HOST_KEY_TYPES, hostKey } from './derived.ts';
import { ACCOUNT_TABLES, accountLines, accountsIdentity } from './head-accounts.ts';
import { headFileIdentity, identityNow, readHeadFile } from './head-files.ts';
import { textOf } from './template-emitter.ts';

export interface HeadSources {
  /** Of the files that `head_file` reads; none when absent. */
  folder?: string | undefined;
  /** The head's key, from which secrets are derived; none when absent. */
  key?: Buffer | undefined;
  /** Of `passwd` and `group`; `/etc` when absent. */
  accounts?: string | undefined;
}

/** The template that is being rendered. */
export interface Reader {
  /** Whether its file is secret. */
  secret: boolean;
  nodeUid: string;
  note(name: string, identity?: string): void;
}

type Filter = (...values: unknown[]) => unknown;

/** The names of reads that have an identity outside the objects. */
const FILE = 'head_file:';
const ACCOUNTS = 'head_accounts:';
/** HKDF with SHA-256 gives 255 blocks at most (RFC 5869 §2.3). */
const MOST_SECRET = 8160;

/** Returns what identifies a read of the head now; undefined for another read. */
export function headIdentity(read: string, { folder, accounts }: HeadSources): Promise<string> | string | undefined {
  if (read.startsWith(FILE)) return headFileIdentity(folder ?? '', read.slice(FILE.length));
  return read.startsWith(ACCOUNTS) ? accountsIdentity(read.slice(ACCOUNTS.length), accounts) : undefined;
}

/** Returns the filters. @param reader of the running template */
export function headFilters(sources: HeadSources, reader: () => Reader): Record<string, Filter> {
  return { ...fileFilters(sources, reader), ...keyFilters(sources, reader) };
}

function fileFilters({ folder, accounts }: HeadSources, reader: () => Reader): Record<string, Filter> {
  return {
    head_file: (name, encoding = 'utf8') => {
      const path = textOf(name);
      if (folder === undefined) throw new Error('head_file needs the configuration key files.folder');
      if (encoding !== 'utf8' && encoding !== 'base64')
        throw new Error(`head_file gives utf8 or base64, and not '${textOf(encoding)}'`);
      // Also for a failure: it lasts until the file changes
      reader().note(`${FILE}${path}`, identityNow(folder, path));
      const { content, isPublic } = readHeadFile(folder, path);
      if (!isPublic) secretOnly(reader(), `head_file '${path}' is not readable by everyone on the head`);
      return content.toString(encoding);
    },
    head_file_exists: name => {
      const path = textOf(name);
      const identity = folder === undefined ? '' : identityNow(folder, path);
      reader().note(`${FILE}${path}`, identity);
      return identity !== '';
    },
    head_accounts: (name, first, last) => {
      const table = ACCOUNT_TABLES.find(known => known === name);
      const [from, to] = [Number(first), Number(last)];
      if (!table) throw new Error(`head_accounts: ${choose(name, ACCOUNT_TABLES)}`);
      if (!(Number.isInteger(from) && Number.isInteger(to) && from >= 0 && from <= to))
        throw new Error(
          `head_accounts needs two numbers, the smaller one first: {{ "${table}" | head_accounts: 1000, 59999 }}`,
        );
      const identity = accountsIdentity(table, accounts);
      const lines = accountLines(table, from, to, accounts);
      reader().note(`${ACCOUNTS}${table}`, identity);
      return lines;
    },
  };
}

function keyFilters({ key }: HeadSources, reader: () => Reader): Record<string, Filter> {
  const headKey = (filter: string): Buffer => {
    secretOnly(reader(), `${filter} is secret`);
    if (!key) throw new Error(`${filter} needs the key of the head`);
    return Buffer.from(key);
  };
  return {
    cluster_secret: (name, bytes = 32, encoding = 'base64') => {
      const [count, given] = [Number(bytes), headKey('cluster_secret')];
      if (!Number.isInteger(count) || count < 16 || count > MOST_SECRET)
        throw new Error(`cluster_secret gives 16 to ${MOST_SECRET} bytes, and not '${textOf(bytes)}'`);
      if (encoding !== 'base64' && encoding !== 'hex')
        throw new Error(`cluster_secret gives base64 or hex, and not '${textOf(encoding)}'`);
      return derivedSecret(given, `cluster ${textOf(name)}`, count).toString(encoding);
    },
    host_key: type => {
      const known = HOST_KEY_TYPES.find(one => one === type);
      const given = headKey('host_key');
      if (!known) throw new Error(`host_key: ${choose(type, HOST_KEY_TYPES)}`);
      reader().note('node.uid');
      return hostKey(given, reader().nodeUid, known).private;
    },
  };
}

function secretOnly({ secret }: Reader, what: string): void {
  if (!secret) throw new Error(`${what}, so only a template of a secret file may read it`);
}

function choose(given: unknown, known: readonly string[]): string {
  return didYouMean(textOf(given), known, `there are ${known.join(', ')}`);
}
