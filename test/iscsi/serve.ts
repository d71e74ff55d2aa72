// Serves one file as an iSCSI target, for trying and for tests: node serve.js FILE [--port N] [--host A] [--overlay memory|PATH] [--target IQN] [--workers N]
// CHAP by environment: ISCSI_USER, ISCSI_SECRET, ISCSI_MUTUAL_USER, ISCSI_MUTUAL_SECRET. Prints one line when it is ready; ends on SIGTERM.
import { parseArgs } from 'node:util';
import { IscsiWorkers } from '../../src/iscsi/workers.ts';
import { serveFile } from './support/one-target.ts';

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    port: { type: 'string', default: '0' },
    host: { type: 'string', default: '127.0.0.1' },
    overlay: { type: 'string' },
    target: { type: 'string', default: 'iqn.2026-01.lab.test:img' },
    workers: { type: 'string', default: '0' },
    quiet: { type: 'boolean', default: false },
  },
});

const file = positionals[0];
if (!file)
  throw new Error('usage: serve FILE [--port N] [--host A] [--overlay memory|PATH] [--target IQN] [--workers N]');
const env = process.env;
const account = (user: string | undefined, secret: string | undefined) =>
  user && secret ? { user, secret } : undefined;
const first = account(env['ISCSI_USER'], env['ISCSI_SECRET']);
const mutual = account(env['ISCSI_MUTUAL_USER'], env['ISCSI_MUTUAL_SECRET']);
const served = await serveFile(file, {
  target: values.target,
  ...(values.overlay === undefined ? {} : { overlay: values.overlay }),
  ...(first ? { chap: { ...first, ...(mutual ? { mutual } : {}) } } : {}),
});
let turn = 0;
const target = new IscsiWorkers({
  directory: served.directory,
  workers: Number(values.workers),
  // Clients of tests all come from one address.
  route: (_address, workers) => turn++ % workers,
  note: note => {
    if (!values.quiet) process.stderr.write(`${JSON.stringify(note)}\n`);
  },
});
const port = await target.listen(Number(values.port), values.host);
process.stdout.write(`ready ${port}\n`);
process.once('SIGTERM', () => {
  target.close(0).then(() => served.device.close());
});
