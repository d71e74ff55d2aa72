// Immutable files named by their SHA-256. A blob is complete or absent.
import { constants, mkdirSync } from 'node:fs';
import { access, readdir, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { monotonicNow } from '../clock.ts';
import { makeFolder, moveInto } from '../durable/folders.ts';
import { asDiskFull } from '../durable/replace.ts';
import { MusterError } from '../errors.ts';

export class Blobs {
  private readonly folder: string;
  /** Blobs that a running command will refer to, with the number of such commands. */
  private readonly holds = new Map<string, number>();
  /** Blobs are added and removed one at a time, so that one that returns is not removed at the same moment. */
  private turn: Promise<unknown> = Promise.resolve();
  /** When blobs came, by the steady clock. */
  private readonly came = new Map<string, number>();
  private readonly opened: number;
  private readonly clocks: { wall(): number; steady(): number };

  constructor(stateFolder: string, clocks = { wall: Date.now, steady: monotonicNow }) {
    this.clocks = clocks;
    this.opened = clocks.steady();
    this.folder = join(stateFolder, 'blobs');
    mkdirSync(this.folder, { recursive: true, mode: 0o700 });
  }

  /** Returns the path of a blob. Checks the digest, so that it cannot become another path. */
  path(sha256: string): string {
    if (!isDigest(sha256)) throw new MusterError('internal', `'${sha256}' is no SHA-256 digest`);
    return join(this.folder, sha256.slice(0, 2), sha256);
  }

  async has(sha256: string): Promise<boolean> {
    return access(this.path(sha256), constants.R_OK).then(
      () => true,
      () => false,
    );
  }

  /** Turns a finished file into a blob. The file must be on the same file system, closed, and match the digest; it is moved. */
  async adopt(file: string, sha256: string): Promise<void> {
    const target = this.path(sha256);
    try {
      await this.inTurn(async () => {
        await makeFolder(dirname(target));
        await moveInto(file, target);
        this.came.set(sha256, this.clocks.steady());
      });
    } catch (error) {
      throw asDiskFull(error, 'The file');
    }
  }

  /** Keeps a blob that no object refers to yet from being collected, until the returned function is called. */
  hold(sha256: string): () => void {
    this.holds.set(sha256, (this.holds.get(sha256) ?? 0) + 1);
    return () => {
      const left = (this.holds.get(sha256) ?? 1) - 1;
      if (left > 0) this.holds.set(sha256, left);
      else this.holds.delete(sha256);
    };
  }

  isHeld(sha256: string): boolean {
    return this.holds.has(sha256);
  }

  /** Returns all blobs, with their sizes in bytes and ages in milliseconds. Other files are left out. */
  async list(): Promise<{ sha256: string; size: number; age: number }[]> {
    const result: { sha256: string; size: number; age: number }[] = [];
    for (const part of await readdir(this.folder)) {
      if (!/^[0-9a-f]{2}$/.test(part)) continue;
      for (const sha256 of await readdir(join(this.folder, part))) {
        if (!isDigest(sha256)) continue;
        // One that has just been removed is no longer in the list.
        const found = await stat(join(this.folder, part, sha256)).catch(() => undefined);
        if (found) result.push({ sha256, size: found.size, age: this.age(sha256, found.ctimeMs) });
      }
    }
    return result;
  }

  /** The wall clock may be set meanwhile: it counts for what an earlier musterd stored, which is older than this one. */
  private age(sha256: string, changed: number): number {
    const now = this.clocks.steady();
    const came = this.came.get(sha256);
    return came === undefined ? Math.max(now - this.opened, this.clocks.wall() - changed) : now - came;
  }

  /** Removes a blob unless it is used, asked when it is its turn; answers whether it went. */
  async removeUnless(sha256: string, isUsed: () => boolean): Promise<boolean> {
    return this.inTurn(async () => {
      if (this.isHeld(sha256) || isUsed()) return false;
      await rm(this.path(sha256), { force: true });
      this.came.delete(sha256);
      return true;
    });
  }

  private async inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.turn.then(work);
    this.turn = result.catch(() => {});
    return result;
  }
}

function isDigest(text: string): boolean {
  return /^[0-9a-f]{64}$/.test(text);
}
