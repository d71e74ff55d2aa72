// The files of ISO images, read-only: /isomount/<repo>/…. Packages are public: they are served to everyone on the boot network.
import type { Boot } from '../boot.ts';
import type { IsoFound, PlaneContext } from './ports.ts';
import { type Answer, type Effect, refuse, say } from './question.ts';
import { storageFault } from './storage-fault.ts';
import type { Admitted } from './who.ts';

/** Listed entries of a directory; no repository has more in one, and every answer must stay small. */
const LISTED = 20_000;

export async function isoFile({ question, context, params }: Admitted['everyone']): Promise<Answer> {
  const { repo = '', '*': path = '' } = params;
  if (path.split('/').includes('..') || path.includes('\0')) return refuse(404, 'nothing is here');
  const installing = installingFrom(context, question.ip, repo);
  const stage = path.endsWith('.img') ? 'image' : 'initramfs';
  const failed = (error: unknown): readonly Effect[] => {
    const problem = storageFault(`stored ISO image of ${repo} (${path || '/'})`, 'iso', error);
    const log: Effect = { do: 'log', level: 'error', more: { repo }, text: problem.error, rarely: true };
    if (!installing) return [log];
    return [{ do: 'tell', boot: installing.boot, note: { stage, peer: question.ip, ...problem } }, log];
  };
  let found: IsoFound | undefined;
  try {
    found = await context.iso(repo, path, installing?.blob);
  } catch (error) {
    return refuse(500, 'the head cannot read the ISO image', failed(error));
  }
  if (!found) return refuse(404, `the ISO image of ${repo} has no such file`);
  if ('entries' in found) return say(listing(found.entries), { type: 'text/html; charset=utf-8' });
  return {
    say: 'file',
    file: found.file,
    failed,
    sent({ bytes }) {
      // An installer reads thousands of files; these two kinds show its progress.
      if (!installing || bytes === 0 || !/(^|\/)\.?treeinfo$|\.img$/.test(path)) return [];
      const detail = `the installer fetched ${path}`;
      return [{ do: 'tell', boot: installing.boot, note: { stage, detail, bytes, peer: question.ip } }];
    },
  };
}

/** The image in the plan of the client's current boot: a new one in the repo does not affect it. */
function installingFrom(
  { boots, directory }: Pick<PlaneContext, 'boots' | 'directory'>,
  ip: string,
  repo: string,
): { boot: Boot; blob: string } | undefined {
  const node = directory.nodeByIp(ip);
  const boot = node && boots.current(node.uid);
  const planned = boot && !boot.outcome ? boot.plan?.install?.repo : undefined;
  if (!boot || !planned?.iso || planned.name !== repo) return undefined;
  return { boot, blob: planned.iso.blob };
}

function listing(entries: readonly { name: string; isDirectory: boolean }[]): string {
  const rows = entries.slice(0, LISTED).map(({ name, isDirectory }) => {
    const slash = isDirectory ? '/' : '';
    return `<a href="${encodeURIComponent(name)}${slash}">${escapeHtml(name)}${slash}</a>\n`;
  });
  if (entries.length > LISTED) rows.push(`and ${entries.length - LISTED} more\n`);
  return `<!DOCTYPE html>\n<title>Index</title>\n<pre>\n<a href="../">../</a>\n${rows.join('')}</pre>\n`;
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"]/g, sign => `&#${sign.charCodeAt(0)};`);
}
