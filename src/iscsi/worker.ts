// A process that serves read-only disks: the daemon provides connections and decides who may log in. `workers` starts it; it ends
// with the daemon.
import { Socket } from 'node:net';
import type { BlockDevice } from '../scsi/block-device.ts';
import { openFileDevice } from '../scsi/file-device.ts';
import type { Admission, OtherAdmission, TargetDirectory } from './directory.ts';
import { IscsiTarget } from './server.ts';
import { noTraffic } from './traffic.ts';
import {
  type Answer,
  type FromWorker,
  LIMITS_VARIABLE,
  type RemoteAdmission,
  type ToWorker,
  type WorkerLimits,
} from './worker-protocol.ts';

const questions = new Map<number, { resolve(answer: Answer): void; reject(error: Error): void }>();
/** Open files by path: sessions of one image share its disk. */
const files = new Map<string, { device: Promise<BlockDevice>; users: number }>();
let lastId = 0;

const directory: TargetDirectory = {
  async discover(visitor) {
    const { answer } = await ask(id => ({ kind: 'discover', id, visitor }));
    if ('refused' in answer || 'targets' in answer) return answer;
    throw new Error('the daemon answered something else');
  },
  async authorize(visitor) {
    const { id, answer } = await ask(next => ({ kind: 'authorize', id: next, visitor }));
    if ('refused' in answer) return answer;
    if (!('file' in answer)) throw new Error('the daemon answered something else');
    return admitWith(answer, () => tell({ kind: 'release', id }));
  },
};

/** Opens the disks of an admission; `released` is called once, when they are closed again or could not be opened. */
async function admitWith({ file, others, ...admission }: RemoteAdmission, released: () => void): Promise<Admission> {
  const lent: Lent[] = [];
  const release = (): void => {
    for (const one of lent) one.release();
    released();
  };
  const open = async (path: string): Promise<BlockDevice> => {
    const one = await lend(path);
    lent.push(one);
    return one.device;
  };
  try {
    const device = await open(file);
    const opened: OtherAdmission[] = [];
    for (const other of others) opened.push({ ...other, device: await open(other.file) });
    return { ...admission, device, others: opened, release };
  } catch (error) {
    release();
    throw error;
  }
}

const target = new IscsiTarget({
  directory,
  note: note => tell({ kind: 'note', note }),
  report: problem => tell({ kind: 'report', problem }),
  limits: JSON.parse(process.env[LIMITS_VARIABLE] ?? '{}') as WorkerLimits,
});

/** How often the worker reports what was done, in milliseconds. */
const TELL_MS = 1000;
let told = { ...noTraffic(), sessions: 0 };
setInterval(() => {
  const { commands, readBytes, writtenBytes } = target.traffic;
  const sessions = target.sessionCount;
  if (commands === told.commands && sessions === told.sessions) return;
  const traffic = {
    commands: commands - told.commands,
    readBytes: readBytes - told.readBytes,
    writtenBytes: writtenBytes - told.writtenBytes,
  };
  told = { commands, readBytes, writtenBytes, sessions };
  tell({ kind: 'traffic', traffic, sessions });
}, TELL_MS).unref();

process.on('message', (message: ToWorker, handle: unknown) => {
  if (message.kind === 'connection' && handle instanceof Socket) target.accept(handle);
  if (message.kind === 'answer') questions.get(message.id)?.resolve(message.answer);
  if (message.kind === 'failed') questions.get(message.id)?.reject(new Error(message.reason));
  if (message.kind === 'end') target.endSessions(message.which, message.reason);
  if (message.kind === 'ping') tell({ kind: 'pong' });
  if (message.kind === 'close') target.close(message.graceMs).then(() => process.disconnect?.());
});

// Without its daemon nobody decides who may log in: initiators must find the next one.
process.on('disconnect', () => process.exit(0));
// The daemon handles a signal to the whole group, as from a terminal.
process.on('SIGINT', () => {});
process.on('SIGTERM', () => {});

function tell(message: FromWorker): void {
  if (process.connected) process.send?.(message);
}

function ask(question: (id: number) => FromWorker): Promise<{ id: number; answer: Answer }> {
  lastId += 1;
  const id = lastId;
  tell(question(id));
  return new Promise((resolve, reject) => {
    const settle = () => questions.delete(id);
    questions.set(id, {
      resolve: answer => settle() && resolve({ id, answer }),
      reject: error => settle() && reject(error),
    });
  });
}

interface Lent {
  device: BlockDevice;
  release(): void;
}

async function lend(path: string): Promise<Lent> {
  const shared = files.get(path) ?? { device: openFileDevice(path), users: 0 };
  files.set(path, shared);
  shared.users += 1;
  const release = () => {
    shared.users -= 1;
    if (shared.users > 0) return;
    files.delete(path);
    shared.device.then(device => device.close()).catch(() => {});
  };
  try {
    return { device: await shared.device, release };
  } catch (error) {
    files.delete(path);
    throw error;
  }
}
