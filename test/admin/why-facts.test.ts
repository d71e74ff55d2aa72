// `why` answers about the state that it looked at, also when that changes meanwhile.
import test from 'ava';
import type { Changed } from '../../src/api/objects.ts';
import type { BootPlan } from '../../src/boot/boot-plan.ts';
import { temporaryFolder } from '../store/folder.ts';
import { ask, startWorld } from './world.ts';

test('a node that goes down while its evidence is collected is explained as it was; the next answer is current', async t => {
  let during = (): void => {};
  const world = await startWorld(temporaryFolder(t), {
    evidence: {
      atOnce: () => ({}),
      head: async () => ({}),
      of: async () => {
        during();
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
  during = () => world.statuses.beat(boot, { going_down: 'reboot' }, 60_000);
  const why = async () => (await ask(world.socket, 'GET', '/api/v1/nodes/why?id=n0')).json.data;
  t.like(await why(), [{ state: 'up', rule: 'up' }]);
  t.like(await why(), [{ state: 'down', rule: 'rebooting' }]);
});
