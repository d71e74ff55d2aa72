// So many TFTP clients in one process, each fetching the file again and again for some seconds. Prints a line of JSON.
// node tftp-load.js ADDRESS PORT FILE CLIENTS BLKSIZE WINDOW SECONDS
import { createSocket } from 'node:dgram';
import { ackBytes, requestBytes } from '../tftp/client.ts';

const [address = '', port = '69', file = '', clients = '1', blksize = '512', window = '1', seconds = '3'] =
  process.argv.slice(2);
const counts = { bytes: 0, files: 0, failed: 0 };
let over = false;

/** One file; resolves when it is whole, or with the server's refusal, or when the time is over. */
async function fetchOnce(host: number): Promise<void> {
  const socket = createSocket({ type: 'udp4', lookup: (name, _options, done) => done(null, name, 4) });
  const wanted = Number(blksize);
  const options = { ...(wanted !== 512 && { blksize: wanted }), ...(window !== '1' && { windowsize: window }) };
  const request = requestBytes(1, file, 'octet', options);
  let [peer, last, size, width, since] = [Number(port), request, 512, 1, 0];
  let [block, resent] = [0, 0];
  const say = (): void => socket.send(last, peer, address);
  const again = setInterval(() => {
    if (resent === block) say();
    resent = block;
  }, 1000);
  try {
    await new Promise<void>(resolve => {
      socket.on('message', bytes => {
        const code = bytes.readUInt16BE(0);
        if (over) return resolve();
        if (code === 6) {
          const words = bytes.toString('latin1', 2).split('\0');
          for (let at = 0; at + 1 < words.length; at += 2) {
            if (words[at] === 'blksize') size = Number(words[at + 1]);
            if (words[at] === 'windowsize') width = Number(words[at + 1]);
          }
          last = ackBytes(0);
          say();
        } else if (code === 3) {
          if (bytes.readUInt16BE(2) !== ((block + 1) & 0xffff)) {
            // RFC 7440 §4: the last block that came in order
            if (since !== 0 || width === 1) say();
            since = 0;
            return;
          }
          block += 1;
          since += 1;
          counts.bytes += bytes.length - 4;
          const isLast = bytes.length - 4 < size;
          if (since === width || isLast) {
            since = 0;
            last = ackBytes(block & 0xffff);
            say();
          }
          if (isLast) {
            counts.files += 1;
            resolve();
          }
        } else if (code === 5) {
          counts.failed += 1;
          resolve();
        }
      });
      // The answer comes from the transfer's own port (RFC 1350 §4).
      socket.prependOnceListener('message', (_bytes, from) => {
        peer = from.port;
      });
      socket.once('listening', say);
      socket.bind(0, `127.0.${1 + (host >> 8)}.${host & 255}`);
      setTimeout(resolve, Number(seconds) * 1000 + 500).unref();
    });
  } finally {
    clearInterval(again);
    socket.close();
  }
}

const end = Date.now() + Number(seconds) * 1000;
setTimeout(() => {
  over = true;
}, Number(seconds) * 1000).unref();
const begun = performance.now();
await Promise.all(
  Array.from({ length: Number(clients) }, async (_, index) => {
    while (Date.now() < end) await fetchOnce(1 + index);
  }),
);
process.stdout.write(`${JSON.stringify({ ...counts, seconds: (performance.now() - begun) / 1000 })}\n`);
process.exit(0);
