// The result of reading a repository file: fields of new repos, and what is left out.

/** A type, because an interface would not be a record of fields. */
export type RepoFields = {
  name: string;
  full_name?: string;
  urls?: string[];
  mirrors?: string[];
  keys?: string[];
  check?: boolean;
  options?: string[];
};

/** Receives each thing that is left out, with the file, the place in it and the reason. */
export type Tell = (text: string) => void;

/** Returns the text of a file. UTF-8 is the encoding of such files; what is not UTF-8 is Latin-1, in which old ones are written. */
export function textOf(bytes: Uint8Array, source: string, tell: Tell): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    tell(`${source}: it is not UTF-8; read as Latin-1`);
    return Buffer.from(bytes).toString('latin1');
  }
}

/** Turns a name into a valid name of an object: `rhel-7-server:rpms` is `rhel-7-server_rpms`. */
export function objectName(text: string): string {
  const clean = text.replace(/[^A-Za-z0-9_.-]/g, '_').slice(0, 60);
  return /^[A-Za-z]/.test(clean) ? clean : `repo_${clean}`;
}
