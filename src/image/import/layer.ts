// Applies layers of an OCI image to a tree, member by member, like umoci and the container engines (OCI image specification, layer.md).
// Names need not be UTF-8: each character of a path in here is a byte of it (latin1).
import { createHash, type Hash } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  fchmodSync,
  fchownSync,
  ftruncateSync,
  futimesSync,
  lchownSync,
  linkSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  type Stats,
  symlinkSync,
  writeSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { MusterError, reasonOf, systemCode } from '../../errors.ts';
import { type Libc, loadLibc } from '../../libc.ts';
import { run, toolFailed } from '../../process/run.ts';
import { ByteSource } from '../byte-source.ts';
import { openUnpacked } from '../compressed.ts';
import { ImageRoot } from '../image-root.ts';
import { type Member, tarMembers } from './tar.ts';

/** layer.md, "Whiteouts": `.wh.NAME` removes NAME of the layers below, `.wh..wh..opq` removes everything in its folder there. */
const WHITEOUT = '.wh.';
const OPAQUE = '.wh..wh..opq';

/** The most members of one layer; a layer of a distribution has about 10,000. */
const MOST_MEMBERS = 20_000_000;

/** Attributes that squashfs cannot store: docs/images.md mentions access control lists. */
const DROPPED = /^system\.(?:posix_acl_(?:access|default)|nfs4_acl)$/;

export interface LayerOptions {
  /** The digest (`sha256:…`) of the layer when unpacked. */
  unpacked?: string;
  signal?: AbortSignal;
}

/** Applies the layer in `file`, compressed or not, to the tree at `root`. Errors: `bad-image`, `disk-full`, `tool-failed`, `tool-missing`. */
export async function applyLayer(root: string, file: string, { unpacked, signal }: LayerOptions = {}): Promise<void> {
  const layer = new Layer(root, await loadLibc());
  const [algorithm = 'sha256', wanted] = unpacked?.split(':') ?? [];
  const hash = createHash(algorithm);
  const { output, ended, stop } = await openUnpacked(file, signal);
  const source = new ByteSource(hashed(output, hash));
  let count = 0;
  try {
    for await (const member of tarMembers(source)) {
      signal?.throwIfAborted();
      count += 1;
      if (count > MOST_MEMBERS) throw new MusterError('bad-image', `it has more than ${MOST_MEMBERS} members`);
      await layer.put(member);
    }
    await source.drain();
    await ended();
    if (wanted !== undefined && hash.digest('hex') !== wanted)
      throw new MusterError(
        'bad-image',
        `A layer of the image is damaged: its unpacked content does not match ${unpacked}.`,
      );
  } catch (error) {
    if (error instanceof MusterError && error.code !== 'bad-value') throw error;
    if (systemCode(error) === 'ENOSPC' || systemCode(error) === 'EDQUOT' || signal?.aborted) throw error;
    throw new MusterError('bad-image', `A layer of the image cannot be unpacked: ${reasonOf(error)}.`, {
      cause: error,
    });
  } finally {
    stop();
  }
}

async function* hashed(stream: AsyncIterable<Buffer>, hash: Hash): AsyncGenerator<Buffer> {
  for await (const piece of stream) {
    hash.update(piece);
    yield piece;
  }
}

class Layer {
  private readonly image: ImageRoot;
  private readonly libc: Libc;
  /** Paths that this layer has touched, and their parents: its whiteouts do not remove them. */
  private readonly touched = new Set<string>();
  /** Resolved folders by the names that members use; cleared whenever a link may have changed. */
  private readonly folders = new Map<string, string>();

  constructor(root: string, libc: Libc) {
    this.image = new ImageRoot(Buffer.from(root).toString('latin1'), 'latin1');
    this.libc = libc;
  }

  async put(member: Member): Promise<void> {
    // A path that climbs above the root stays at the root, as in a chroot.
    const name = join('/', member.name.replace(/\/+$/, '')) || '/';
    if (name === '/') return this.attribute('/', member);
    const folder = await this.folderOf(dirname(name));
    const before = this.status(folder);
    const path = join(folder, basename(name));
    if (basename(name).startsWith(WHITEOUT)) this.remove(folder, basename(name), member);
    else {
      if (!before) this.makeFolder(folder);
      else if (!before.isDirectory()) throw wrong(member, `${JSON.stringify(folder)} is no folder`);
      await this.make(path, member);
      for (let above = path; above !== '/'; above = dirname(above)) this.touched.add(above);
    }
    if (before?.isDirectory() && this.status(folder)?.isDirectory())
      lutimesSync(this.at(folder), before.atimeMs / 1000, before.mtimeMs / 1000);
  }

  /** Returns the folder of a member, following links inside the image. It need not exist. */
  private async folderOf(name: string): Promise<string> {
    const known = this.folders.get(name);
    if (known !== undefined) return known;
    const real = await this.image.real(name);
    if (real === undefined)
      throw new MusterError('bad-image', `The image's ${JSON.stringify(name)} is a circle of links.`);
    if (this.folders.size > 10_000) this.folders.clear();
    this.folders.set(name, real);
    return real;
  }

  private makeFolder(path: string): void {
    for (let at = path; at !== '/'; at = dirname(at)) this.touched.add(at);
    mkdirSync(this.at(path), { recursive: true, mode: 0o755 });
  }

  /** layer.md: a whiteout applies only to the layers below, wherever it is among the members of its layer. */
  private remove(folder: string, mark: string, member: Member): void {
    const name = mark.slice(WHITEOUT.length);
    if (mark !== OPAQUE && ['', '.', '..'].includes(name)) throw wrong(member, 'it is a whiteout without a name');
    this.removeBelow(mark === OPAQUE ? folder : join(folder, name), mark === OPAQUE);
    this.folders.clear();
  }

  private removeBelow(path: string, isKept: boolean): void {
    const status = this.status(path);
    if (!status) return;
    if (!isKept && !this.touched.has(path)) return void rmSync(this.at(path), { recursive: true, force: true });
    if (!status.isDirectory()) return;
    for (const name of readdirSync(this.at(path), { encoding: 'latin1' })) this.removeBelow(join(path, name), false);
  }

  private async make(path: string, member: Member): Promise<void> {
    const old = this.status(path);
    if (old && !(old.isDirectory() && member.type === 'folder')) {
      rmSync(this.at(path), { recursive: true, force: true });
      this.folders.clear();
    }
    switch (member.type) {
      case 'file':
        return this.makeFile(path, member);
      case 'folder':
        if (old?.isDirectory()) this.clearAttributes(path);
        else mkdirSync(this.at(path));
        return this.attribute(path, member);
      case 'link':
        this.folders.clear();
        symlinkSync(Buffer.from(member.target, 'latin1'), this.at(path));
        return this.attribute(path, member);
      case 'hardlink':
        return this.makeHardLink(path, member);
      default:
        await this.makeNode(path, member);
        return this.attribute(path, member);
    }
  }

  private async makeFile(path: string, member: Member): Promise<void> {
    const file = openSync(this.at(path), 'wx', 0o600);
    try {
      let end = 0;
      for await (const { at, bytes } of member.content()) {
        for (let done = 0; done < bytes.length; ) done += writeSync(file, bytes, done, bytes.length - done, at + done);
        end = at + bytes.length;
      }
      if (end < member.size) ftruncateSync(file, member.size);
      fchownSync(file, member.uid, member.gid);
      fchmodSync(file, member.mode);
      this.setAttributes(path, member);
      futimesSync(file, member.mtime, member.mtime);
    } finally {
      closeSync(file);
    }
  }

  /** Links to a name of this layer or one below, as the image sees it; does not follow a link there. */
  private async makeHardLink(path: string, member: Member): Promise<void> {
    this.folders.clear();
    const whole = join('/', member.target);
    const target = join(await this.folderOf(dirname(whole)), basename(whole));
    try {
      linkSync(this.at(target), this.at(path));
    } catch (error) {
      throw new MusterError(
        'bad-image',
        `A hard link of a layer, ${JSON.stringify(member.name)}, leads to ${JSON.stringify(member.target)}, which is not a file of this layer or one below: ${reasonOf(error)}`,
      );
    }
  }

  /** Uses the program mknod with a safe name, because Node has no such call. */
  private async makeNode(path: string, { type, major, minor }: Member): Promise<void> {
    const draft = join(Buffer.from(this.image.folder, 'latin1').toString(), '.muster-node');
    const kind = { character: 'c', block: 'b' }[type as string] ?? 'p';
    const numbers = kind === 'p' ? [] : [String(major), String(minor)];
    const result = await run('mknod', ['--', draft, kind, ...numbers], { package: 'coreutils' });
    if (result.status !== 0) throw toolFailed(`mknod ${path}`, result);
    renameSync(draft, this.at(path));
  }

  private attribute(path: string, member: Member): void {
    const at = this.at(path);
    lchownSync(at, member.uid, member.gid);
    if (member.type !== 'link') chmodSync(at, member.mode);
    this.setAttributes(path, member);
    lutimesSync(at, member.mtime, member.mtime);
  }

  private setAttributes(path: string, { name, attributes }: Member): void {
    for (const [key, value] of attributes) {
      if (DROPPED.test(key)) continue;
      const done = this.libc.lsetxattr(this.at(path), key, value);
      if (typeof done !== 'number')
        throw new MusterError(
          'tool-failed',
          `The attribute ${key} of ${JSON.stringify(name)} cannot be set where the workspace is: ${done.code}.`,
          { hint: 'Name a folder on another file system in ~/.scyldcw/settings.ini: [modimg] workspace = /FOLDER' },
        );
    }
  }

  /** Gives a folder of a layer below exactly the attributes that this layer defines. */
  private clearAttributes(path: string): void {
    for (const key of this.libc.llistxattr(this.at(path)))
      if (/^(?:user|trusted)\.|^security\.capability$/.test(key)) this.libc.lremovexattr(this.at(path), key);
  }

  private status(path: string): Stats | undefined {
    try {
      return lstatSync(this.at(path), { throwIfNoEntry: false });
    } catch (error) {
      // A file has nothing below it.
      if (systemCode(error) === 'ENOTDIR') return undefined;
      throw error;
    }
  }

  /** Returns the place on this machine of a path without links. */
  private at(path: string): Buffer {
    return Buffer.from(this.image.folder + path, 'latin1');
  }
}

function wrong({ name }: Member, why: string): MusterError {
  return new MusterError('bad-image', `${JSON.stringify(name)} of a layer cannot be created: ${why}.`);
}
