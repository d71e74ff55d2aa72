// The syslog receiver's sockets: it receives datagrams, and never answers.
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { type Log, LogLimiter } from '../log.ts';
import { Intake, type IntakePorts } from './intake.ts';

export interface SyslogOptions extends IntakePorts {
  addresses: readonly string[];
  port: number;
  log: Log;
}

export interface SyslogServer {
  /** The port of each address, in order. */
  readonly ports: readonly number[];
  close(): Promise<void>;
}

export async function startSyslogServer(options: SyslogOptions): Promise<SyslogServer> {
  const { addresses, port, log } = options;
  const intake = new Intake(options);
  const limiter = new LogLimiter();
  const sockets: Socket[] = [];
  const close = async (): Promise<void> => {
    await Promise.all(sockets.map(async socket => new Promise<void>(resolve => socket.close(() => resolve()))));
  };
  try {
    for (const address of addresses) {
      const socket = createSocket('udp4');
      socket.bind(port, address);
      await once(socket, 'listening');
      sockets.push(socket);
      socket.on('error', error => log.error({ part: 'syslog' }, `The syslog socket failed: ${error.message}`));
      socket.on('message', (datagram, peer) => {
        const dropped = intake.take(datagram, peer.address);
        const more = dropped && limiter.allow(dropped);
        if (more !== undefined)
          log.debug({ part: 'syslog', peer: peer.address, dropped: more }, `message dropped: ${dropped}`);
      });
    }
  } catch (error) {
    await close();
    throw error;
  }
  return { ports: sockets.map(socket => socket.address().port), close };
}
