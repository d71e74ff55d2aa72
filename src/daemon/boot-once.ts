// `_boot_once`: the boot that uses it clears it, with its own line of the audit trail.
import type { Boot } from '../boot/boot.ts';
import { planAttributes } from '../model/changes.ts';
import type { State } from './state.ts';

/** Durable when it resolves. A value set afterwards is for the next boot, even if this one asks again. */
export async function takeOnce(
  { cluster, commander, saver }: Pick<State, 'cluster' | 'commander' | 'saver'>,
  boot: Boot,
): Promise<void> {
  const once = boot.plan?.once;
  const isSet = (): boolean => cluster.get('node', boot.node)?.value.attributes['_boot_once'] === once;
  if (once === undefined || boot.onceTaken || !isSet()) return;
  await commander.perform({
    who: 'muster (boot)',
    what: `node -i ${boot.plan?.node.name} clear _boot_once: boot ${boot.id} takes ${once}`,
    plan: () => {
      const node = cluster.get('node', boot.node);
      return node && isSet()
        ? planAttributes({ cluster }, 'node', [node], { _boot_once: null })
        : { changes: [], uids: [] };
    },
  });
  boot.onceTaken = true;
  saver.later(boot);
}
