// One file by TFTP from a given local address, as plain as firmware does it: block size 1468, one block at a time.
import { createSocket } from 'node:dgram';
import { ackBytes, requestBytes } from '../tftp/client.ts';

export interface LoaderFetch {
  address: string;
  port: number;
  file: string;
  /** Bytes that the file has. */
  size: number;
  local: string;
}

/** Resolves when the file is whole; tried again for ever, as firmware's next power-on would. */
export async function fetchLoader({ address, port, file, size, local }: LoaderFetch): Promise<void> {
  while ((await fetchOnce(address, port, file, local)) !== size);
}

/** Bytes that came before the last block, a refusal, or five seconds of silence. */
async function fetchOnce(address: string, port: number, file: string, local: string): Promise<number> {
  const lookup = (name: string, _options: object, done: (error: null, address: string, family: number) => void) =>
    done(null, name, 4);
  const socket = createSocket({ type: 'udp4', lookup });
  let last = requestBytes(1, file, 'octet', { blksize: 1468 });
  let [peer, block, bytes, silent] = [port, 0, 0, 0];
  const say = (): void => socket.send(last, peer, address);
  let timer: NodeJS.Timeout | undefined;
  try {
    await new Promise<void>(resolve => {
      timer = setInterval(() => (++silent > 5 ? resolve() : silent > 1 && say()), 1000);
      socket.on('error', () => resolve());
      socket.on('message', (packet, from) => {
        silent = 0;
        const code = packet.readUInt16BE(0);
        if (code === 5) return resolve();
        if (code === 6) last = ackBytes(0);
        else if (packet.readUInt16BE(2) !== block + 1) return;
        else {
          block += 1;
          bytes += packet.length - 4;
          last = ackBytes(block);
        }
        peer = from.port;
        say();
        if (code === 3 && packet.length - 4 < 1468) resolve();
      });
      socket.once('listening', say);
      socket.bind(0, local);
    });
  } finally {
    clearInterval(timer);
    socket.close();
  }
  return bytes;
}
