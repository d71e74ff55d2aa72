// Kernel limits that a large cluster meets: what /proc/sys says (ip-sysctl, listen(2), socket(7)), and what it should say.
import { readFileSync } from 'node:fs';
import { type Finding, finding } from './finding.ts';

/** The kernel's limits; undefined where this namespace does not show them. */
export interface KernelLimits {
  /** net.ipv4.neigh.default.gc_thresh3: the most neighbours that are remembered. */
  neighbours: number | undefined;
  /** net.core.somaxconn: the most connections in a listen queue. */
  backlog: number | undefined;
  /** net.core.rmem_max, in bytes: the largest receive buffer of a socket. */
  receiveBuffer: number | undefined;
}

export function kernelLimits(): KernelLimits {
  return {
    neighbours: numberOf('/proc/sys/net/ipv4/neigh/default/gc_thresh3'),
    backlog: numberOf('/proc/sys/net/core/somaxconn'),
    receiveBuffer: numberOf('/proc/sys/net/core/rmem_max'),
  };
}

/** Above this many nodes, a simultaneous boot exceeds a machine's default limits. */
const MANY = 300;
const BACKLOG = 4096;
const RECEIVE_BUFFER = 4 * 2 ** 20;
const FILE = '/etc/sysctl.d/90-muster.conf';

/** @param nodes how many nodes have an address, and how many of them are the head's neighbours; undefined when unknown */
export function kernelFindings(
  nodes: { addressed: number; attached: number } | undefined,
  { neighbours, backlog, receiveBuffer }: KernelLimits,
): Finding[] {
  const say = finding('kernel');
  if (nodes === undefined) return [say('skip', 'Only a running musterd knows how many nodes there are.')];
  const { addressed, attached } = nodes;
  const findings: Finding[] = [];
  if (neighbours !== undefined && attached > neighbours * 0.8) {
    const most = powerOfTwo(Math.max(4096, attached * 3));
    const text = `The kernel remembers ${neighbours} neighbours (net.ipv4.neigh.default.gc_thresh3), and ${attached} nodes are on this head's wires: packets will be lost.`;
    findings.push(
      say(
        'warn',
        text,
        remedy([
          ['net.ipv4.neigh.default.gc_thresh2', most / 2],
          ['net.ipv4.neigh.default.gc_thresh3', most],
        ]),
      ),
    );
  }
  const isMany = addressed > MANY;
  const wanted = powerOfTwo(Math.max(BACKLOG, addressed));
  if (isMany && backlog !== undefined && backlog < wanted) {
    const text = `Only ${backlog} connections may wait for musterd (net.core.somaxconn), and ${addressed} nodes may come at once.`;
    findings.push(say('warn', text, remedy([['net.core.somaxconn', wanted]], RESTART)));
  }
  if (isMany && receiveBuffer !== undefined && receiveBuffer < RECEIVE_BUFFER) {
    const text = `A socket keeps at most ${receiveBuffer} bytes of requests (net.core.rmem_max), and ${addressed} nodes may ask at once.`;
    findings.push(say('warn', text, remedy([['net.core.rmem_max', RECEIVE_BUFFER]], RESTART)));
  }
  if (findings.length > 0) return findings;
  const seen = [neighbours, backlog, receiveBuffer].some(value => value !== undefined);
  if (!seen) return [say('skip', '/proc/sys shows none of its limits here.')];
  return [say('ok', `Its limits are sufficient for ${addressed} nodes.`)];
}

const RESTART = '; systemctl restart musterd';

/** Returns the lines, and how to apply them now and at each start. */
function remedy(lines: readonly (readonly [string, number])[], more = ''): string {
  return [`In ${FILE}, then sysctl --system${more}:`, ...lines.map(([name, value]) => `${name} = ${value}`)].join('\n');
}

function powerOfTwo(least: number): number {
  return 2 ** Math.ceil(Math.log2(least));
}

function numberOf(path: string): number | undefined {
  try {
    const value = Number(readFileSync(path, 'utf8').trim());
    return Number.isSafeInteger(value) ? value : undefined;
  } catch {
    // A network namespace lacks some of them.
    return undefined;
  }
}
