// Serves one file as an iSCSI target, for trying and for tests: node serve.js FILE [--port N] [--host A] [--overlay memory|PATH] [--target IQN]
// CHAP by environment: ISCSI_USER, ISCSI_SECRET, ISCSI_MUTUAL_USER, ISCSI_MUTUAL_SECRET. Prints one line when it is ready; ends on SIGTERM.
import { parseArgs } from 'node:util';
import { IscsiTarget } from '../../src/iscsi/server.ts';
import { serveFile } from './support/one-target.ts';

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    port: { type: 'string', default: '0' },
    host: { type: 'string', default: '127.0.0.1' },
    overlay: { type: 'string' },
    target: { type: 'string', default: 'iqn.2026-01.lab.test:img' },
    quiet: { type: 'boolean', default: false },
  },
});

const file = positionals[0];
if (!file) throw new Error('usage: serve FILE [--port N] [--host A] [--overlay memory|PATH] [--target IQN]');
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
const target = new IscsiTarget({
  directory: served.directory,
  note: note => {
    if (!values.quiet) process.stderr.write(`${JSON.stringify(note)}\n`);
  },
});
const port = await target.listen(Number(values.port), values.host);
process.stdout.write(`ready ${port}\n`);
process.once('SIGTERM', () => {
  target.close(0).then(() => served.device.close());
});
