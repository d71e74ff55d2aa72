import test, { type ExecutionContext } from 'ava';
import { AdminClient } from '../../src/api/client.ts';
import type { Happening } from '../../src/api/daemon.ts';
import { DAEMON } from '../../src/api/daemon.ts';
import type { Waited } from '../../src/api/nodes.ts';
import type { Changed } from '../../src/api/objects.ts';
import type { BootPlan } from '../../src/boot/boot-plan.ts';
import { temporaryFolder } from '../store/folder.ts';
import { ask, startWorld, type World } from './world.ts';

async function world(t: ExecutionContext) {
  const started = await startWorld(temporaryFolder(t));
  t.teardown(started.stop);
  const created = await ask(started.socket, 'POST', '/api/v1/nodes', { mac: '52:54:00:00:00:01' });
  const [uid = ''] = (created.json.data as Changed).uids;
  return { ...started, uid };
}

/** What the first heartbeat of a node does. */
function comeUp({ boots, statuses }: World, uid: string): void {
  const node = { uid, name: 'n0', mac: '52:54:00:00:00:01', ip: '10.54.0.100', hostname: 'n0' };
  const plan = { node, bootConfig: { name: 'x' }, style: 'rwram', statusSeconds: 10 } as unknown as BootPlan;
  const { boot } = boots.mint(plan, node.ip);
  boots.up(boot, {});
  statuses.beat(boot, { ram_free: '900 MB' }, 10_000);
}

test('waitfor answers as soon as all nodes are in the state', async t => {
  const all = await world(t);
  const waiting = ask(all.socket, 'GET', '/api/v1/nodes/waitfor?id=n0&timeout=60');
  comeUp(all, all.uid);
  const { reached, nodes } = (await waiting).json.data as Waited;
  t.true(reached);
  t.like(nodes[0], { name: 'n0', state: 'up' });
});

test('waitfor says when the time is over, and refuses what cannot come', async t => {
  const all = await world(t);
  const get = async (query: string) => ask(all.socket, 'GET', `/api/v1/nodes/waitfor?${query}`);
  t.like((await get('all=true&timeout=0')).json.data as object, { reached: false });
  t.is(
    (await get('all=true&wanted=upp')).json.reason,
    "wanted='upp' must be one of up, down, booting, failed, local, unknown; did you mean 'up'?",
  );
  t.is((await get('all=true&timeout=-1')).json.reason, "timeout='-1' must be seconds, from 0 to 3600.");
  t.is((await get('')).json.code, 'bad-usage');
});

test('events: changes and boots as they happen, without passwords', async t => {
  const all = await world(t);
  const client = new AdminClient({ socket: all.socket });
  t.teardown(async () => client.close());
  const stop = new AbortController();
  const events = client.lines(DAEMON.events, {}, stop.signal);
  const first = events.next();
  // The listener is there when the answer's head has come; until then, changes are made again.
  let seen: Happening | undefined;
  void first.then(({ value }) => {
    seen = value;
  });
  for (let count = 0; !seen; count += 1) {
    const headers = { 'x-muster-command': encodeURIComponent('node update power_uri=ipmi:///a:geheim@b') };
    await ask(all.socket, 'PATCH', '/api/v1/node/n0', { description: `x${count}` }, headers);
  }
  t.like(seen, { type: 'change', who: 'unknown', what: 'node update power_uri=ipmi:///a:***@b', names: ['n0'] });
  comeUp(all, all.uid);
  for await (const happening of events) {
    if (happening.type !== 'boot') continue;
    t.is(happening.node, 'n0');
    break;
  }
  stop.abort();
});
