// Files for boots from disk: iPXE scripts, the site's own before muster's, and loaders.
import { closeSync, openSync, readSync, statSync } from 'node:fs';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { LOADER_HEAD, loaderMismatch } from '../boot/loader-format.ts';
import type { Loaders } from '../boot/loaders.ts';
import { IPXE } from '../boot/plane/languages.ts';
import type { ServedFile } from '../boot/plane/question.ts';
import { fillTemplate } from '../boot/script.ts';
import { monotonicNow } from '../clock.ts';
import type { Config } from '../config.ts';
import { LOADER_NAMES } from '../config-values.ts';
import type { Networks } from '../networks.ts';
import { packageRoot } from '../package-root.ts';

/** How long a script counts as unchanged, in milliseconds: a thousand nodes fetch the same ones in one second. */
const FRESH_MS = 1000;
const scripts = new Map<string, { until: number; text: Promise<string> }>();

/** Returns a script of the site's own folder, else the one that came with muster; read again each time, so an edit needs no restart. */
export async function bootScript(config: Config, name: string): Promise<string> {
  const key = `${config['paths.scripts']}/${name}`;
  const now = monotonicNow();
  const known = scripts.get(key);
  if (known && known.until > now) return known.text;
  const text = readScript(config, name);
  scripts.set(key, { until: now + FRESH_MS, text });
  // An unreadable one is tried again next time.
  text.catch(() => scripts.delete(key));
  return text;
}

/** Returns the path of a script that comes with muster: GRUB's are templates, iPXE's have a separate folder. */
function shippedScript(name: string): string {
  return name.endsWith('.grub') ? join(packageRoot, 'templates/grub', name) : join(packageRoot, 'boot-scripts', name);
}

async function readScript(config: Config, name: string): Promise<string> {
  const own = config['paths.scripts'] && join(config['paths.scripts'], name);
  if (own && (await stat(own).catch(() => undefined))) return readFile(own, 'utf8');
  return readFile(shippedScript(name), 'utf8');
}

/** Writes the script that newer iPXE fetches next to itself; a file, so that TFTP and HTTP serve it like any loader. */
export async function writeAutoexec(config: Config, networks: Networks): Promise<string> {
  const path = join(config['paths.state'], 'autoexec.ipxe');
  // With several networks, each has a different address of the head: iPXE knows it as the server of the loader.
  const [only, ...more] = networks.attached;
  const address = more.length === 0 && only ? only.head : '$' + '{next-server}';
  const script = `http://${address}:${config['http.port']}${IPXE.path}`;
  await writeFile(path, fillTemplate(await bootScript(config, 'autoexec.ipxe'), { SCRIPT: script }), { mode: 0o644 });
  return path;
}

export function loaderFile(path: string | undefined): ServedFile | undefined {
  if (path === undefined) return undefined;
  const { size, mtimeMs } = statSync(path);
  const etag = `${size.toString(16)}-${Math.floor(mtimeMs).toString(16)}`;
  return { path, offset: 0, size, etag, modified: mtimeMs };
}

/** Returns the loaders that cannot run on their firmware, and why. */
export function loaderMismatches(loaders: Loaders): { name: string; text: string }[] {
  return LOADER_NAMES.flatMap(name => {
    const path = loaders[name];
    const head = path === undefined ? undefined : headOf(path);
    const mismatch = head && loaderMismatch(head, name);
    return mismatch === undefined ? [] : [{ name, text: `${path} ${mismatch}` }];
  });
}

/** Undefined for an unreadable file: its server reports that. */
function headOf(path: string): Buffer | undefined {
  const head = Buffer.alloc(LOADER_HEAD);
  try {
    const file = openSync(path, 'r');
    try {
      return head.subarray(0, readSync(file, head, 0, head.length, 0));
    } finally {
      closeSync(file);
    }
  } catch {
    return undefined;
  }
}
