// A TFTP server as a process of its own, for tests that need it in a network namespace.
// node serve.js ADDRESS PORT NAME=PATH...   says `port N`, then a line of JSON for each note of the journey.
import { createLog, silentLog } from '../../src/log.ts';
import { startTftpServer } from '../../src/tftp/start.ts';

const [address = '127.0.0.1', port = '69', ...files] = process.argv.slice(2);
const server = await startTftpServer({
  address,
  port: Number(port),
  files: new Map(files.map(pair => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)])),
  journey: { note: note => process.stdout.write(`${JSON.stringify(note)}\n`) },
  directory: {
    nodeByMac: () => undefined,
    nodeByIp: ip => ({ uid: `uid-${ip}`, name: 'n0', mac: '52:54:00:00:00:01', ip, hostname: 'n0' }),
  },
  log: process.env['TFTP_LOG'] ? createLog('debug') : silentLog(),
});
process.stdout.write(`port ${server.port}\n`);
process.stdin.resume().once('end', () => {
  void server.close().then(() => process.exit(0));
});
