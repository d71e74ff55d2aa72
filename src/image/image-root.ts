// The tree of an unpacked image. Its methods resolve links as the image itself sees them, so no link leads to this machine's
// files.
import { constants, type Stats } from 'node:fs';
import { chmod, cp, lstat, mkdir, open, readdir, readlink, rename, rm, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { MusterError, reasonOf, systemCode } from '../errors.ts';

/** POSIX: a path that needs more symbolic links is a loop. */
const MOST_LINKS = 40;

/** The default limit of `read`, in bytes: configuration files and module lists are far smaller. */
const MOST_READ = 64 << 20;

/**
 * An unpacked image. Paths are the image's own (`/etc/hosts`). Links on the way are followed inside the image, as the kernel does in a
 * chroot. Methods that write, remove or rename act on the last name itself and never follow a link there.
 *
 * Nothing in the image may run at the same time. All code that touches an image goes through this class:
 * test/image/paths.test.ts.
 */
export class ImageRoot {
  /** The folder on this machine. */
  readonly folder: string;
  private readonly encoding: 'utf8' | 'latin1';

  /** @param encoding `latin1` for names that need not be UTF-8: each character of a path is then a byte of it, `folder` included */
  constructor(folder: string, encoding: 'utf8' | 'latin1' = 'utf8') {
    this.folder = folder;
    this.encoding = encoding;
  }

  /** Returns the path on this machine of the target of `path`; undefined when there is none, or only a circle of links. */
  async find(path: string): Promise<string | undefined> {
    const real = await this.walk(path, true);
    return real === undefined ? undefined : join(this.folder, real);
  }

  /** Returns the image's path without links; absent names stay as they are. Undefined for a circle of links. */
  async real(path: string): Promise<string | undefined> {
    return this.walk(path, false);
  }

  private async walk(path: string, mustExist: boolean): Promise<string | undefined> {
    // Remaining names, the next one last.
    const rest = names(path).reverse();
    let seen = '/';
    let links = 0;
    for (let name = rest.pop(); name !== undefined; name = rest.pop()) {
      // From '/' `join` never climbs above it, as the kernel does in a chroot.
      const next = join(seen, name);
      const status = name === '..' ? undefined : await this.status(join(this.folder, next));
      if (!status && name !== '..' && mustExist) return undefined;
      if (!status?.isSymbolicLink()) {
        seen = next;
        continue;
      }
      links += 1;
      if (links > MOST_LINKS) return undefined;
      const target = await readlink(this.bytes(join(this.folder, next)), { encoding: this.encoding });
      if (target.startsWith('/')) seen = '/';
      rest.push(...names(target).reverse());
    }
    return seen;
  }

  /** Returns the path on this machine of the name `path` itself, which need not exist; undefined when its folder does not. */
  async place(path: string): Promise<string | undefined> {
    const above = parts(path);
    const name = above.pop();
    if (name === undefined) return this.folder;
    const folder = await this.find(`/${above.join('/')}`);
    return folder !== undefined && (await this.status(folder))?.isDirectory() ? join(folder, name) : undefined;
  }

  /** Returns the image's own path for a path on this machine. */
  inside(found: string): string {
    return found.slice(this.folder.length) || '/';
  }

  async has(path: string): Promise<boolean> {
    return (await this.find(path)) !== undefined;
  }

  /** Returns the state of the target of `path`. */
  async stat(path: string): Promise<Stats | undefined> {
    const found = await this.find(path);
    return found === undefined ? undefined : this.status(found);
  }

  /** Returns the state of the name itself, without following a link. */
  async lstat(path: string): Promise<Stats | undefined> {
    const place = await this.place(path);
    return place === undefined ? undefined : this.status(place);
  }

  /** Returns the target of a link, as written; undefined when the name is not a link. */
  async readlink(path: string): Promise<string | undefined> {
    const place = await this.place(path);
    if (place === undefined || !(await this.status(place))?.isSymbolicLink()) return undefined;
    return readlink(this.bytes(place), { encoding: this.encoding });
  }

  /** Returns the names in a folder; none when it is not a folder. */
  async list(path: string): Promise<string[]> {
    const found = await this.find(path);
    if (found === undefined || !(await this.status(found))?.isDirectory()) return [];
    return readdir(this.bytes(found), { encoding: this.encoding });
  }

  /** Returns the bytes of a regular file; undefined when there is none. Throws `bad-image` when it has more bytes than `limit`. */
  async read(path: string, limit = MOST_READ): Promise<Buffer | undefined> {
    const found = await this.find(path);
    if (found === undefined || !(await this.status(found))?.isFile()) return undefined;
    const handle = await open(this.bytes(found), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      const { size } = await handle.stat();
      if (size > limit)
        throw new MusterError('bad-image', `The image's ${path} has ${size} bytes; the limit is ${limit}.`);
      return await handle.readFile();
    } finally {
      await handle.close();
    }
  }

  /** Like `read`, as text; latin1 keeps every byte. */
  async text(path: string, encoding: 'utf8' | 'latin1' = 'utf8'): Promise<string | undefined> {
    return (await this.read(path))?.toString(encoding);
  }

  /** Writes a file, and creates its folder if absent. Replaces whatever has the name, and does not follow a link. */
  async write(path: string, content: string | Uint8Array, mode = 0o644): Promise<void> {
    const place = await this.newPlace(path);
    const draft = join(dirname(place), `.${Date.now().toString(36)}.muster-new`);
    await rm(this.bytes(draft), { recursive: true, force: true });
    try {
      const handle = await open(this.bytes(draft), 'wx', mode);
      try {
        await handle.writeFile(content);
        await handle.chmod(mode);
      } finally {
        await handle.close();
      }
      if ((await this.status(place))?.isDirectory()) await this.remove(path);
      await rename(this.bytes(draft), this.bytes(place));
    } catch (error) {
      await rm(this.bytes(draft), { force: true });
      throw error;
    }
  }

  /** Removes the name, and a folder with its contents. Links are removed, not followed. */
  async remove(path: string): Promise<void> {
    const place = await this.place(path);
    if (place === undefined) return;
    if (place === this.folder) throw new MusterError('bad-image', 'The root of an image cannot be removed.');
    await rm(this.bytes(place), { recursive: true, force: true });
  }

  /** Returns the path on this machine of the folder at `path`, made when absent, with those above it. Errors: `bad-image`. */
  async makeDirectory(path: string, mode = 0o755): Promise<string> {
    const all = parts(path);
    let made = '/';
    for (const name of all) {
      made = join(made, name);
      const found = await this.find(made);
      if (found !== undefined && (await this.status(found))?.isDirectory()) continue;
      const place = await this.place(made);
      if (found !== undefined || place === undefined || (await this.status(place)))
        throw new MusterError('bad-image', `The image's ${made} is not a folder, but must be one.`);
      await mkdir(this.bytes(place)).catch((error: unknown) => {
        throw new MusterError('bad-image', `The image's ${made} cannot be made: ${reasonOf(error)}`);
      });
      await chmod(this.bytes(place), made === `/${all.join('/')}` ? mode : 0o755);
    }
    return (await this.find(path)) ?? this.folder;
  }

  /** Copies a file or folder of this machine to `path`, replacing whatever is there. Links in it stay links. */
  async copyIn(source: string, path: string): Promise<void> {
    await this.remove(path);
    await cp(source, await this.newPlace(path), { recursive: true, verbatimSymlinks: true });
  }

  /** Creates a symbolic link, unless the name exists. */
  async link(target: string, path: string): Promise<void> {
    const place = await this.newPlace(path);
    if (!(await this.status(place))) await symlink(this.bytes(target), this.bytes(place));
  }

  /** Moves a regular file out of the image to a path of this machine. Throws `bad-image` for anything else, such as a link. */
  async moveOut(path: string, to: string): Promise<void> {
    const place = await this.place(path);
    if (place === undefined || !(await this.status(place))?.isFile())
      throw new MusterError('bad-image', `The image's ${path} is not a regular file.`);
    try {
      await rename(this.bytes(place), to);
    } catch (error) {
      if (systemCode(error) !== 'EXDEV') throw error;
      // Another file system; `cp` copies a link as a link.
      await cp(place, to, { verbatimSymlinks: true });
      await rm(this.bytes(place));
    }
  }

  /** Changes the mode of the target of `path`. */
  async chmod(path: string, mode: number): Promise<void> {
    const found = await this.find(path);
    if (found !== undefined) await chmod(this.bytes(found), mode);
  }

  private async newPlace(path: string): Promise<string> {
    const above = parts(path);
    above.pop();
    await this.makeDirectory(`/${above.join('/')}`);
    const place = await this.place(path);
    if (place !== undefined) return place;
    throw new MusterError('bad-image', `The image's ${path} cannot be written: its folder is a circle of links.`);
  }

  private async status(path: string): Promise<Stats | undefined> {
    return lstat(this.bytes(path)).catch(() => undefined);
  }

  private bytes(path: string): Buffer {
    return Buffer.from(path, this.encoding);
  }
}

/** Returns names in order, including `..`: its meaning depends on the links before it. */
function names(path: string): string[] {
  return path.split('/').filter(name => name !== '' && name !== '.');
}

function parts(path: string): string[] {
  return names(join('/', path));
}
