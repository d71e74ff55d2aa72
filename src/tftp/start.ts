// The daemon's TFTP server, in a separate thread.
import type { BootFiles } from '../boot/boot-file.ts';
import type { Directory } from '../boot/directory.ts';
import type { FailureLog, TftpLook } from '../boot/evidence.ts';
import type { JourneyLog } from '../boot/journey.ts';
import { MusterError, reasonOf, systemCode } from '../errors.ts';
import { loadLibc } from '../libc.ts';
import type { Log } from '../log.ts';
import { own } from '../own.ts';
import { Contents } from './contents.ts';
import { Counts, type TftpCounts } from './counts.ts';
import type { Client } from './datagrams.ts';
import type { TftpFiles } from './names.ts';
import type { Request } from './packet.ts';
import { type Listeners, peerOf } from './report.ts';
import type { ServerOptions } from './server.ts';
import { ThreadedServer } from './threaded.ts';

export interface TftpOptions extends Omit<ServerOptions, 'singlePort'> {
  files: TftpFiles;
  /** Files of boots, for loaders that have only TFTP. */
  bootFiles?: BootFiles;
  singlePort?: boolean;
  journey: JourneyLog;
  /** Receives the progress of slow transfers; undefined when one is over. */
  progress?: (ip: string, look: TftpLook | undefined) => void;
  directory: Directory;
  failures?: FailureLog;
  log: Log;
  /** Replaces the thread's own program, in tests. */
  program?: URL;
}

export interface TftpStats extends TftpCounts {
  /** Bytes of file content kept in memory. */
  cachedBytes: number;
}

export interface TftpServer {
  port: number;
  /** Ends all transfers with an error to each client, and resolves when the port is free. */
  close(): Promise<void>;
  stats(): TftpStats;
}

/** What an error of the system means here, and what to do. */
const REMEDIES: Readonly<Record<string, string>> = {
  EADDRINUSE:
    "another program has this port ('ss -lunp' names it); stop that, change tftp.port, or set tftp.enabled = false.",
  EACCES: 'ports below 1024 need root, or the capability CAP_NET_BIND_SERVICE.',
  EADDRNOTAVAIL: "no interface has that address; set head.address to the head's own.",
  EMFILE: 'musterd has as many files open as it may; raise LimitNOFILE in its unit.',
};

/** Starts the server; resolves when it answers requests, and rejects with the reason as text. */
export async function startTftpServer(options: TftpOptions): Promise<TftpServer> {
  const { address, port, singlePort = false, limits, memory, mostBlock, pingMs } = options;
  const contents = new Contents(options.files, options.bootFiles);
  const counts = new Counts();
  const surroundings = {
    counts,
    listeners: listenersOf(options),
    crashed: (reason: string, message: string) => {
      options.log.error({ reason }, message);
      const what = 'keep its TFTP server running';
      options.failures?.failed({ deed: 'send', what, error: new Error(reason), kind: 'crashed' });
    },
    content: async (request: Request, { address: ip }: Client, block: number) => contents.answer(request, ip, block),
  };
  const serverOptions = {
    ...{ address, port, singlePort },
    ...(limits && { limits }),
    ...(memory && { memory }),
    ...(pingMs !== undefined && { pingMs }),
    ...(mostBlock !== undefined && { mostBlock }),
  };
  const server = new ThreadedServer(await loadLibc(), serverOptions, surroundings, options.program);
  try {
    await server.listen();
  } catch (error) {
    const code = systemCode(error) ?? '';
    const reason = `TFTP cannot listen on ${address} port ${port}: ${own(REMEDIES, code) ?? reasonOf(error)}`;
    throw new MusterError(code === 'EACCES' ? 'not-allowed' : 'bad-config', reason, { cause: error });
  }
  return {
    port: server.port,
    close: async () => server.close(),
    stats: () => ({ ...counts.now(), cachedBytes: contents.bytes }),
  };
}

function listenersOf({ journey, directory, log, progress }: TftpOptions): Listeners {
  return {
    progress: ({ address }, look) => progress?.(address, look),
    line: (level, fields, message) => log[level](fields, message),
    note(client, note) {
      // A peer that is not a known node has no timeline
      const node = directory.nodeByIp(client.address);
      if (node) journey.note({ ...note, node: node.uid, mac: node.mac, peer: peerOf(client) });
    },
  };
}
