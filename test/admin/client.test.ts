// The client when the daemon goes away in the midst of an answer.
import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { AdminClient } from '../../src/api/client.ts';
import { DAEMON } from '../../src/api/daemon.ts';
import { OBJECTS } from '../../src/api/objects.ts';
import { MusterError } from '../../src/errors.ts';
import { temporaryFolder } from '../store/folder.ts';

const HEAD = 'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n';

/** A client of a daemon that says this much and is gone. */
async function dying(t: ExecutionContext, said: string): Promise<AdminClient> {
  const socket = join(temporaryFolder(t), 'admin.sock');
  const server = createServer(connection => {
    connection.on('error', () => undefined);
    connection.once('data', () => connection.write(said, () => connection.destroy()));
  });
  server.listen(socket);
  await once(server, 'listening');
  const client = new AdminClient({ socket });
  t.teardown(async () => {
    await client.close();
    server.close();
  });
  return client;
}

for (const [when, said] of [
  ['before its answer', ''],
  ['within its answer', `${HEAD}5\r\n{"suc\r\n`],
] as const) {
  test(`a daemon that ends ${when} is reported as that, not as a bug`, async t => {
    const client = await dying(t, said);
    const error = await t.throwsAsync(client.call(OBJECTS.list, { kind: 'node' }), { instanceOf: MusterError });
    t.is(error?.code, 'broken-off');
    t.is(error?.exit, 3);
    t.regex(error?.message ?? '', /^musterd ended before it answered on .*admin\.sock\./);
  });
}

test('so is one that ends while its events are followed; those that came are not lost', async t => {
  const line = JSON.stringify({ type: 'state', at: 1, node: 'n0', state: 'up' });
  const client = await dying(t, `${HEAD}${(line.length + 1).toString(16)}\r\n${line}\n\r\n`);
  const seen: unknown[] = [];
  const follow = async (): Promise<void> => {
    for await (const happening of client.lines(DAEMON.events, {})) seen.push(happening);
  };
  const error = await t.throwsAsync(follow(), { instanceOf: MusterError });
  t.is(error?.code, 'broken-off');
  t.deepEqual(seen, [JSON.parse(line)]);
});
