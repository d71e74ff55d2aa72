// The files of ISO images, read-only: /isomount/<repo>/…. Packages are public: they are served to everyone on the boot network.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Boot } from '../boot/boot.ts';
import type { Boots } from '../boot/boots.ts';
import type { Directory } from '../boot/directory.ts';
import type { Log } from '../log.ts';
import type { Refuse } from './installer-routes.ts';
import { SAFE } from './replies.ts';
import type { FileToSend, Sent } from './send-file.ts';
import { storageFault, tellFault } from './storage-faults.ts';

export type IsoFound = { file: FileToSend } | { entries: readonly { name: string; isDirectory: boolean }[] };

export interface IsoPorts {
  boots: Boots;
  directory: Directory;
  log: Log;
  /** What lies at a path of a repo's image; `blob` names another image than the repo's present one. */
  iso(repo: string, path: string, blob: string | undefined): Promise<IsoFound | undefined>;
}

/** Entries of a directory that are listed; no repository has more in one, and every request is to stay small. */
const LISTED = 20_000;

export type Send = (request: FastifyRequest, reply: FastifyReply, file: FileToSend) => Promise<Sent>;
type IsoRequest = FastifyRequest<{ Params: { repo: string; '*': string } }>;

export function isoRoutes(
  server: FastifyInstance,
  ports: IsoPorts,
  { refuse, send }: { refuse: Refuse; send: Send },
): void {
  server.get('/isomount/:repo/*', SAFE, async (request: IsoRequest, reply) => {
    const { repo, '*': path } = request.params;
    if (path.split('/').includes('..') || path.includes('\0')) return refuse(request, reply, 404, 'nothing is here');
    const boot = installing(ports, request.ip, repo);
    const stage = path.endsWith('.img') ? 'image' : 'initramfs';
    const fault = (error: unknown): void => {
      const problem = storageFault(`stored ISO image of ${repo} (${path || '/'})`, 'iso', error);
      if (boot) ports.boots.tell(boot.boot, { stage, peer: request.ip, ...problem });
      tellFault(ports.log, request, problem.error, { repo });
    };
    let found: IsoFound | undefined;
    try {
      found = await ports.iso(repo, path, boot?.blob);
    } catch (error) {
      fault(error);
      return refuse(request, reply, 500, 'the head cannot read the ISO image');
    }
    if (!found) return refuse(request, reply, 404, `the ISO image of ${repo} has no such file`);
    if ('entries' in found) return sendListing(request, reply, found.entries);
    let sent: Sent;
    try {
      sent = await send(request, reply, found.file);
    } catch (error) {
      fault(error);
      throw error;
    }
    // An installer reads thousands of files; these two kinds say how far it is.
    if (boot && sent.bytes > 0 && /(^|\/)\.?treeinfo$|\.img$/.test(path)) {
      const detail = `the installer fetched ${path}`;
      ports.boots.tell(boot.boot, { stage, detail, bytes: sent.bytes, peer: request.ip });
    }
    return reply;
  });
}

/** The image that the peer's boot under way was planned with: a new one in the repo does not reach it. */
function installing(
  { boots, directory }: IsoPorts,
  peer: string,
  repo: string,
): { boot: Boot; blob: string } | undefined {
  const node = directory.nodeByIp(peer);
  const boot = node && boots.current(node.uid);
  const planned = boot && !boot.outcome ? boot.plan?.install?.repo : undefined;
  if (!boot || !planned?.iso || planned.name !== repo) return undefined;
  return { boot, blob: planned.iso.blob };
}

function sendListing(
  request: FastifyRequest,
  reply: FastifyReply,
  entries: readonly { name: string; isDirectory: boolean }[],
): FastifyReply {
  const rows = entries.slice(0, LISTED).map(({ name, isDirectory }) => {
    const slash = isDirectory ? '/' : '';
    return `<a href="${encodeURIComponent(name)}${slash}">${escapeHtml(name)}${slash}</a>\n`;
  });
  if (entries.length > LISTED) rows.push(`and ${entries.length - LISTED} more\n`);
  const body = `<!DOCTYPE html>\n<title>Index</title>\n<pre>\n<a href="../">../</a>\n${rows.join('')}</pre>\n`;
  reply.type('text/html; charset=utf-8').header('Content-Length', Buffer.byteLength(body));
  return reply.send(request.method === 'HEAD' ? undefined : body);
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"]/g, sign => `&#${sign.charCodeAt(0)};`);
}
