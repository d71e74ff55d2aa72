// Compares kernel releases in the order of the package manager that installed them: the rules of dpkg, rpm and the UAPI group.

/** Returns a negative number when `left` is older, positive when newer, 0 when equal. */
export type Order = (left: string, right: string) => number;

/** Compares by the image's package family; `undefined` means the order of systemd-boot and kernel-install, for images with neither. */
export function orderOf(system: 'rpm' | 'dpkg' | undefined): Order {
  return system === 'rpm' ? rpmReleaseOrder : system === 'dpkg' ? dpkgReleaseOrder : uapiOrder;
}

/** Returns the newest release; undefined for none. */
export function newestVersion(versions: readonly string[], order: Order): string | undefined {
  return [...versions].sort(order).at(-1);
}

/** `uname -r` of RPM distributions is VERSION-RELEASE.ARCH: the release decides when the versions are equal. */
export const rpmReleaseOrder: Order = (left, right) => {
  const [a, b] = [cut(left, left.indexOf('-')), cut(right, right.indexOf('-'))];
  return rpmOrder(a[0], b[0]) || rpmOrder(a[1], b[1]);
};

/**
 * Debian writes a release candidate as `6.12-rc1-amd64` in the kernel's release and as `6.12~rc1` in the package's version; `-trunk` is a
 * build before the first (linux-version(1)).
 */
export const dpkgReleaseOrder: Order = (left, right) => {
  const version = (release: string): string => release.replace(/-(?=rc\d|trunk\b)/, '~');
  return dpkgOrder(version(left), version(right));
};

/** rpm's order of one part of a version (rpm-version(7)): separators are equal, `~` sorts before the end, `^` after it. */
export const rpmOrder: Order = (left, right) => {
  let [a, b] = [left, right];
  while (a !== '' || b !== '') {
    [a, b] = [a.replace(/^[^A-Za-z0-9~^]+/, ''), b.replace(/^[^A-Za-z0-9~^]+/, '')];
    const [tilde, caret] = [bothBegin(a, b, '~'), bothBegin(a, b, '^')];
    if (tilde !== undefined) {
      if (tilde !== 0) return -tilde;
      [a, b] = [a.slice(1), b.slice(1)];
      continue;
    }
    if (caret !== undefined) {
      if (a === '' || b === '') return a === '' ? -1 : 1;
      if (caret !== 0) return -caret;
      [a, b] = [a.slice(1), b.slice(1)];
      continue;
    }
    if (a === '' || b === '') break;
    const isNumber = /^\d/.test(a);
    const [x, y] = isNumber ? [leading(a, DIGITS), leading(b, DIGITS)] : [leading(a, LETTERS), leading(b, LETTERS)];
    // A number is newer than letters.
    if (y === '') return isNumber ? 1 : -1;
    const order = isNumber ? byNumber(x, y) : byText(x, y);
    if (order !== 0) return order;
    [a, b] = [a.slice(x.length), b.slice(y.length)];
  }
  return a === b ? 0 : a === '' ? -1 : 1;
};

/** dpkg's order (deb-version(7)): epoch, version, and the revision after the last hyphen. */
export const dpkgOrder: Order = (left, right) => {
  const parts = (text: string): [string, string, string] => {
    const [epoch, rest] = text.includes(':') ? cut(text, text.indexOf(':')) : ['', text];
    return [epoch, ...cut(rest, rest.lastIndexOf('-'))];
  };
  const [a, b] = [parts(left), parts(right)];
  return byNumber(a[0], b[0]) || dpkgPart(a[1], b[1]) || dpkgPart(a[2], b[2]);
};

function dpkgPart(left: string, right: string): number {
  let [a, b] = [left, right];
  while (a !== '' || b !== '') {
    const [x, y] = [leading(a, NO_DIGITS), leading(b, NO_DIGITS)];
    for (let at = 0; at < Math.max(x.length, y.length); at += 1) {
      const order = dpkgWeight(x[at]) - dpkgWeight(y[at]);
      if (order !== 0) return order;
    }
    [a, b] = [a.slice(x.length), b.slice(y.length)];
    const [m, n] = [leading(a, DIGITS), leading(b, DIGITS)];
    const order = byNumber(m, n);
    if (order !== 0) return order;
    [a, b] = [a.slice(m.length), b.slice(n.length)];
  }
  return 0;
}

/** `~` sorts before the end, then letters, then everything else. */
function dpkgWeight(letter: string | undefined): number {
  if (letter === undefined) return 0;
  if (letter === '~') return -1;
  return letter.charCodeAt(0) + (/[A-Za-z]/.test(letter) ? 0 : 256);
}

/** The order of the UAPI group's Version Format Specification, as in systemd: `~`, the end, `-`, `^`, `.`, letters, numbers. */
export const uapiOrder: Order = (left, right) => {
  let [a, b] = [left, right];
  for (;;) {
    [a, b] = [a.replace(/^[^A-Za-z0-9~^.-]+/, ''), b.replace(/^[^A-Za-z0-9~^.-]+/, '')];
    const separators = (letters: string): number => {
      for (const letter of letters) {
        const order = bothBegin(a, b, letter);
        if (order !== undefined && order !== 0) return -order;
        if (order === 0) [a, b] = [a.slice(1), b.slice(1)];
      }
      return 0;
    };
    const before = separators('~');
    if (before !== 0) return before;
    if (a === '' || b === '') return a === b ? 0 : a === '' ? -1 : 1;
    const between = separators('-^.');
    if (between !== 0) return between;
    const isNumber = /^\d/.test(a) || /^\d/.test(b);
    const [x, y] = isNumber ? [leading(a, DIGITS), leading(b, DIGITS)] : [leading(a, LETTERS), leading(b, LETTERS)];
    if (isNumber && (x === '' || y === '')) return x === '' ? -1 : 1;
    const order = isNumber ? byNumber(x, y) : byText(x, y);
    if (order !== 0) return order;
    [a, b] = [a.slice(x.length), b.slice(y.length)];
  }
};

const DIGITS = /^\d*/;
const NO_DIGITS = /^\D*/;
const LETTERS = /^[A-Za-z]*/;

function leading(text: string, pattern: RegExp): string {
  return pattern.exec(text)?.[0] ?? '';
}

function cut(text: string, at: number): [string, string] {
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}

/** Returns undefined when neither begins with the letter, 0 when both do, 1 when only `a` does, -1 when only `b` does. */
function bothBegin(a: string, b: string, letter: string): number | undefined {
  if (!a.startsWith(letter) && !b.startsWith(letter)) return undefined;
  return Number(a.startsWith(letter)) - Number(b.startsWith(letter));
}

function byNumber(a: string, b: string): number {
  const [m, n] = [a.replace(/^0+/, ''), b.replace(/^0+/, '')];
  return m.length - n.length || byText(m, n);
}

/** Letters in the order of ASCII. */
function byText(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1;
}
