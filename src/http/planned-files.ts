// The files of a boot's plan, kernel to image: sent at once or in turn, and noted on the boot's timeline.
import type { Socket } from 'node:net';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { PlannedFile } from '../boot/boot-plan.ts';
import type { BootFileName } from '../boot/faults.ts';
import type { Stage } from '../boot/journey.ts';
import { judge } from './conditions.ts';
import type { Admission, Applicant, Governor } from './governor.ts';
import type { BootPlanePorts } from './ports.ts';
import { readRange } from './range.ts';
import { peerOf, text } from './replies.ts';
import { type Sent, sendFile } from './send-file.ts';
import { storageFault, tellFault } from './storage-faults.ts';

export interface Planned {
  kind: BootFileName;
  /** What people call it, when not by its kind. */
  name?: string;
  stage: Stage;
  /** The session's id, or the node's UID where the URL has no session. */
  session?: string;
  uid?: string;
  file: PlannedFile;
}

/** The kernel of the node's boot under way: of a loader that has no session in the path. */
export function kernelUnderWay(
  { directory, boots }: Pick<BootPlanePorts, 'directory' | 'boots'>,
  ip: string,
): { uid: string; file: PlannedFile } | { refusal: string } {
  const node = directory.nodeByIp(ip);
  const boot = node && boots.current(node.uid);
  const file = boot?.outcome === undefined ? boot?.plan?.kernel : undefined;
  return node && file ? { uid: node.uid, file } : { refusal: `no boot of ${ip} is under way that has a kernel` };
}

/** An image, when it is the boot's turn; else 503 with the time to come back. */
export async function sendInTurn(
  ports: BootPlanePorts,
  request: FastifyRequest,
  reply: FastifyReply,
  planned: Planned & { boot: string; node: string },
): Promise<unknown> {
  const { governor } = ports;
  if (!governor) return sendPlanned(ports, request, reply, planned);
  const { boot, node, file } = planned;
  const condition = judge(request.headers, { etag: `"${file.sha256}"` });
  const range = readRange(condition.send && condition.ranged ? request.headers.range : undefined, file.size);
  // Nothing of the image is sent: that needs no turn
  if (!condition.send || range.kind === 'unsatisfiable') return sendPlanned(ports, request, reply, planned);
  const start = range.kind === 'part' ? range.start : 0;
  const admission = await admitted(governor, { boot, node, start, size: file.size }, request.raw.socket);
  if ('slot' in admission) {
    admission.slot.onReplaced(() => reply.raw.destroy());
    try {
      return await sendPlanned(ports, request, reply, planned, bytes => admission.slot.sent(bytes));
    } finally {
      admission.slot.end();
    }
  }
  const { retryAfter, place } = admission;
  reply.header('Retry-After', retryAfter);
  return text(reply, 503, `the image waits its turn: place ${place} in the queue, come back in ${retryAfter} s\n`);
}

/** Listens to the connection only while the answer is awaited: a connection that is kept alive carries any number of requests. */
async function admitted(governor: Governor, applicant: Applicant, socket: Socket): Promise<Admission> {
  let left = (): void => {};
  try {
    return await governor.admit(applicant, callback => {
      left = callback;
      socket.once('close', left);
    });
  } finally {
    socket.off('close', left);
  }
}

export async function sendPlanned(
  ports: BootPlanePorts,
  request: FastifyRequest,
  reply: FastifyReply,
  planned: Planned,
  progress?: (bytes: number) => void,
): Promise<void> {
  const { kind, name = kind, stage, session, uid, file } = planned;
  const whose = { ...(session !== undefined && { session }), ...(uid !== undefined && { node: uid }) };
  const begun = performance.now();
  const resource = {
    path: ports.blobPath(file.blob),
    offset: file.offset,
    size: file.size,
    etag: file.sha256,
    type: 'application/octet-stream',
  };
  let sent: Sent;
  try {
    sent = await send(request, reply, resource, progress);
  } catch (error) {
    const problem = storageFault(`stored ${name}`, kind, error);
    ports.boots.note({ stage, ...whose, peer: peerOf(request), ...problem });
    tellFault(ports.log, request, problem.error, { sha256: file.blob });
    throw error;
  }
  // Nothing was to be sent: a HEAD, or what the client has already. One that left before the first byte was to get some.
  if (sent.bytes === 0 && sent.complete) return;
  const seconds = ((performance.now() - begun) / 1000).toFixed(1);
  const resumed = sent.start > 0 ? ` from byte ${sent.start}` : '';
  const cut = sent.complete ? '' : `, cut off after ${sent.bytes} bytes`;
  ports.boots.note({
    stage,
    ...whose,
    peer: peerOf(request),
    bytes: sent.bytes,
    file: kind,
    complete: sent.complete,
    detail: `${name}${resumed} in ${seconds} s${cut}`,
  });
}

/** Sends the file; one that cannot be read is an error for the log and a 500 for the node. */
export async function send(
  request: FastifyRequest,
  reply: FastifyReply,
  file: Parameters<typeof sendFile>[2],
  progress?: (bytes: number) => void,
): Promise<Sent> {
  reply.hijack();
  try {
    return await sendFile(request.raw, reply.raw, file, progress);
  } catch (error) {
    // The framework has let go of this reply: an answer must be given here, and a broken one must not look whole.
    if (reply.raw.headersSent) reply.raw.destroy();
    else reply.raw.writeHead(500, { 'Content-Length': 0 }).end();
    throw error;
  }
}
