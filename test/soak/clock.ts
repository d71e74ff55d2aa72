// Loaded into musterd before its own code (`node --import`): a clock that can be put forward, and a look at its memory.
//
// SOAK_CONTROL names the socket. `ahead MS` moves the date and the steady clock on: what has a time of its own (leases, uploads, files) ages by them, and
// timers of a minute and more that are due by then run once. `look` collects garbage and answers the memory as JSON.
import { createServer } from 'node:net';
import { isMainThread } from 'node:worker_threads';

/** Timers that wait so long follow the moved clock; shorter ones are of the machine: retries, time-outs, sweeps. */
const LONG_MS = 60_000;

let ahead = Number(process.env['SOAK_AHEAD'] ?? 0);
const timers = new Map<NodeJS.Timeout, { run(): void; due: number; every: number }>();

const realNow = Date.now.bind(Date);
Date.now = () => realNow() + ahead;

// The ages of stored files and uploads go by the steady clock
const steadyNow = performance.now.bind(performance);
performance.now = () => steadyNow() + ahead;

const realInterval = globalThis.setInterval;
const intervalAhead = (run: (...words: unknown[]) => void, ms?: number, ...words: unknown[]): NodeJS.Timeout => {
  const timer = realInterval(run, ms, ...words);
  if ((ms ?? 0) >= LONG_MS)
    timers.set(timer, { run: () => run(...words), due: Date.now() + (ms ?? 0), every: ms ?? 0 });
  return timer;
};
globalThis.setInterval = Object.assign(intervalAhead, realInterval) as typeof setInterval;

const realClear = globalThis.clearInterval;
globalThis.clearInterval = (timer): void => {
  if (typeof timer === 'object') timers.delete(timer as NodeJS.Timeout);
  realClear(timer);
};

function answer(line: string): object {
  const [verb, value] = line.split(' ');
  if (verb === 'ahead') {
    ahead += Number(value);
    for (const timer of timers.values()) {
      if (timer.due > Date.now()) continue;
      timer.due = Date.now() + timer.every;
      timer.run();
    }
    return { ahead };
  }
  globalThis.gc?.();
  return process.memoryUsage();
}

// Threads have their own dates, which none of theirs goes by; the process is asked once
if (isMainThread) {
  const server = createServer(socket => {
    socket.setEncoding('utf8').on('data', text => socket.end(`${JSON.stringify(answer(String(text).trim()))}\n`));
    socket.on('error', () => {});
  });
  server.listen(process.env['SOAK_CONTROL'] ?? '');
  server.unref();
}
