// Passwords in what people write and see: hidden in lists, differences, events and the audit trail.

export const MASK = '***';

/**
 * `ipmi:///admin:password@172.45.88.1` with stars for the password. Everything from the first colon behind the scheme to the last
 * `@` is taken for it, so that a password with `/`, `:` or `@` in it is hidden whole; a port before it is hidden with it. A
 * template in its place is no secret and stays.
 */
export function maskPassword(uri: string): string {
  const parts = uri.split(/,(?=[A-Za-z][A-Za-z0-9+.-]*:\/\/)/);
  // A password with `,x://` in it would be torn: what has a colon and no `@` is masked together with what follows.
  const isTorn = parts.some(part => /:\/\/[^\s:]*:/.test(part) && !part.includes('@'));
  return (isTorn ? [uri] : parts).map(maskOne).join(',');
}

function maskOne(uri: string): string {
  return uri.replace(/([A-Za-z][A-Za-z0-9+.-]*:\/\/[^\s:]*):(\S+)@/g, (_, before: string, secret: string) => {
    return `${before}:${/^<\w+\[[\w.-]+\]>$/.test(secret) ? secret : MASK}@`;
  });
}

/** Whether a value of this name is to be hidden where objects are shown: `bmc_password`, `API_TOKEN`. */
export function isSecretName(name: string): boolean {
  return /pass|secret|token/i.test(name);
}

/** A command line in words, fit for the audit trail: no passwords and no standard input, one line, of bounded length. */
export function maskCommand(text: string): string {
  let before = '';
  // A word in quotes may have blanks in it, and a password may have them too.
  return text
    .slice(0, 4096)
    .replace(/\p{Cc}/gu, ' ')
    .replace(/'(?:[^']|'\\'')*'?|\S+/g, word => {
      const masked = before === '--stdin' ? MASK : maskWord(word);
      before = word;
      return masked;
    });
}

function maskWord(word: string): string {
  return maskPassword(word).replace(/^(["']?[\w.-]*(?:pass|secret|token|stdin)[\w.-]*[=:]).+$/i, `$1${MASK}`);
}

/** A field as it is shown, by the mark in the table of kinds: passwords become stars. */
export function maskField(secret: 'uri' | 'names' | undefined, held: unknown): unknown {
  if (secret === 'uri') return maskPassword(String(held ?? ''));
  return secret === 'names' ? maskAttributes((held ?? {}) as Record<string, string>) : held;
}

/** Attributes as they are shown: the values of those whose name says that they are secret become stars. */
export function maskAttributes(attributes: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(attributes).map(([name, value]) => [name, isSecretName(name) && value !== '' ? MASK : value]),
  );
}
