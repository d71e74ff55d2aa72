// Commands with secrets of every shape through a real daemon: no log, no audit trail, no process list, no error and no listing has one.
import { spawn } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import fc from 'fast-check';
import { type Secret, SHAPES, secret } from '../support/secret-commands.ts';
import { TestDaemon } from './daemon.ts';

/** Passes every connection on, and has the command lines of the caller and of its like looked at first. */
async function watched(socket: string, behind: string, look: () => void): Promise<Server> {
  const server = createServer(client => {
    look();
    const real = connect(behind);
    client.pipe(real).pipe(client);
    for (const end of [client, real])
      end.on('error', () => {
        client.destroy();
        real.destroy();
      });
  });
  await new Promise<void>(resolve => server.listen(socket, resolve));
  return server;
}

function commandLines(): string {
  return readdirSync('/proc')
    .filter(name => /^\d+$/.test(name))
    .map(pid => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
      } catch {
        return '';
      }
    })
    .join('\n');
}

/** As a program that knows nothing of muster's own masking: the words as they are, in the header. */
async function byHand(socketPath: string, command: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const headers = {
      'x-muster-command': encodeURIComponent(command).slice(0, 9000),
      'content-type': 'application/json',
    };
    const asked = request({ socketPath, method: 'PATCH', path: '/api/v1/nodes?id=n0', headers }, response => {
      let text = '';
      response.on('data', chunk => {
        text += String(chunk);
      });
      response.on('end', () => resolve(text));
    });
    asked.on('error', reject);
    asked.end(JSON.stringify({ description: String(Math.floor(process.uptime() * 1e6)) }));
  });
}

test('no secret of a command is in a log, the audit trail, a process list, an error or a listing', async t => {
  const tools = mkdtempSync(join(tmpdir(), 'muster-secrets-'));
  mkdirSync(join(tools, 'bin'));
  const seen = join(tools, 'seen');
  writeFileSync(seen, '');
  // Instead of ssh: what other users see while it runs, and nothing for an answer.
  const ssh = `#!/bin/sh\ncat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' ' >>${seen}\ncat >/dev/null\n`;
  writeFileSync(join(tools, 'bin/ssh'), ssh);
  chmodSync(join(tools, 'bin/ssh'), 0o755);
  const daemon = await TestDaemon.start(['log.level = "debug"'], words => [
    'env',
    `PATH=${join(tools, 'bin')}:${process.env['PATH']}`,
    ...words,
  ]);
  let lines = '';
  const proxy = join(tools, 'proxy.sock');
  const server = await watched(proxy, daemon.socket, () => {
    lines += commandLines();
  });
  try {
    await daemon.run('muster', 'node', 'create', 'mac=02:00:00:00:00:01');
    await daemon.run('muster', 'node', 'create', 'mac=02:00:00:00:00:02', 'power_uri=ipmi:///admin:<a[lock]>@10.0.0.8');
    const run = async (words: readonly string[]): Promise<string> =>
      new Promise((resolve, reject) => {
        const [, ...own] = ['muster', ...words];
        const child = spawn('muster', own, {
          env: { ...daemon.environment, MUSTER_SOCKET: proxy },
          cwd: daemon.folder,
        });
        let said = '';
        for (const stream of [child.stdout, child.stderr])
          stream.on('data', chunk => {
            said += String(chunk);
          });
        child.on('error', reject);
        child.on('close', () => resolve(said));
      });
    const samples = fc.sample(fc.tuple(secret, fc.nat(4200)), { seed: 20, numRuns: 2 * SHAPES.length });
    const secrets: (Secret & { words: string[] })[] = [];
    const places = new Map<string, string>();
    for (const [index, [{ core: letters, before, behind }, n]] of samples.entries()) {
      const text = `${before}${letters}${behind}`;
      const words = SHAPES[index % SHAPES.length]?.(text, n) ?? [];
      secrets.push({ core: letters, text, words });
      places.set(`what ${JSON.stringify(words).slice(0, 300)} said`, await run(words));
      if (!/[\s'"\\]/.test(before + behind)) await byHand(daemon.socket, words.join(' '));
    }
    for (const words of [
      ['log', '--json', '--limit', '1000'],
      ['node', 'ls', '-L', '--json'],
      ['node', 'ls', '-L', '--yaml'],
      ['attrib', 'ls', '-L'],
      ['boot', 'explain', 'n0', '--json'],
      ['node', '-i', 'n0', 'explain', '--json'],
    ])
      places.set(`muster ${words.join(' ')}`, (await daemon.run('muster', ...words)).stdout);
    places.set('the log', daemon.log);
    places.set('the process list while musterd was asked', lines);
    places.set('the process list while ssh ran', readFileSync(seen, 'utf8'));
    t.regex(places.get('the process list while ssh ran') ?? '', /BatchMode=yes/, 'ssh was run');
    t.regex(lines, /muster node/, 'the command line was seen');
    t.regex(places.get('muster log --json --limit 1000') ?? '', /lock=\*\*\*/);
    for (const { core: letters, words } of secrets)
      for (const [place, text] of places)
        t.false(text.includes(letters), `${place} has the secret of ${JSON.stringify(words).slice(-300)}`);
    const open = await daemon.run('muster', 'node', '-i', 'n0', 'ls', '-L', '--show-passwords');
    t.true(
      secrets.some(({ core: letters }) => open.stdout.includes(letters)),
      'secrets were stored at all',
    );
  } finally {
    server.close();
    await daemon.stop();
    rmSync(tools, { recursive: true, force: true });
  }
});
