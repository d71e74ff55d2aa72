// Notifications to systemd (sd_notify): ready, reloading, stopping, alive. Outside systemd nothing is sent.
import { setTimeout as delay } from 'node:timers/promises';
import { monotonicNow } from '../clock.ts';
import { reasonOf } from '../errors.ts';
import { check, loadLibc, SOCKET, unixAddress } from '../libc.ts';
import type { Log } from '../log.ts';

/** How long systemd may have no room for a message, in milliseconds, and the pause between two tries. */
const PATIENCE_MS = 10_000;
const AGAIN_MS = 100;

export interface ServiceManager {
  /** Serving; `status` is the line that `systemctl status` shows. */
  ready(status: string): Promise<void>;
  reloading(): Promise<void>;
  /** Also ends the signs of life. */
  stopping(): Promise<void>;
}

/**
 * Notifies the service manager in the environment (`NOTIFY_SOCKET`, `WATCHDOG_USEC`; sd_notify(3), sd_watchdog_enabled(3)). A
 * message that cannot be sent is a warning in the log, never an error: the servers matter more than their notifications.
 */
export function serviceManager(environment: NodeJS.ProcessEnv, log: Log): ServiceManager {
  const socket = environment['NOTIFY_SOCKET'];
  if (!socket) return { ready: async () => {}, reloading: async () => {}, stopping: async () => {} };
  let alive: NodeJS.Timeout | undefined;
  const send = async (...words: string[]): Promise<void> => {
    try {
      await notify(socket, words.join('\n'));
    } catch (error) {
      log.warn({ reason: reasonOf(error) }, 'systemd cannot be notified of the state of musterd');
    }
  };
  const every = watchdogInterval(environment, process.pid);
  return {
    ready: async status => {
      await send('READY=1', `STATUS=${status}`);
      if (every === undefined || alive) return;
      let isSending = false;
      // The timer runs only while the event loop turns, which is what the watchdog must know.
      alive = setInterval(async () => {
        if (isSending) return;
        isSending = true;
        await send('WATCHDOG=1');
        isSending = false;
      }, every);
    },
    reloading: async () => send('RELOADING=1', `MONOTONIC_USEC=${process.hrtime.bigint() / 1000n}`),
    stopping: async () => {
      clearInterval(alive);
      await send('STOPPING=1', 'STATUS=stopping; transfers under way may end');
    },
  };
}

/** Sends one datagram to the service manager; throws the code of the system's error. Node has no datagram sockets of AF_UNIX. */
async function notify(path: string, text: string): Promise<void> {
  const libc = await loadLibc();
  const fd = check(libc.socket(SOCKET.AF_UNIX, SOCKET.SOCK_DGRAM_CLOEXEC_NONBLOCK, 0));
  const bytes = Buffer.from(text);
  const latest = monotonicNow() + PATIENCE_MS;
  try {
    for (;;) {
      const sent = libc.sendto(fd, bytes, bytes.length, unixAddress(path));
      const isFull = typeof sent !== 'number' && sent.code === 'EAGAIN';
      if (!isFull || monotonicNow() > latest) return void check(sent);
      await delay(AGAIN_MS);
    }
  } finally {
    libc.close(fd);
  }
}

/** Returns the milliseconds between two signs of life, a third of what systemd allows; none when it does not watch this process. */
export function watchdogInterval(environment: NodeJS.ProcessEnv, pid: number): number | undefined {
  const microseconds = Number(environment['WATCHDOG_USEC']);
  const watched = environment['WATCHDOG_PID'];
  if (!(microseconds > 0) || (watched !== undefined && Number(watched) !== pid)) return undefined;
  return Math.max(1, Math.floor(microseconds / 3000));
}
