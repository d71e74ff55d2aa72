// A thread that sends bytes of files into any number of connections by sendfile(2): docs/decisions/0008-system-calls.md.
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { monotonicNow } from '../clock.ts';
import { tracked } from '../descriptors.ts';
import { type Called, loadLibc } from '../libc.ts';
import { ONCE, READABLE, Readiness, WRITABLE } from '../readiness.ts';
import type { ThreadBasics } from '../thread.ts';
import { answersPing, heed } from '../wake.ts';
import type { FromSender, ToSender } from './sender-protocol.ts';
import { watchSleep } from './slow-read.ts';

/** The most that one connection sends before the others have their turn, in bytes. */
const TURN = 1 << 20;
/** How often progress is reported, in milliseconds. */
const NEWS_MS = 500;
/** The number of the wake among the ids of jobs. */
const WAKE = 0;

interface Job {
  id: number;
  socket: number;
  file: number;
  position: number;
  left: number;
  /** Bytes not reported yet. */
  news: number;
  slow: boolean;
  reset: boolean;
}

const port = parentPort;
if (!port) throw new Error('this file is a thread of muster');
const { wake, held, pulse } = workerData as ThreadBasics;
const libc = tracked(await loadLibc(), held);
const readiness = new Readiness(libc);
const jobs = new Map<number, Job>();
/** Connections that may accept more. */
const ready = new Set<Job>();
let told = 0;

readiness.add(wake, WAKE, READABLE + ONCE);
// It has started
port.postMessage([] satisfies FromSender[]);
port.on('message', (message: ToSender) => {
  if (answersPing(message, pulse)) return;
  take(message);
  // While there is something to send, the thread waits for connections, not for messages: the wake announces those
  while (jobs.size > 0) round();
});

function round(): void {
  const count = readiness.wait(ready.size > 0 ? 0 : NEWS_MS);
  for (let index = 0; index < count; index += 1) {
    const id = readiness.own(index);
    const job = jobs.get(id);
    if (job) ready.add(job);
    else if (id === WAKE) for (const message of heed<ToSender>(wake, port as MessagePort, pulse)) take(message);
  }
  for (const job of [...ready]) turn(job);
  const now = monotonicNow();
  if (now - told < NEWS_MS) return;
  told = now;
  tell([...jobs.values()].filter(job => job.news > 0).map(job => newsOf(job, false)));
}

function take(message: ToSender): void {
  if (message.kind === 'drop') {
    const job = jobs.get(message.id);
    if (job) end(job);
    return;
  }
  const { id, socket, file, position, length } = message;
  const job: Job = { id, socket, file, position, left: length, news: 0, slow: false, reset: false };
  jobs.set(id, job);
  if (typeof readiness.add(socket, id, WRITABLE + ONCE) === 'number') ready.add(job);
  else end(job);
}

/** Sends what the connection accepts, but lets others have their turn. */
function turn(job: Job): void {
  const wanted = Math.min(TURN, job.left);
  const send = (): Called => libc.sendfile(job.socket, job.file, job.position, wanted);
  const { result: taken, slept } = watchSleep(send, libc);
  if (slept) job.slow = true;
  if (typeof taken !== 'number') {
    // A full connection reports when it accepts more; any other code is its end
    if (taken.code === 'ECONNRESET') job.reset = true;
    if (taken.code === 'EAGAIN') ready.delete(job);
    else if (taken.code !== 'EINTR') end(job);
    return;
  }
  job.position += taken;
  job.left -= taken;
  job.news += taken;
  // 0 is the end of a file that became shorter
  if (job.left === 0 || taken === 0) end(job);
}

function end(job: Job): void {
  jobs.delete(job.id);
  ready.delete(job);
  readiness.remove(job.socket);
  tell([newsOf(job, true)]);
}

function newsOf(job: Job, ended: boolean): FromSender {
  const news = { id: job.id, bytes: job.news, ended, slow: job.slow, reset: job.reset };
  job.news = 0;
  return news;
}

function tell(news: FromSender[]): void {
  if (news.length > 0) port?.postMessage(news);
}
