// What the boot plane gives to a loader that knows TFTP alone: the GRUB that distributions sign for Secure Boot.
import type { FastifyInstance } from 'fastify';
import type { Stage } from '../boot/journey.ts';
import type { PlannedFile } from '../boot/plan.ts';
import type { BootPlanePorts } from './ports.ts';

/** The path of the script, which names all other files. */
export const TFTP_SCRIPT = '/boot/v1/tftp/grub.cfg';

/** `name` is for people: a session's id is a capability. */
export type PlaneAnswer =
  | { name: string; stage: Stage; content: Buffer }
  | { name: string; stage: Stage; file: PlannedFile; path: string }
  | { name: string; refusal: string };

/** Answers the path of a URL for the node of an address; undefined for what is no file of a boot by TFTP. */
export type PlaneFiles = (path: string, ip: string) => Promise<PlaneAnswer | undefined>;

export function filesByTftp(server: FastifyInstance, ports: BootPlanePorts): PlaneFiles {
  const made = async (url: string, ip: string, name: string, stage: Stage): Promise<PlaneAnswer> => {
    const { statusCode, rawPayload } = await server.inject({ method: 'GET', url, remoteAddress: ip });
    return statusCode === 200
      ? { name, stage, content: rawPayload }
      : { name, refusal: rawPayload.toString('utf8').trim() };
  };
  return async (path, ip) => {
    if (path === TFTP_SCRIPT) return made(path, ip, 'grub.cfg', 'script');
    if (path === '/boot/v1/kernel') {
      const node = ports.directory.nodeByIp(ip);
      const boot = node && ports.boots.current(node.uid);
      const file = boot?.outcome === undefined ? boot?.plan?.kernel : undefined;
      if (!file) return { name: 'kernel', refusal: `no boot of ${ip} is under way that has a kernel` };
      return { name: 'kernel', stage: 'kernel', file, path: ports.blobPath(file.blob) };
    }
    const [, session, name] = /^\/boot\/v1\/([^/]+)\/(session\.cpio|initramfs)$/.exec(path) ?? [];
    if (session === undefined || name === undefined) return undefined;
    if (name === 'session.cpio') return made(path, ip, name, 'kernel');
    const answer = ports.boots.session(session, ip);
    if ('refusal' in answer) return { name, refusal: answer.refusal };
    // As over HTTP: a node must not be installed twice
    await ports.takeOnce(answer.boot);
    const file = answer.plan.initramfs;
    if (!file) return { name, refusal: `a boot as ${answer.plan.style} has no initramfs` };
    return { name, stage: 'kernel', file, path: ports.blobPath(file.blob) };
  };
}
