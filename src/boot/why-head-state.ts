// What is wrong with the head now, and what it refused. These rules need no failure in the boot itself.
import type { InterfaceLook, PressureLook, Refusal } from './evidence.ts';
import type { EvidenceRule } from './evidence-rule.ts';
import type { Scene } from './why-case.ts';
import { count, size, span } from './why-words.ts';

/** Silence after which the state of the head may be the cause, in seconds. */
const STALLED_SECONDS = 8;
/** With fewer free descriptors than this, musterd closes a node's connection as soon as it accepts it. */
const FREE_DESCRIPTORS = 4;

const isStalled = ({ error, quiet }: Scene): boolean => error !== undefined || quiet >= STALLED_SECONDS;

const PROBLEMS: Readonly<Record<NonNullable<InterfaceLook['problem']>, { is: string; remedy: string }>> = {
  gone: { is: 'no longer exists', remedy: 'Bring it back (`ip link`, the driver of the card)' },
  down: { is: 'is down', remedy: 'Bring it up: `ip link set dev NAME up`' },
  'no-carrier': { is: 'has no link', remedy: 'Check its cable and its switch port' },
  'no-address': { is: 'no longer has the address ADDRESS', remedy: 'Give it its address ADDRESS again' },
};

/** Returns the interface that the node is behind. For a node on an unknown network, one of them if all are broken. */
function brokenInterface({ evidence }: Scene): InterfaceLook | undefined {
  const { interfaces = [], network } = evidence ?? {};
  const own = interfaces.filter(({ address }) => address === network);
  const others = own.length > 0 ? own : interfaces;
  return others.every(({ problem }) => problem !== undefined) ? others[0] : undefined;
}

export const HEAD_STATE_RULES: readonly EvidenceRule[] = [
  {
    name: 'head-interface-down',
    find(scene) {
      const broken = isStalled(scene) ? brokenInterface(scene) : undefined;
      if (!broken?.problem) return undefined;
      const { name, address } = broken;
      const fill = (words: string): string => words.replaceAll('NAME', name).replaceAll('ADDRESS', address);
      const { is, remedy } = PROBLEMS[broken.problem];
      return {
        cause: `The interface ${name} of the head ${fill(is)}, so musterd cannot serve any node behind it.`,
        remedy: `${fill(remedy)}. Then boot the node again; \`muster doctor\` checks the interfaces of the head.`,
        seen: [`the head's interface ${name} ${fill(is)}`],
      };
    },
  },
  {
    name: 'head-descriptors-used-up',
    find(scene) {
      const { descriptors } = scene.evidence ?? {};
      if (!descriptors || descriptors.limit - descriptors.open >= FREE_DESCRIPTORS || !isStalled(scene))
        return undefined;
      const { open, limit } = descriptors;
      return {
        cause: `musterd has ${open} of ${limit} file descriptors open and accepts no more connections.`,
        remedy:
          'Raise LimitNOFILE in its unit (`systemctl edit musterd`) and restart musterd. Then boot the node again.',
        seen: [`${open} of ${limit} file descriptors of musterd are open`],
      };
    },
  },
  {
    name: 'head-memory-short',
    find(scene) {
      const { memory } = scene.evidence ?? {};
      if (!memory || !isShort(memory) || !isStalled(scene)) return undefined;
      const { available, total, stalled } = memory;
      const waits =
        stalled === undefined ? '' : `, and it stalled for lack of memory ${stalled.toFixed(0)} % of the last 10 s`;
      const free = `${size(available)} of ${size(total)} are free${waits}`;
      return {
        cause: `The memory of the head is used up (${free}), so it serves nodes slowly or not at all.`,
        remedy:
          'Find what uses the memory of the head (`ps -eo rss,comm --sort -rss | head`) and stop it, or add memory. Then boot the node again.',
        seen: [`the head: ${free}`],
      };
    },
  },
];

/** Percent of stalls that count as a shortage, and the share of free memory that does where the kernel does not count stalls. */
const STALLED_PERCENT = 20;
const SHORT_MEMORY = 0.02;

const isShort = ({ stalled, available, total }: PressureLook): boolean =>
  stalled === undefined ? available < total * SHORT_MEMORY : stalled >= STALLED_PERCENT;

export const REFUSAL_RULES: readonly EvidenceRule[] = [
  {
    name: 'dhcp-not-answered',
    find(scene) {
      const refusal = refusalOf(scene, ({ status }) => status === undefined);
      return (
        refusal && {
          cause: `The head does not answer its DHCP messages: ${refusal.reason}.`,
          remedy:
            'Correct what the message names: the network or the address of the node, or something between the node and the head. `muster boot explain` rehearses its DHCP.',
          seen: [words(refusal)],
        }
      );
    },
  },
  {
    name: 'head-refused',
    find(scene) {
      const refusal = refusalOf(scene, ({ status }) => status !== undefined);
      return (
        refusal && {
          cause: `The head refused its last request: ${refusal.reason} (HTTP ${refusal.status}).`,
          remedy:
            'Boot the node again, so that it starts with DHCP and gets its own session. If that is refused too, the log of the head has each refusal: `journalctl -u musterd`.',
          seen: [words(refusal)],
        }
      );
    },
  },
];

/** Returns a refusal after which the boot made no progress. */
function refusalOf(scene: Scene, fits: (refusal: Refusal) => boolean): Refusal | undefined {
  const refusal = scene.evidence?.refusals?.find(fits);
  return !refusal || scene.error || refusal.ago > scene.silence || scene.quiet < STALLED_SECONDS ? undefined : refusal;
}

const words = ({ reason, status, times, ago }: Refusal): string =>
  `${status === undefined ? 'not answered' : 'refused'}${count(times)}, ${span(ago)} ago: ${reason}${status === undefined ? '' : ` (HTTP ${status})`}`;
