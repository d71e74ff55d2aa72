// A cluster in the middle of its day, for tests and pictures of the board: written into the state of a daemon before it starts.
import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Boot, type BootEvent, hashOf, tokenOf } from '../../src/boot/boot.ts';
import type { Stage } from '../../src/boot/journey.ts';
import { planBoot } from '../../src/boot/plan.ts';
import { defaultConfig } from '../../src/config.ts';
import { openState, type State, type Stops } from '../../src/daemon/state.ts';
import { silentLog } from '../../src/log.ts';
import { planAttributes, planCreate } from '../../src/model/changes.ts';
import type { Kind } from '../../src/model/kinds.ts';
import { parseSubnet, type Subnet } from '../../src/wire/ip.ts';

/** Bytes of the image that its nodes fetch. */
const IMAGE_BYTES = 48 << 20;
const IMAGE_OFFSET = 1 << 20;

/** The session of a node that is up, and the token of its heartbeats. */
export const sessionOf = (index: number): string => index.toString(16).padStart(32, '0');
export const HEALTHY = Array.from({ length: 48 }, (_, index) => index).filter(
  index => ![5, 8, 12, 21, 33, 37, 40, 41, 42, 43, 44, 46, 47].includes(index),
);

export const ipOf = (index: number): string => `127.0.0.${100 + index}`;

type Step = readonly [stage: Stage, after: number, more?: Partial<BootEvent>];

const WHOLE: readonly Step[] = [
  ['offered', 0, { detail: 'x64 UEFI (7): snponly.efi' }],
  ['addressed', 0.1, { detail: 'x64 UEFI (7): snponly.efi' }],
  ['loader', 0.6, { detail: 'snponly.efi, 174 kB in 0.2 s', bytes: 174_080, peer: 'IP:2071' }],
  ['ipxe', 3.1, { detail: 'iPXE, x64 UEFI (7)' }],
  ['script', 3.4, { detail: 'Compute as rwram', peer: 'IP:41022' }],
  ['kernel', 3.9, { detail: 'kernel in 0.1 s', bytes: 8_146_880, peer: 'IP:41024' }],
  ['kernel', 4.6, { detail: 'initramfs in 0.4 s', bytes: 41_877_504, peer: 'IP:41026' }],
  ['initramfs', 11.2, { detail: 'Linux 6.1.0-28-amd64', peer: 'IP:50110' }],
  ['image', 19.8, { detail: 'image in 8.1 s', bytes: IMAGE_BYTES, peer: 'IP:50112' }],
  ['root', 24.3, { detail: 'rwram', peer: 'IP:50114' }],
  ['up', 33.7],
];

/** As far as a stage, and not behind it. */
const upTo = (stage: Stage): readonly Step[] => WHOLE.slice(0, WHOLE.findLastIndex(([name]) => name === stage) + 1);

/** 48 nodes: most are up, and the others are in every trouble there is. @param now milliseconds since 1970 */
export async function busyCluster(folder: string, now: number): Promise<void> {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const config = { ...defaultConfig(), 'head.name': 'head1', 'head.address': '127.0.0.1/24', 'paths.state': folder };
  const stops: Stops = [];
  const state = await openState(config, silentLog(), parseSubnet('127.0.0.1/24') as Subnet, stops);
  try {
    await objects(state, folder);
    await state.store.saveBoots(
      boots(state, now).map(boot => ({
        id: boot.id,
        node: boot.node,
        started: boot.started,
        body: JSON.stringify(boot),
      })),
    );
  } finally {
    for (const stop of stops.reverse()) await stop();
  }
}

async function objects(state: State, folder: string): Promise<void> {
  const create = async (
    kind: Kind,
    inputs: Record<string, unknown>[],
    fixed: Record<string, unknown>[] = [],
  ): Promise<void> => {
    await state.commander.perform({
      who: 'test',
      what: 'create',
      plan: () => planCreate(state.context, kind, inputs, fixed),
    });
  };
  const stored = async (bytes: Buffer): Promise<string> => {
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    writeFileSync(join(folder, 'part'), bytes);
    await state.blobs.adopt(join(folder, 'part'), sha256);
    return sha256;
  };
  const image = Buffer.concat([
    Buffer.alloc(IMAGE_OFFSET),
    randomBytes(1 << 20),
    Buffer.alloc(IMAGE_BYTES - (1 << 20), 7),
  ]);
  const root_sha256 = createHash('sha256').update(image.subarray(IMAGE_OFFSET)).digest('hex');
  const content = {
    sha256: await stored(image),
    size: image.length,
    mtime: 0,
    root_offset: IMAGE_OFFSET,
    root_size: IMAGE_BYTES,
    root_sha256,
    unpacked: 3 * IMAGE_BYTES,
  };
  await create('image', [{ name: 'Rocky9' }], [{ content }]);
  const kernel = { sha256: await stored(Buffer.alloc(4096, 1)), size: 4096, mtime: 0 };
  const initramfs = { sha256: await stored(Buffer.alloc(8192, 2)), size: 8192, mtime: 0 };
  await create(
    'boot',
    [{ name: 'Compute', image: 'Rocky9', cmdline: 'console=ttyS0', boot_style: 'rwram' }],
    [{ kernel, initramfs, release: '6.1.0-28-amd64' }],
  );
  const group = state.cluster.byName('attrib', 'DefaultAttribs');
  if (group)
    await state.commander.perform({
      who: 'test',
      what: 'set',
      plan: () => planAttributes(state.context, 'attrib', [group], { _boot_config: 'Compute', _status_secs: '3600' }),
    });
  const nodes = Array.from({ length: 48 }, (_, index) => ({
    name: `n${index}`,
    mac: `52:54:00:54:00:${index.toString(16).padStart(2, '0')}`,
    ip: ipOf(index),
  }));
  await create('node', nodes);
}

function boots(state: State, now: number): Boot[] {
  let count = 0;
  const made = (
    index: number,
    ago: number,
    steps: readonly Step[],
    more: Partial<Boot> & { period?: number } = {},
  ): Boot => {
    const node = state.cluster.byName('node', `n${index}`);
    if (!node) throw new Error(`no node n${index}`);
    const answer = planBoot(state.cluster, node);
    const { period, ...rest } = more;
    count += 1;
    const started = now - ago * 1000;
    return {
      id: createHash('sha256').update(String(count)).digest('hex').slice(0, 12),
      node: node.uid,
      started,
      ...('plan' in answer &&
        steps.some(([stage]) => stage === 'script') && {
          plan: { ...answer.plan, ...(period && { statusSeconds: period }) },
        }),
      events: steps.map(([stage, after, event]) => {
        const peer = event?.peer?.replace('IP', ipOf(index));
        return { at: started + after * 1000, stage, ...event, ...(peer && { peer }) };
      }),
      ...rest,
    };
  };
  const up = (index: number, ago: number, period = 3600): Boot =>
    made(index, ago, WHOLE, {
      outcome: 'up',
      tokenHash: hashOf(tokenOf(sessionOf(index))),
      ended: now - (ago - 33.7) * 1000,
      period,
    });
  const error = (stage: Stage, after: number, text: string): Step => [stage, after, { error: text, peer: 'IP:50120' }];
  return [
    ...HEALTHY.map(index => up(index, 80_000 + index * 31)),
    // Its heartbeats stopped: they were due each second.
    up(5, 7200, 1),
    made(8, 190, upTo('offered')),
    made(12, 95, [
      ...upTo('addressed'),
      error('script', 3.4, "the boot config Test has no initramfs; see 'muster mkramfs'"),
    ]),
    made(21, 380, upTo('kernel')),
    made(33, 9000, upTo('script'), { outcome: 'handed-over', ended: now - 8_990_000 }),
    up(37, 172_800),
    up(37, 86_400),
    made(
      37,
      64,
      [
        ...upTo('initramfs'),
        error(
          'image',
          22.6,
          `the image's SHA-256 is 9f2c41d8, and 3be77a90 was expected: it was damaged on the way or in the node's memory`,
        ),
      ],
      {
        actions: [
          { at: now - 95_000, text: 'admin: power cycle' },
          { at: now - 92_000, text: 'on' },
        ],
      },
    ),
  ];
}
