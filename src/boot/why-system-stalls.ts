// Silence after the root was ready: what the watcher of the initramfs saw in the system explains why its agent does not report.
import { unitNames } from './system-facts.ts';
import { type Case, presentOf } from './why-case.ts';
import type { StallRule } from './why-rules.ts';
import { type SystemTrouble, systemTrouble } from './why-system.ts';

/** A system in trouble does not start its agent. That is certain after this many seconds. */
const CERTAIN = 5;
/** The watcher reports at least once a minute. An older report is out of date, in seconds. */
const FRESH_SECONDS = 180;

/** systemd gives up a unit after 90 s, and the wait for a network after 120 s: what takes longer may wait for ever. */
const UNIT_SECONDS = 150;

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

/** Returns a row for trouble in the system that keeps its agent from starting. */
function troubled(rule: SystemTrouble['rule']): StallRule {
  return {
    name: rule,
    after: ['root'],
    when: situation => troubleOf(situation)?.rule === rule,
    patience: () => CERTAIN,
    cause: situation => `Its system runs, but its agent cannot start: ${troubleOf(situation)?.cause}.`,
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
    patience: () => UNIT_SECONDS,
    hint: situation => `systemd waits for ${starting(situation).slice(0, 3).join(', ')}`,
    cause: situation =>
      `Its system hangs while it starts: systemd waits for ${starting(situation).slice(0, 3).join(', ')} and starts the agent only after that.`,
    remedy: situation =>
      `Check that unit on its console, or disable it in the image: muster modimg -i ${situation.boot.plan?.image?.name ?? 'NAME'} --execute 'systemctl disable ${starting(situation)[0] ?? 'UNIT'}' --upload --overwrite.`,
  },
  {
    name: 'agent-not-started',
    after: ['root'],
    when: ({ boot }) => boot.system !== undefined,
    cause: situation => {
      const units = failed(situation);
      if (units.includes(AGENT)) return 'Its system runs, but its agent, muster-agent.service, fails.';
      return `Its system runs, but its agent never sent a heartbeat${units.length > 0 ? `; failed units: ${units.join(', ')}` : ''}.`;
    },
    remedy: () =>
      'Run `systemctl status muster-agent` on its console. The unit may be masked in the image, or the system cannot reach the head.',
    settle: () => 'run `systemctl status muster-agent` on its console',
  },
  {
    name: 'agent-not-started',
    after: ['root'],
    cause: () =>
      'Its root was ready, but the system in the image never sent a heartbeat: it hangs while it starts, or panicked.',
    remedy: () => 'Repair the unit that hangs; systemd starts the agent as muster-agent.service.',
    settle: () => 'read its console: systemd names the unit it waits for, the kernel its panic',
  },
];
