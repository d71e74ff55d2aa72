// A small cluster in memory, with a clock and a source of randomness that tests control.

import type { Boot, BootEvent } from '../../src/boot/boot.ts';
import type { PlanAnswer } from '../../src/boot/boot-plan.ts';
import { Boots } from '../../src/boot/boots.ts';
import { clusterDirectory } from '../../src/boot/cluster-directory.ts';
import { Statuses } from '../../src/boot/status.ts';
import { why } from '../../src/boot/why.ts';
import type { WhyFacts } from '../../src/boot/why-case.ts';
import type { Why } from '../../src/boot/why-verdict.ts';
import { planCreate } from '../../src/model/changes.ts';
import { Cluster, type Entry } from '../../src/model/cluster.ts';
import type { Input } from '../../src/model/fields.ts';
import { firstObjects } from '../../src/model/first-objects.ts';
import type { Kind, Value } from '../../src/model/kinds.ts';
import { parseSubnet, type Subnet } from '../../src/wire/ip.ts';

export const DIGEST = {
  kernel: 'a'.repeat(64),
  initramfs: 'b'.repeat(64),
  image: 'c'.repeat(64),
  root: 'd'.repeat(64),
};

export class FakeCluster {
  readonly cluster = new Cluster();
  readonly network = parseSubnet('10.54.0.1/24') as Subnet;
  private count = 0;
  private sequence = 0;

  constructor() {
    this.apply(firstObjects(this.context()).changes);
  }

  context() {
    return {
      cluster: this.cluster,
      network: this.network,
      newUid: () => this.nextUid(),
    };
  }

  private nextUid(): string {
    this.count += 1;
    return this.count.toString(16).padStart(32, '0');
  }

  /** Creates an object past the API; `fixed` are fields only muster sets. */
  create<K extends Kind>(kind: K, input: Input, fixed: Input = {}): Entry<K> {
    const plan = planCreate(this.context(), kind, [input], [fixed]);
    this.apply(plan.changes);
    return this.cluster.get(kind, plan.uids[0] ?? '') as Entry<K>;
  }

  change<K extends Kind>(entry: Entry<K>, fields: Partial<Value<K>>): void {
    const now = this.cluster.get(entry.kind, entry.uid) as Entry<K>;
    this.apply([
      { kind: entry.kind, uid: entry.uid, expected: now.revision, value: { ...now.value, ...fields } as Value },
    ]);
  }

  apply(changes: readonly { kind: Kind; uid: string; expected: number; value: Value | null }[]): void {
    this.sequence += 1;
    const effects = changes.map(({ kind, uid, expected, value }) => {
      const entry = value && ({ kind, uid, revision: expected + 1, created: 0, modified: 0, value } as Entry);
      return { kind, uid, entry };
    });
    this.cluster.apply(this.sequence, effects);
  }

  /** A node that can boot: its boot config has a kernel, an initramfs and an image. */
  bootable(): { node: Entry<'node'>; config: Entry<'boot'>; image: Entry<'image'> } {
    const content = {
      sha256: DIGEST.image,
      size: 3 << 20,
      mtime: 0,
      root_offset: 1 << 20,
      root_size: 1 << 20,
      root_sha256: DIGEST.root,
      unpacked: 4 << 20,
    };
    const image = this.create('image', { name: 'DefaultImage' }, { content });
    const files = {
      kernel: { sha256: DIGEST.kernel, size: 1000, mtime: 0 },
      initramfs: { sha256: DIGEST.initramfs, size: 2000, mtime: 0 },
      release: '6.1.0',
    };
    const config = this.create('boot', { name: 'DefaultBoot', cmdline: 'enforcing=0', image: 'DefaultImage' }, files);
    const group = this.cluster.byName('attrib', 'DefaultAttribs') as Entry<'attrib'>;
    this.change(group, { attributes: { _boot_config: 'DefaultBoot' } });
    const node = this.create('node', { mac: '52:54:00:54:00:01' });
    return { node, config, image };
  }
}

/** The registry of boots with a clock that tests turn: `ahead` is what the wall clock was set by, `run` the run of the head's kernel. */
export function fakeBoots(
  fake: FakeCluster,
  saved: readonly Boot[] = [],
  trusts = false,
  set: Partial<FakeClock> = {},
) {
  const clock: FakeClock = { now: 1_000_000, ahead: 0, run: 'first', ...set };
  const watched: { boot: Boot; event: BootEvent }[] = [];
  const dropped: string[] = [];
  const changed: Boot[] = [];
  let counter = 0;
  const boots = new Boots(
    {
      directory: clusterDirectory(fake.cluster),
      now: () => clock.now,
      wall: () => clock.now + clock.ahead,
      run: clock.run,
      randomHex: digits => {
        counter += 1;
        return counter.toString(16).padStart(digits, 'f');
      },
      changed: boot => changed.push(boot),
      dropped: id => dropped.push(id),
      watch: (boot, event) => watched.push({ boot, event }),
      trustsAddressAlone: () => trusts,
      sessionMs: () => 4 * 3_600_000,
    },
    saved,
  );
  return { boots, statuses: new Statuses(boots, () => clock.now), clock, watched, dropped, changed };
}

interface FakeClock {
  now: number;
  ahead: number;
  run: string;
}

/** Returns what `why` reports about the node n0 now. @param plan what it would boot @param more what the head knows besides its boots */
export function askWhy(
  { boots, statuses, clock }: Pick<ReturnType<typeof fakeBoots>, 'boots' | 'statuses' | 'clock'>,
  { uid, value: { mac } }: Entry<'node'>,
  plan: PlanAnswer,
  more: Partial<WhyFacts> = {},
): Why {
  return why({ name: 'n0', mac, boots: boots.of(uid), status: statuses.of(uid), plan, now: clock.now, ...more });
}
