// What the boot plane needs, without a daemon: one bootable node, boots in memory, and a record of what was done.
import { clusterDirectory } from '../../src/boot/cluster-directory.ts';
import { installedPlan } from '../../src/boot/enrolment.ts';
import { planBoot } from '../../src/boot/plan.ts';
import { BootPlane } from '../../src/boot/plane/plane.ts';
import type { PlanePorts } from '../../src/boot/plane/ports.ts';
import { type LogLimiter, silentLog } from '../../src/log.ts';
import type { FakeCluster, fakeBoots } from './cluster.ts';

/** What the plane did besides its answers: `save BOOT`, `take-once BOOT`. */
export type Deeds = string[];

export function fakePorts(
  fake: FakeCluster,
  { boots, statuses }: Pick<ReturnType<typeof fakeBoots>, 'boots' | 'statuses'>,
  more: Partial<PlanePorts> = {},
): PlanePorts & { deeds: Deeds } {
  const deeds: Deeds = [];
  return {
    boots,
    statuses,
    deeds,
    directory: clusterDirectory(fake.cluster),
    head: () => ({ address: '10.54.0.1', port: 80, prefix: 16, router: '', dns: [], domain: '', failureSeconds: 60 }),
    log: silentLog(),
    plan(uid) {
      const node = fake.cluster.get('node', uid);
      return node ? planBoot(fake.cluster, node) : { refused: 'the node was deleted' };
    },
    template: async name => (name.startsWith('refused') ? `${name} @NODE@ @REASON@\n` : `${name} @STYLE@ @CMDLINE@\n`),
    blobPath: sha256 => `/blobs/${sha256}`,
    bootFileHead: async () => undefined,
    loaderFile: () => undefined,
    save: async boot => void deeds.push(`save ${boot.id}`),
    takeOnce: async boot => void deeds.push(`take-once ${boot.id}`),
    attributesIni: () => '[Attributes]\n',
    statusSeconds: () => 10,
    enrolment: fakeEnrolment(fake),
    kickstart: async () => 'answers\n',
    iso: async () => undefined,
    random: () => 0,
    ...more,
  };
}

/** Accepts the token `right` alone. */
export function fakeEnrolment(fake: FakeCluster): PlanePorts['enrolment'] {
  return {
    problem: (_node, token) => (token === 'right' ? undefined : { status: 403, refused: 'the token is wrong' }),
    plan(uid) {
      const node = fake.cluster.get('node', uid);
      return node && installedPlan(fake.cluster, node);
    },
    archive: async () => Buffer.from('agent'),
  };
}

/** Reports and heartbeats as a node sends them. */
export function fakeNode(ports: PlanePorts, ip: string, limiter?: LogLimiter) {
  const plane = new BootPlane(ports, limiter);
  const post = async (path: string, body: string) => {
    const answer = await plane.ask({ method: 'POST', path, ip, peer: `${ip}:1`, body });
    return 'status' in answer ? answer.status : undefined;
  };
  return {
    plane,
    report: async (session: string, body: string) => post(`/boot/v1/${session}/report`, body),
    beat: async (body: string) => post('/node/v1/heartbeat', body),
  };
}
