// What the boot plane gives to a loader that knows TFTP alone: the GRUB that distributions sign for Secure Boot.
import type { FastifyInstance } from 'fastify';
import type { BootFile, BootFiles } from '../boot/boot-file.ts';
import type { Fault } from '../boot/faults.ts';
import type { Stage } from '../boot/journey.ts';
import { kernelUnderWay } from './planned-files.ts';
import type { BootPlanePorts } from './ports.ts';

/** The path of the script, which names all other files. */
export const TFTP_SCRIPT = '/boot/v1/tftp/grub.cfg';

/** What is made for who asks, and what a refusal of it means. */
const MADE: Readonly<Record<'script' | 'session', { stage: Stage; fault: Fault }>> = {
  script: { stage: 'script', fault: 'nothing-to-boot' },
  session: { stage: 'kernel', fault: 'session-over' },
};
const OVER = { stage: 'kernel', fault: 'session-over' } as const;

export function filesByTftp(server: FastifyInstance, ports: BootPlanePorts): BootFiles {
  const made = async (url: string, ip: string, name: string, kind: 'script' | 'session'): Promise<BootFile> => {
    const { stage, fault } = MADE[kind];
    const { statusCode, rawPayload } = await server.inject({ method: 'GET', url, remoteAddress: ip });
    return statusCode === 200
      ? { name, kind, stage, content: rawPayload }
      : { name, stage, fault, refusal: rawPayload.toString('utf8').trim() };
  };
  return async (path, ip) => {
    if (path === TFTP_SCRIPT) return made(path, ip, 'grub.cfg', 'script');
    if (path === '/boot/v1/kernel') {
      const kernel = kernelUnderWay(ports, ip);
      if ('refusal' in kernel) return { ...OVER, name: 'kernel', refusal: kernel.refusal };
      return {
        name: 'kernel',
        kind: 'kernel',
        stage: 'kernel',
        file: kernel.file,
        path: ports.blobPath(kernel.file.blob),
      };
    }
    const [, session, name] = /^\/boot\/v1\/([^/]+)\/(session\.cpio|initramfs)$/.exec(path) ?? [];
    if (session === undefined || name === undefined) return undefined;
    if (name === 'session.cpio') return made(path, ip, name, 'session');
    const answer = ports.boots.session(session, ip);
    if ('refusal' in answer) return { ...OVER, name, refusal: answer.refusal };
    // As over HTTP: a node must not be installed twice
    await ports.takeOnce(answer.boot);
    const file = answer.plan.initramfs;
    if (!file) return { ...OVER, name, refusal: `a boot as ${answer.plan.style} has no initramfs` };
    return { name, kind: 'initramfs', stage: 'kernel', file, path: ports.blobPath(file.blob) };
  };
}
