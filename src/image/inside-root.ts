// Paths of an unpacked image as the image itself sees them: a symbolic link in it never leads out to this machine's files.
import { lstat, readlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';

const MOST_LINKS = 40;

/**
 * The path on this machine of what `path` names inside the tree at `root`; undefined when there is nothing, or only links
 * that go round in circles.
 */
export async function insideRoot(root: string, path: string): Promise<string | undefined> {
  return walk(root, path, 'utf8');
}

/** As `insideRoot`, for names that need not be UTF-8: each character of the paths is a byte (latin1). */
export async function insideRootBytes(root: string, path: string): Promise<string | undefined> {
  return walk(root, path, 'latin1');
}

async function walk(root: string, path: string, encoding: 'utf8' | 'latin1'): Promise<string | undefined> {
  let rest = parts(path);
  let seen = '/';
  for (let links = 0; rest.length > 0; ) {
    const next = join(seen, rest[0] ?? '');
    rest = rest.slice(1);
    const status = await lstat(Buffer.from(join(root, next), encoding)).catch(() => undefined);
    if (!status) return undefined;
    if (!status.isSymbolicLink()) {
      seen = next;
      continue;
    }
    links += 1;
    if (links > MOST_LINKS) return undefined;
    const target = await readlink(Buffer.from(join(root, next), encoding), { encoding });
    // `join` from '/' never climbs above it, as the kernel does in a chroot.
    rest = [...parts(join('/', target.startsWith('/') ? '' : dirname(next), target)), ...rest];
    seen = '/';
  }
  return join(root, seen);
}

function parts(path: string): string[] {
  return join('/', path).split('/').filter(Boolean);
}
