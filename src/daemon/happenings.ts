// Everything that happens, for those who follow: changes of objects, stages of boots, nodes that go up and down.
import type { Happening } from '../api/daemon.ts';
import type { Boot, BootEvent } from '../boot/boot.ts';
import type { Statuses } from '../boot/status.ts';
import { maskCommand } from '../masking.ts';
import type { Cluster } from '../model/cluster.ts';
import { secretAttributes } from '../model/secrets.ts';
import type { Store } from '../store/store.ts';

/** How often the nodes' states are compared with the reported ones, in milliseconds. */
const SWEEP_MS = 1000;

export class Happenings {
  private readonly cluster: Cluster;
  private readonly listeners = new Set<(happening: Happening) => void>();

  constructor(cluster: Cluster) {
    this.cluster = cluster;
  }

  watch(listener: (happening: Happening) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  boot(boot: Boot, event: BootEvent): void {
    this.tell({ type: 'boot', at: event.at, node: this.nameOf(boot.node), boot: boot.id, event });
  }

  power(node: string, text: string, error: boolean): void {
    this.tell({ type: 'power', at: Date.now(), node: this.nameOf(node), text, ...(error && { error }) });
  }

  /** Starts to report changes and states; returns a function that stops it. */
  follow(store: Store, statuses: Statuses): () => Promise<void> {
    const stop = store.subscribe(({ sequence, at, who, what, effects, about = [] }) => {
      const changed = effects.slice(0, 20).map(effect => effect.entry?.value.name ?? effect.name ?? effect.uid);
      const names = [...changed, ...about.slice(0, 20).map(object => object.name)];
      const secret = secretAttributes(this.cluster);
      this.tell({ type: 'change', at, sequence, who, what: maskCommand(what, secret), names });
    });
    const timer = setInterval(() => {
      const nodes = this.cluster.all('node').map(node => node.uid);
      for (const { node, state } of statuses.changes(nodes))
        this.tell({ type: 'state', at: Date.now(), node: this.nameOf(node), state });
    }, SWEEP_MS);
    return async () => {
      clearInterval(timer);
      stop();
    };
  }

  private tell(happening: Happening): void {
    for (const listener of this.listeners) listener(happening);
  }

  private nameOf(uid: string): string {
    return this.cluster.get('node', uid)?.value.name ?? uid;
  }
}
