// The boot plane as one node sees it, for reports on its next boot.
import { type Plane, planeOf } from '../boot/command-line.ts';
import type { Entry } from '../model/cluster.ts';
import type { AdminPorts } from './ports.ts';

export function planeFor(
  { networks, configuration, boots }: Pick<AdminPorts, 'networks' | 'configuration' | 'boots'>,
  { uid, value }: Entry<'node'>,
): Plane {
  return planeOf(networks, Number(configuration().values['http.port']), value.ip, boots.current(uid)?.arch);
}
