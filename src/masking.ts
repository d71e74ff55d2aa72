// Passwords in what people write and see: which words may hold one, and the same words with stars instead.
import { inQuotes } from './shell-words.ts';

export const MASK = '***';

/**
 * `ipmi:///admin:password@172.45.88.1` with stars for the password. Everything from the first colon after the scheme to the last
 * `@` counts as password, so that one with `/`, `:` or `@` in it is hidden completely; without an `@`, everything to the end. A
 * template instead of it is not a secret and stays.
 */
export function maskPassword(text: string): string {
  const uri = maskTokens(text);
  const parts = uri.split(/,(?=[A-Za-z][A-Za-z0-9+.-]{0,31}:\/\/)/);
  // A password with `,x://` in it would be torn: what has a colon and no `@` is masked together with what follows.
  const isTorn = parts.some(part => /:\/\/[^\s:]*:/.test(part) && !part.includes('@') && maskOne(part) !== part);
  return (isTorn ? [uri] : parts).map(part => maskOptions(maskOne(part))).join(',');
}

/** Of the web, a user without a password may be an access token: `https://TOKEN@git.example.com/`. */
function maskTokens(text: string): string {
  return text.replace(/(?<![a-z0-9+.-])((?:https?|ftps?):\/\/)[^/?#:@\s"']{1,4096}@/gi, `$1${MASK}@`);
}

/** Options of a power_uri that are secret: `?kg=KEY`. A template is not. */
function maskOptions(uri: string): string {
  return uri.replace(/([?&]kg=)(?!<\w+\[[\w.-]+\]>(?:&|$))[^&\s]+/gi, `$1${MASK}`);
}

/**
 * Returns URLs of the web, in whatever text, with stars for the password or token of each login (RFC 3986 §3.2.1). A port after
 * a host is none: `http://mirror:8080/@scope/x`. Outside the web a login may follow a path: `ipmi:///admin:password@10.0.0.9`.
 */
export function maskUrls(text: string): string {
  if (!text.includes('://')) return text;
  // Each run is bounded, so that the time does not grow with the square of a long text
  const login =
    /(?<![a-z0-9+.-])((?:(?:https?|ftps?):\/\/[^/?#:@\s"]{0,255}|(?!(?:https?|ftps?):)[a-z][a-z0-9+.-]{0,31}:\/\/[^?#:@\s"]{0,255})):(?!\d{1,5}(?:[/?#\s"]|$))(?:[^/?#\s"]{0,4096}@|[^\s"]{0,4096}@)/gi;
  return maskTokens(text.replace(login, `$1:${MASK}@`));
}

/** Returns whether a text has stars for the login of a URL. */
export function hasMaskedLogin(text: string): boolean {
  return /:\/\/(?:[^:\s]*:)?\*\*\*@/.test(text);
}

/** A port after a host, without a login: `http://10.54.0.1:8080/x`. */
const PORT = /^(https?|ftp|nfs|iscsi|tcp|udp|ntp|unix):\/\/(?:\*{3}@)?[\w.-]+$/i;

function maskOne(uri: string): string {
  const start = /(?<![A-Za-z0-9+.-])[A-Za-z][A-Za-z0-9+.-]{0,31}:\/\/[^:]*:/.exec(uri);
  if (!start) return uri;
  const begin = start.index + start[0].length;
  const at = uri.lastIndexOf('@');
  const end = at < begin ? uri.length : at;
  const secret = uri.slice(begin, end);
  if (secret === '' || /^<\w+\[[\w.-]+\]>$/.test(secret)) return uri;
  if (at < begin && PORT.test(start[0].slice(0, -1)) && /^\d{1,5}(?=$|[/,?\s])/.test(secret)) {
    // What follows may be a URI with a login.
    const next = begin + (/^\d+/.exec(secret)?.[0].length ?? 0);
    return uri.slice(0, next) + maskOne(uri.slice(next));
  }
  return `${uri.slice(0, begin)}${MASK}${uri.slice(end)}`;
}

const SECRET_PART = /^(pws?|cred|creds|kg|psk)$|(pw|pwd|key)$|pass|secret|token|credential/;
const NO_SECRET_PART = /^(public|pub|monkey|donkey|turkey|hockey|jockey|whiskey)$/;

/** Returns whether a value of this name is hidden where objects are shown: `bmc_password`, `API_TOKEN`, `apiKey`, `bmc_pw`. */
export function isSecretName(name: string): boolean {
  const parts = name
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .toLowerCase()
    .split(/[^a-z0-9]+/);
  return parts.some(part => SECRET_PART.test(part)) && !parts.some(part => NO_SECRET_PART.test(part));
}

/** Options with a wholly secret value, and those with a command line for a shell. */
const SECRET_OPTIONS = ['--stdin'];
const SHELL_OPTIONS = ['--execute'];
/** Actions followed by a command line for a shell. */
const SHELL_ACTIONS = ['exec', 'ssh'];
/** Options with a value that may read like an action. */
const VALUED = /^(-[isuc]|--(ids|select|user|config|socket|fields|fanout|timeout|stdin))$/;

/**
 * Returns the words of a command line without passwords, standard input and the arguments of commands for nodes. `names` are
 * further secret names.
 */
export function maskWords(words: readonly string[], names: ReadonlySet<string> = new Set()): string[] {
  const shell = words.findIndex(
    (word, index) => index > 0 && SHELL_ACTIONS.includes(word) && !VALUED.test(words[index - 1] ?? ''),
  );
  let begun = false;
  return words.map((word, index) => {
    const before = words[index - 1] ?? '';
    if (shell >= 0 && index > shell && !isOptionOf(word, before)) {
      if (word === '--' && !begun) return word;
      const first = begun ? MASK : maskShell(word);
      begun = true;
      return first;
    }
    if (SHELL_OPTIONS.includes(before)) return maskShell(word);
    if (SECRET_OPTIONS.includes(before)) return MASK;
    if (/^--[\w-]+$/.test(before) && isSecretName(before) && !word.startsWith('-')) return MASK;
    if (/^(-u|--user)$/.test(before)) return word.replace(/:.*/s, `:${MASK}`);
    return maskWord(word, names);
  });

  /** An option of `exec` before its command, or the value of one. */
  function isOptionOf(word: string, before: string): boolean {
    return !begun && before !== '--' && ((word.startsWith('-') && word !== '--') || VALUED.test(before));
  }
}

/** The program's name alone: its arguments may hold a secret in any shape. */
function maskShell(command: string): string {
  const [program = '', ...rest] = command.trim().split(/\s+/);
  const isName = /^[\w./+-]{1,64}$/.test(program);
  if (isName && rest.length === 0) return program;
  return isName ? `${program} ${MASK}` : MASK;
}

function maskWord(word: string, names: ReadonlySet<string>): string {
  const [, option = '', value = ''] = /^(--?[\w-]+=)(.*)$/s.exec(word) ?? [];
  const name = option.slice(0, -1);
  if (SECRET_OPTIONS.includes(name)) return `${option}${MASK}`;
  if (SHELL_OPTIONS.includes(name)) return `${option}${maskShell(value)}`;
  if (name === '--user') return word.replace(/:.*/s, `:${MASK}`);
  for (const match of word.matchAll(/(?<![\w.-])-{0,2}([A-Za-z_][\w.-]{0,127})["'\]]?\s*[=:]/g)) {
    const end = match.index + match[0].length;
    const isSecret = isSecretName(match[1] ?? '') || names.has(match[1] ?? '');
    const isScheme = match[0].endsWith(':') && word.startsWith('//', end);
    // All to the word's end: what looks like the next assignment may be part of a password.
    // What is before it may hold a login.
    if (isSecret && word.length > end && !isScheme) return `${maskPassword(word.slice(0, end))}${MASK}`;
  }
  return maskPassword(word);
}

/** The most characters of a command in the audit trail. */
const MOST = 4096;

/** Returns a command line as text, fit for the audit trail: masked, on one line, of limited length. It is masked before it is cut. */
export function maskCommand(text: string, names: ReadonlySet<string> = new Set()): string {
  return asCommand(maskWords(wordsIn(text.replace(/\p{Cc}/gu, ' ')), names)).slice(0, MOST);
}

/** Returns words quoted for a shell, so that a command in the audit trail can be read and repeated. */
export function asCommand(words: readonly string[]): string {
  return words.map(quoted).join(' ');
}

function quoted(word: string): string {
  const isPlain = /^[\w@%+=:,./[\]-]+$/.test(word.replaceAll(MASK, 'x'));
  return isPlain ? word : inQuotes(word);
}

/** Splits as a shell does, without its other features. An unclosed quote reaches to the end. */
function wordsIn(text: string): string[] {
  return Array.from(text.matchAll(/(?:'[^']*'?|"(?:[^"\\]|\\.)*"?|\\.?|[^\s'"\\])+/gs), ([word]) =>
    word.replace(
      /'([^']*)'?|"((?:[^"\\]|\\.)*)"?|\\(.?)/gs,
      (_, single?: string, double?: string, escaped?: string) => {
        return single ?? double?.replace(/\\(["\\$`])/g, '$1') ?? escaped ?? '';
      },
    ),
  );
}

/** Returns a function that hides, in a text about a command, the passwords of the command's words. */
export function scrubber(words: readonly string[]): (text: string) => string {
  const secrets = maskWords(words).flatMap((masked, index) => secretPart(words[index] ?? '', masked));
  const longest = [...new Set(secrets)].sort((left, right) => right.length - left.length);
  return text => longest.reduce((scrubbed, secret) => scrubbed.replaceAll(secret, MASK), text);
}

/** Shorter passwords would turn a text into stars; they are hidden only as whole words. */
const SHORTEST = 4;

function secretPart(word: string, masked: string): string[] {
  if (word === masked) return [];
  const start = masked.indexOf(MASK);
  const behind = masked.length - start - MASK.length;
  const secret = word.slice(start, word.length - behind);
  return secret.length >= SHORTEST ? [secret, JSON.stringify(secret).slice(1, -1)] : [word];
}

/** Returns a command line for the process list: as `maskWords`, and without any value of an assignment. */
export function titleOf(words: readonly string[]): string {
  return maskWords(words)
    .map(word => word.replace(/=.*/s, `=${MASK}`))
    .join(' ');
}
