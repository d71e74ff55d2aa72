// tgtd on loopback, as a peer to be compared with: in the foreground, with its own control socket, ended by pid.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { run, runOk } from '../../../src/process/run.ts';
import { until } from '../../support/until.ts';

export interface Tgt {
  port: number;
  /** URL of a file as logical unit 1. */
  add(number: number, file: string, readOnly: boolean): Promise<string>;
  stop(): Promise<void>;
}

/** @param folder for its control socket */
export async function startTgt(folder: string): Promise<Tgt> {
  const port = await freePort();
  // Its control port is only a number in the name of its socket; it must differ from that of any other tgtd here.
  const control = String((port % 30000) + 100);
  const env = { TGT_IPC_SOCKET: `${folder}/tgtd.ipc` };
  const child = spawn('tgtd', ['-f', '--control-port', control, '--iscsi', `portal=127.0.0.1:${port}`], {
    stdio: 'ignore',
    env: { ...process.env, ...env },
  });
  const gone = once(child, 'exit');
  const admin = (args: readonly string[]) =>
    runOk('tgtadm', ['--control-port', control, '--lld', 'iscsi', ...args], { env });
  const words = ['--control-port', control, '--lld', 'iscsi', '--op', 'show', '--mode', 'sys'];
  await until('tgtd starts', async () => {
    const shown = await run('tgtadm', words, { env });
    if (child.exitCode !== null) throw new Error(`tgtd did not start: ${shown.stderr}`);
    return shown.status === 0;
  });
  return {
    port,
    async add(number, file, readOnly) {
      const name = `iqn.2026-01.lab.test:peer${number}`;
      const tid = ['--tid', String(number)];
      await admin(['--op', 'new', '--mode', 'target', ...tid, '-T', name]);
      await admin(['--op', 'new', '--mode', 'logicalunit', ...tid, '--lun', '1', '-b', file]);
      if (readOnly)
        await admin(['--op', 'update', '--mode', 'logicalunit', ...tid, '--lun', '1', '--params', 'readonly=1']);
      await admin(['--op', 'bind', '--mode', 'target', ...tid, '-I', 'ALL']);
      return `iscsi://127.0.0.1:${port}/${name}/1`;
    },
    async stop() {
      child.kill('SIGKILL');
      await gone;
    },
  };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  return typeof address === 'object' && address ? address.port : 0;
}
