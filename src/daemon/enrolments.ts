// Enrols installed systems: makes the tokens, the line to paste on a node, and the archive with the agent.
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { BootPlan } from '../boot/boot-plan.ts';
import { type Enrollee, EnrolmentTokens, enrolLine, installedPlan } from '../boot/enrolment.ts';
import type { TlsFacts } from '../boot/plane/session-values.ts';
import { MusterError } from '../errors.ts';
import { writeTree } from '../files/archive.ts';
import type { Cluster } from '../model/cluster.ts';
import type { Networks } from '../networks.ts';
import { packageRoot } from '../package-root.ts';
import type { Refused } from '../refused.ts';

export interface EnrolmentPorts {
  /** 32 bytes. */
  headKey: Buffer;
  cluster: Cluster;
  networks: Networks;
  secretPlane: { ready(): Promise<{ tls: TlsFacts } | Refused> };
  /** Milliseconds since 1970. */
  now(): number;
  /** 32 hex digits from a source nobody can guess. */
  newUid(): string;
}

export interface EnrolmentLine {
  line: string;
  /** Milliseconds since 1970. */
  until: number;
}

const MODULE = join(packageRoot, 'initramfs/95muster');
/** The agent uses one of these for HTTP; its installer chooses. */
const CLIENTS = ['http_curl', 'http_busybox'];

export class Enrolments {
  private readonly ports: EnrolmentPorts;
  private readonly tokens: EnrolmentTokens;
  private packed: Promise<Buffer> | undefined;

  constructor(ports: EnrolmentPorts) {
    this.ports = ports;
    this.tokens = new EnrolmentTokens(ports.headKey);
  }

  problem(node: Enrollee, token: string): ReturnType<EnrolmentTokens['problem']> {
    return this.tokens.problem(node, token, this.ports.now());
  }

  plan(uid: string): BootPlan | undefined {
    const { cluster } = this.ports;
    const node = cluster.get('node', uid);
    return node && installedPlan(cluster, node);
  }

  /**
   * Returns the line that enrols the system of a node, with a token that works once. Errors: `no-such-object`, `bad-config` when the head
   * cannot serve over TLS.
   * @param seconds how long the token is valid
   */
  async line(uid: string, seconds: number): Promise<EnrolmentLine> {
    const { cluster, networks, secretPlane, now, newUid } = this.ports;
    const node = cluster.get('node', uid);
    if (!node) throw new MusterError('no-such-object', 'The node was deleted.');
    const ready = await secretPlane.ready();
    if ('refused' in ready) throw new MusterError('bad-config', `No system can be enrolled: ${ready.refused}.`);
    const { ip } = node.value;
    const until = now() + seconds * 1000;
    const token = this.tokens.make({ uid, ip }, until, newUid().slice(0, 16));
    const address = (networks.of(ip) ?? networks.main).head;
    return { line: enrolLine({ address, ...ready.tls }, token), until };
  }

  /** Returns the agent as a tar archive, which is made once. A failure is tried again at the next call. */
  async archive(): Promise<Buffer> {
    this.packed ??= packAgent();
    try {
      return await this.packed;
    } catch (error) {
      this.packed = undefined;
      throw error;
    }
  }
}

/** The agent as an initramfs has it, with the parts that its own list names. */
async function packAgent(): Promise<Buffer> {
  const parts = (await readFile(join(MODULE, 'agent/parts'), 'utf8')).trimEnd().split('\n');
  const files = [
    ...(await readdir(join(MODULE, 'agent'))).map(name => join('agent', name)),
    ...[...parts.filter(name => name !== 'http_client'), ...CLIENTS].map(name => join('lib', name)),
  ];
  const entries = files.map(async file => ({
    ...{ type: 'file' as const, path: `/${file.split('/')[1]}`, mode: 0o644, owner: 'root', group: 'root', target: '' },
    content: await readFile(join(MODULE, file)),
    xattrs: [],
  }));
  return writeTree(await Promise.all(entries));
}
