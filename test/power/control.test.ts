// Many nodes at once, by the driver `lab` and a switch of this test's own at the end of its socket: order of URIs, notes, turns, an end in between.
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import test, { type ExecutionContext } from 'ava';
import { PowerControl, type PowerPorts } from '../../src/power/control.ts';
import { Limits } from '../../src/power/limits.ts';
import type { PoweredNode } from '../../src/power/powered-node.ts';
import type { PowerResult } from '../../src/power/result.ts';

interface World {
  control: PowerControl;
  /** Which nodes are on. */
  on: Set<string>;
  asked: string[];
  notes: string[];
  slept: number[];
  node(name: string, more?: Partial<PoweredNode>): PoweredNode;
}

async function world(t: ExecutionContext, more: Partial<PowerPorts> = {}): Promise<World> {
  const folder = await mkdtemp(join(tmpdir(), 'muster-control-'));
  const [on, asked, notes, slept] = [new Set<string>(), [] as string[], [] as string[], [] as number[]];
  const server = createServer(socket => {
    socket.on('error', () => {});
    createInterface({ input: socket }).on('line', line => {
      const { node, action } = JSON.parse(line) as { node: string; action: string };
      asked.push(`${node} ${action}`);
      if (action === 'on' || action === 'cycle') on.add(node);
      if (action === 'off') on.delete(node);
      socket.write(
        `${JSON.stringify(node === 'broken' ? { problem: 'smoke' } : { state: on.has(node) ? 'on' : 'off' })}\n`,
      );
    });
  });
  await new Promise<void>(resolve => server.listen(join(folder, 'switch'), resolve));
  t.teardown(async () => {
    server.close();
    await rm(folder, { recursive: true });
  });
  const control = new PowerControl({
    tools: { limits: new Limits(), key: undefined, timeoutMs: 60_000, fanout: 4, serverFanout: 1, learned: new Set() },
    driversFolder: join(folder, 'none'),
    softTimeoutMs: 5000,
    staggerSeconds: 0,
    now: () => 0,
    sleep: async milliseconds => void slept.push(milliseconds),
    random: () => 0.5,
    soft: () => ({
      run: async () => ({ status: 0, stdout: '', stderr: '' }),
      isSilent: async () => true,
      hasBootedSince: () => false,
    }),
    note: ({ name }, text, kind) => void notes.push(`${name} ${kind}: ${text}`),
    isOff: () => {},
    ...more,
  });
  const facts = { attributes: new Map([['rack', 'r1']]), node: {}, status: {}, hardware: {} };
  const node = (name: string, rest: Partial<PoweredNode> = {}): PoweredNode => {
    const powerUri = `lab://${folder}/switch/${name}`;
    return { uid: name, name, ip: '10.54.0.100', powerUri, isUp: false, efi: false, facts, ...rest };
  };
  return { control, on, asked, notes, slept, node };
}

async function act(
  { control }: World,
  nodes: PoweredNode[],
  request: Parameters<PowerControl['act']>[1],
  signal?: AbortSignal,
): Promise<string[]> {
  const results: PowerResult[] = [];
  await control.act(nodes, request, result => results.push(result), signal);
  return results.map(({ name, text, code }) => `${name} ${code ?? 'ok'}: ${text}`).sort();
}

test('URIs are tried in order, and the result says why an earlier one failed', async t => {
  const here = await world(t);
  const good = here.node('a').powerUri;
  const uris = `lab:///nowhere/switch/a,pdu://strip/1,lab:///x/<a[slot]>,${good}`;
  const [result = ''] = await act(here, [here.node('a', { powerUri: uris })], { action: 'on', who: 'root' });
  t.regex(
    result,
    /^a ok: on \(by virtual node a; virtual node a: the lab cannot be asked: .*ENOENT.*; there is no power driver 'pdu'/,
  );
  t.regex(result, /power_uri needs <a\[slot\]>, which the node does not have\)$/);
  t.deepEqual(here.notes, ['a begin: power on, by root', 'a result: power on: on']);
});

test('a failure of one node is in its result and on its timeline; the others continue', async t => {
  const here = await world(t);
  const nodes = [here.node('a'), here.node('broken'), here.node('c', { powerUri: '' }), here.node('d')];
  t.deepEqual(await act(here, nodes, { action: 'cycle' }), [
    'a ok: on',
    'broken power-failed: virtual node broken: smoke',
    'c no-power-uri: the node has no power_uri',
    'd ok: on',
  ]);
  t.true(here.notes.includes('broken error: virtual node broken: smoke'));
  t.deepEqual(await act(here, [here.node('a')], { action: 'status' }), ['a ok: on']);
  t.is(here.notes.filter(note => note.startsWith('a ')).length, 2, 'a question is no event');
});

test('a peek polls once, keeps the answer for some seconds, and obeys its time limit', async t => {
  let now = 0;
  const offs: string[] = [];
  const here = await world(t, { now: () => now, isOff: uid => offs.push(uid) });
  const peek = async (name: string, more: Partial<PoweredNode> = {}) => here.control.peek(here.node(name, more), 5000);
  t.deepEqual(await Promise.all([peek('a'), peek('a')]), [{ state: 'off' }, { state: 'off' }]);
  t.deepEqual(here.asked, ['a status']);
  t.deepEqual(offs, ['a'], 'the state of the node follows');
  here.on.add('a');
  t.deepEqual(await peek('a'), { state: 'off' }, 'a question later nobody is asked');
  now += 6000;
  t.deepEqual(await peek('a'), { state: 'on' });
  t.deepEqual(await peek('broken'), { problem: 'virtual node broken: smoke' });
  t.deepEqual(await peek('c', { powerUri: '' }), { problem: 'the node has no power_uri' });
  t.deepEqual(here.notes, [], 'a question is no event');
});

test('a peek at a silent BMC reports it in time, and keeps a late answer', async t => {
  let answer = (): void => {};
  const held = new Promise<void>(resolve => {
    answer = resolve;
  });
  const here = await world(t);
  const silent = createServer(socket => {
    socket.on('error', () => {});
    void held.then(() => socket.write(`${JSON.stringify({ state: 'on' })}\n`));
  });
  const folder = await mkdtemp(join(tmpdir(), 'muster-silent-'));
  await new Promise<void>(resolve => silent.listen(join(folder, 'switch'), resolve));
  t.teardown(async () => {
    silent.close();
    await rm(folder, { recursive: true });
  });
  const node = here.node('a', { powerUri: `lab://${folder}/switch/a` });
  t.deepEqual(await here.control.peek(node, 20), { problem: 'its BMC did not answer in 0.02 s' });
  answer();
  t.deepEqual(await here.control.peek(node, 60_000), { state: 'on' });
});

test('staggered nodes wait for their turn, and one that is on needs none', async t => {
  const here = await world(t);
  here.on.add('b');
  await act(
    here,
    ['a', 'b', 'c', 'd'].map(name => here.node(name)),
    { action: 'on', stagger: 7 },
  );
  t.deepEqual(here.slept, [7000, 14_000]);
});

test('after the caller has left, no further node is switched', async t => {
  const gone = new AbortController();
  const here: World = await world(t, {
    sleep: async () => gone.abort(),
  });
  const results = await act(
    here,
    ['a', 'b', 'c'].map(name => here.node(name)),
    { action: 'on', stagger: 1 },
    gone.signal,
  );
  t.true(results.length < 3);
  t.is(here.asked.filter(line => line.endsWith(' on')).length, 1);
});

test('soft if the node is up, without contacting the BMC for a reboot; hard otherwise', async t => {
  let time = 0;
  const sleep = async (milliseconds: number): Promise<void> => {
    time += milliseconds;
  };
  const here = await world(t, { now: () => time, sleep });
  here.on.add('down');
  const nodes = [here.node('up', { isUp: true }), here.node('down')];
  t.deepEqual(await act(here, nodes, { action: 'reboot' }), [
    'down ok: on (hard, after soft failed: the node is not up)',
    'up ok: rebooting (soft)',
  ]);
  t.false(here.asked.some(line => line.startsWith('up ')));
  t.deepEqual(await act(here, nodes, { action: 'reboot', way: 'soft' }), [
    'down node-unreachable: the node is not up',
    'up ok: rebooting (soft)',
  ]);
  t.deepEqual(await act(here, [here.node('up', { isUp: true, powerUri: '' })], { action: 'shutdown' }), [
    'up ok: went down (soft)',
  ]);
});
