// Passwords in what people write and see: hidden in lists, differences, events and the audit trail.

export const MASK = '***';

/**
 * `ipmi:///admin:password@172.45.88.1` with stars for the password. Everything from the first colon behind the scheme to the last
 * `@` is taken for it, so that a password with `/`, `:` or `@` in it is hidden whole; a port before it is hidden with it.
 */
export function maskPassword(uri: string): string {
  return uri.replace(/([A-Za-z][A-Za-z0-9+.-]*:\/\/[^\s:]*):(\S+)@/g, `$1:${MASK}@`);
}

/** A command line in words, fit for the audit trail: no passwords, one line, of bounded length. */
export function maskCommand(text: string): string {
  return text
    .slice(0, 4096)
    .replace(/\p{Cc}/gu, ' ')
    .split(' ')
    .map(word => maskPassword(word).replace(/^(["']?[\w.-]*(?:pass|secret|token)[\w.-]*[=:]).+$/i, `$1${MASK}`))
    .join(' ');
}
