// Silence after the root was ready: what the watcher of the initramfs saw in the system says why its agent does not come.
import { unitNames } from './system-facts.ts';
import { type Case, presentOf } from './why-case.ts';
import type { StallRule } from './why-rules.ts';
import { type SystemTrouble, systemTrouble } from './why-system.ts';

/** A system that is in trouble does not start its agent: that is certain soon, in seconds. */
const CERTAIN = 5;
/** The watcher comes once a minute at least: what it saw longer ago is not how it is now, in seconds. */
const FRESH_SECONDS = 180;

function troubleOf(situation: Case): SystemTrouble | undefined {
  const { name, boot } = situation;
  if (!boot.system || !isFresh(situation)) return undefined;
  const found = systemTrouble({ name, style: boot.plan?.style, facts: boot.system.facts });
  return found?.isSerious ? found : undefined;
}

const isFresh = (situation: Case): boolean =>
  presentOf(situation) - (situation.boot.system?.at ?? 0) <= FRESH_SECONDS * 1000;
const starting = (situation: Case): string[] =>
  isFresh(situation) ? unitNames(situation.boot.system?.facts['starting_units']) : [];
const failed = ({ boot }: Case): string[] => unitNames(boot.system?.facts['failed_units']);

const AGENT = 'muster-agent.service';

/** A row for a trouble of the system that keeps its agent from coming. */
function troubled(rule: SystemTrouble['rule']): StallRule {
  return {
    name: rule,
    after: ['root'],
    when: situation => troubleOf(situation)?.rule === rule,
    patience: () => CERTAIN,
    cause: situation => `Its system runs, and its agent cannot start: ${troubleOf(situation)?.cause}.`,
    remedy: situation => troubleOf(situation)?.remedy ?? '',
  };
}

export const SYSTEM_STALLS: readonly StallRule[] = [
  troubled('root-readonly'),
  troubled('root-full'),
  troubled('memory-short'),
  {
    name: 'unit-hangs',
    after: ['root'],
    when: situation => starting(situation).length > 0,
    cause: situation =>
      `Its system hangs in its start: systemd waits for ${starting(situation).slice(0, 3).join(', ')}, and starts the agent after that.`,
    remedy: situation =>
      `Look at that unit on its console, or disable it in the image: muster modimg -i ${situation.boot.plan?.image?.name ?? 'NAME'} --execute 'systemctl disable ${starting(situation)[0] ?? 'UNIT'}' --upload --overwrite.`,
  },
  {
    name: 'agent-not-started',
    after: ['root'],
    when: ({ boot }) => boot.system !== undefined,
    cause: situation => {
      const units = failed(situation);
      if (units.includes(AGENT)) return 'Its system runs, and its agent, muster-agent.service, fails.';
      return `Its system runs, and its agent never sent a heartbeat${units.length > 0 ? `; failed units: ${units.join(', ')}` : ''}.`;
    },
    remedy: () =>
      "Read on its console why: `systemctl status muster-agent`. Its unit may be masked in the image, or the system's network does not reach the head.",
    settle: () => 'read `systemctl status muster-agent` on its console',
  },
  {
    name: 'agent-not-started',
    after: ['root'],
    cause: () =>
      'Its root was ready, and the system in the image never sent a heartbeat: it hangs in its start, or panicked.',
    remedy: () => 'Mend the unit that hangs; systemd starts the agent as muster-agent.service.',
    settle: () => 'read its console: systemd names the unit that it waits for, the kernel its panic',
  },
];
