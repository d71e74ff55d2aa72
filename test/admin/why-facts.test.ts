// `why` answers about the state that it looked at, also when that changes meanwhile.
import test, { type ExecutionContext } from 'ava';
import type { Changed } from '../../src/api/objects.ts';
import type { BootPlan } from '../../src/boot/boot-plan.ts';
import { temporaryFolder } from '../store/folder.ts';
import { ask, startWorld } from './world.ts';

/** A node that is up, at a head that does something while it collects evidence. */
async function upNode(t: ExecutionContext) {
  const it = { during: (): void => {} };
  const world = await startWorld(temporaryFolder(t), {
    evidence: {
      atOnce: () => ({}),
      head: async () => ({}),
      of: async () => {
        it.during();
        return {};
      },
    },
  });
  t.teardown(world.stop);
  const created = await ask(world.socket, 'POST', '/api/v1/nodes', { mac: '52:54:00:00:00:01' });
  const [uid = ''] = (created.json.data as Changed).uids;
  const node = { uid, name: 'n0', mac: '52:54:00:00:00:01', ip: '10.54.0.100', hostname: 'n0' };
  const plan = { node, bootConfig: { name: 'x' }, style: 'rwram', statusSeconds: 10 } as unknown as BootPlan;
  const { boot } = world.boots.mint(plan, node.ip);
  world.boots.up(boot, {});
  world.statuses.beat(boot, {}, 60_000);
  const why = async () => (await ask(world.socket, 'GET', '/api/v1/nodes/why?id=n0')).json.data;
  return Object.assign(it, { world, node, boot, why });
}

test('a node that goes down while its evidence is collected is explained as it was; the next answer is current', async t => {
  const it = await upNode(t);
  it.during = () => it.world.statuses.beat(it.boot, { going_down: 'reboot' }, 60_000);
  t.like(await it.why(), [{ state: 'up', rule: 'up' }]);
  t.like(await it.why(), [{ state: 'down', rule: 'rebooting' }]);
});

test('a node whose next boot begins while its evidence is collected is explained by that boot', async t => {
  const it = await upNode(t);
  it.world.statuses.beat(it.boot, { going_down: 'reboot' }, 60_000);
  it.during = () => it.world.boots.note({ stage: 'addressed', mac: it.node.mac });
  t.like(await it.why(), [{ state: 'booting', verdict: 'waiting', rule: 'booting' }]);
});
