// A node that is up, or was: what its last heartbeat reported about its system, and what happened since.
import type { Boot, Outcome } from './boot.ts';
import { DEFAULT_STATUS_SECONDS } from './boot-plan.ts';
import { momentOf } from './boot-time.ts';
import { identityOf } from './enrolment.ts';
import { goingOf } from './system-facts.ts';
import { presentOf, type WhyFacts } from './why-case.ts';
import { iscsiSeen } from './why-iscsi.ts';
import { answeredArp } from './why-route.ts';
import { type SystemTrouble, systemTrouble } from './why-system.ts';
import { isOff, poweredOff, powerSeen, say, type Why } from './why-verdict.ts';
import { span } from './why-words.ts';

/** A machine that reboots cleanly is back at its firmware's DHCP within this many seconds. Large ones test their memory. */
const REBOOT_SECONDS = 600;

export function upNow(facts: WhyFacts): Why {
  const { status, name } = facts;
  const seen = status.silence === undefined ? [] : [`its last heartbeat came ${span(status.silence)} ago`];
  const trouble = troubleOf(facts);
  if (trouble) {
    const { rule, isSerious, cause, remedy } = trouble;
    return say(isSerious ? 'failed' : 'well', rule, `${name} is up, and ${cause}.`, remedy, seen);
  }
  return say('well', 'up', `${name} is up; nothing is wrong.`, undefined, seen);
}

/** A system that came up and restarted this many times is in a loop; one that reboots in good order, this many times. */
const LOOP = 3;
const LOOP_IN_ORDER = 6;
/** A system that was up for longer than this did not restart for the same reason as before, in milliseconds. */
const LOOP_MS = 600_000;

/** Returns the cause for a node that keeps coming up and restarting without a command; undefined for others. */
export function keepsRestarting(facts: WhyFacts): Why | undefined {
  const { boots } = facts;
  const newest = boots.at(-1);
  if (!newest) return undefined;
  const present = momentOf(newest, presentOf(facts));
  let count = 0;
  let inOrder = 0;
  let next = momentOf(newest, newest.started);
  if (newest.outcome === 'up' && present - momentOf(newest, newest.ended ?? newest.started) > LOOP_MS) return undefined;
  for (const boot of boots.slice(0, -1).reverse()) {
    const { ended, outcome, actions = [] } = boot;
    if (outcome !== 'up' || ended === undefined || actions.some(({ at }) => at >= ended)) break;
    if (next - momentOf(boot, ended) > LOOP_MS || boot.goodbye?.to === 'down') break;
    count += 1;
    if (boot.goodbye) inOrder += 1;
    next = momentOf(boot, boot.started);
  }
  const during = span((present - next) / 1000);
  if (inOrder >= LOOP_IN_ORDER) return keepsRebooting(facts, count, during);
  if (count - inOrder < LOOP) return undefined;
  return say(
    'failed',
    'keeps-restarting',
    `It came up ${count} times in ${during} and restarted each time, without a power action of muster: its system panics, or something resets it.`,
    `Read its console (\`muster node -i ${facts.name} console\`) and the event log of its BMC. With panic=0 on its cmdline, a panic message stays on the screen.`,
    powerSeen(facts),
    'read its console when it goes down',
  );
}

/** Its agent said each time that the system reboots: no panic and no reset. */
function keepsRebooting({ name }: WhyFacts, count: number, during: string): Why {
  return say(
    'failed',
    'keeps-rebooting',
    `It came up ${count} times in ${during} and rebooted cleanly each time, without a power action of muster: a program on it or a person reboots it.`,
    `Find what reboots it: muster node -i ${name} exec 'grep -rE "Action=reboot|reboot" /etc/systemd /etc/cron* /lib/systemd/system; systemctl list-timers', and read its console when it goes down.`,
    ['its agent reported each time that the system reboots'],
    'read the first lines of its console when it goes down: systemd names the unit that began the reboot',
  );
}

/** What the last heartbeat reported about the system. */
function troubleOf({ name, status, boots }: WhyFacts): SystemTrouble | undefined {
  return systemTrouble({ name, style: boots.at(-1)?.plan?.style, facts: status.facts });
}

/** A system that boots from its disk has its agent running within this many seconds. */
const AGENT_SECONDS = 600;

const HOW: Readonly<Partial<Record<Outcome, string>>> = {
  'handed-over': 'It was left to its own disk',
  installed: 'It was installed',
  enrolled: 'It was enrolled',
};

/** Returns the cause for a node that runs from its own disk, where an enrolled agent should have reported; undefined for others. */
export function silentAgent(facts: WhyFacts, left: Boot): Why | undefined {
  const system = identityOf(facts.boots);
  const how = left.outcome && HOW[left.outcome];
  if (!system || !how) return undefined;
  const { name } = facts;
  const quiet = (presentOf(facts) - (left.ended ?? left.started)) / 1000;
  const seen = [`its system was enrolled at ${new Date(system.started).toISOString()}`];
  if (quiet < AGENT_SECONDS)
    return say(
      'waiting',
      'agent-expected',
      `${how} ${span(quiet)} ago; its agent has not reported yet.`,
      undefined,
      seen,
    );
  return say(
    'stuck',
    'agent-silent',
    `${how} ${span(quiet)} ago, and the agent of its installed system has sent nothing since.`,
    `Look at it on its console: systemctl status muster-agent. If the system is a new one, enrol it: muster node -i ${name} enroll.`,
    seen,
    'read `journalctl -u muster-agent` on the node',
  );
}

export function heartbeatLost(facts: WhyFacts, up: Boot): Why {
  const { status, answers, name } = facts;
  const now = presentOf(facts);
  const last = span(status.silence ?? (now - (up.ended ?? now)) / 1000);
  const action = up.actions?.at(-1);
  const trouble = troubleOf(facts);
  const seen = [
    `boot ${up.id} was up at ${new Date(up.ended ?? up.started).toISOString()}`,
    ...(action ? [`${span((now - action.at) / 1000)} ago: ${action.text}`] : []),
    'no DHCP packet came since',
    ...(trouble ? [`its last heartbeat reported: ${trouble.cause}`] : []),
    ...iscsiSeen({ ...facts, boot: up, quiet: 0, silence: 0 }),
    ...powerSeen(facts),
  ];
  if (isOff(facts)) return poweredOff(`It was up, and its last heartbeat came ${last} ago`, seen);
  const coming = comingBack(facts, up, seen);
  // While it goes down, its kernel still answers.
  if (coming && (goingOf(status.facts) || up.goodbye || answers !== true)) return coming;
  const late = lateBeat(facts, seen);
  if (late) return late;
  if (answers === true)
    return say(
      'stuck',
      'agent-stopped',
      `Its last heartbeat came ${last} ago, but its system is alive: it answers on the network. Its agent does not run, or cannot reach http.port of the head.`,
      `Start the agent: muster node -i ${name} exec 'systemctl restart muster-agent'; \`systemctl status muster-agent\` there shows why it stopped.`,
      [...seen, 'its port 22 accepts or refuses connections, so its kernel runs'],
    );
  const alive = stillAnswers(facts, up);
  if (alive !== undefined)
    return say(
      'stuck',
      'system-hangs',
      `Its last heartbeat came ${last} ago. Its kernel answered ARP ${span(alive)} ago, and nothing else answers: its programs hang because memory is short or their disk is gone, or a packet filter on it closes its ports.`,
      'Look at its console (`muster node console`): it names what hangs. If it accepts no login, power-cycle the node.',
      [...seen, 'no answer from its port 22'],
      'read its console; a kernel that panicked answers no ARP',
    );
  const silent = answers === false ? ', and nothing answers at its address' : '';
  const power =
    facts.power && 'state' in facts.power ? 'its kernel panicked or hangs, or its network is gone' : undefined;
  return say(
    'stuck',
    'heartbeat-lost',
    `It was up, and its last heartbeat came ${last} ago${silent}: ${power ?? 'its kernel panicked or hangs, it was switched off, or its network is gone'}.`,
    'Look at its console (`muster node console`), its cable and its switch port. If it accepts ssh, `systemctl status muster-agent` says more; otherwise power-cycle it.',
    [...seen, ...(answers === false ? ['no answer from its port 22'] : [])],
    'read its console (with panic=0 on the cmdline the message of a panic stays there; with netconsole to the syslog port of the head, `why` reads it), ask its BMC for its power (`power_uri`), and look at the link of its switch port',
  );
}

/** A silence that is shorter than three heartbeats and this, and shorter than the other, tells nothing yet, in seconds. */
const LATE = { atLeast: 30, more: 20 };

/** A service that is restarted, a system that goes down silently, and a slow node: each is silent for a while. */
function lateBeat({ status: { silence, period = DEFAULT_STATUS_SECONDS } }: WhyFacts, seen: string[]): Why | undefined {
  if (silence === undefined || silence > Math.max(LATE.atLeast, 3 * period + LATE.more)) return undefined;
  const cause = `Its heartbeat is late: the last one came ${span(silence)} ago, and it sends one every ${span(period)}. It may be rebooting or slow; nothing is unusual yet.`;
  return say('waiting', 'heartbeat-late', cause, undefined, seen);
}

/** A node that answered ARP less than this ago is there, and longer than this after its last heartbeat it is silent, in seconds. */
const ARP_SECONDS = 20;

/** Returns how many seconds ago the node itself answered ARP, when that was long after its last heartbeat and nothing else answers. */
function stillAnswers(facts: WhyFacts, up: Boot): number | undefined {
  const silence = facts.status.silence ?? (presentOf(facts) - (up.ended ?? up.started)) / 1000;
  const ago = answeredArp({ ...facts, silence });
  const isLater = ago !== undefined && ago <= ARP_SECONDS && silence - ago > ARP_SECONDS;
  return facts.answers === false && isLater ? ago : undefined;
}

/** A node that said that it goes down, or that was sent down, is not lost. */
function comingBack(facts: WhyFacts, up: Boot, seen: string[]): Why | undefined {
  const { status } = facts;
  const sinceBeat = status.silence ?? (presentOf(facts) - (up.ended ?? up.started)) / 1000;
  const wish = up.actions?.findLast(({ action, at }) => action !== undefined && at >= (up.ended ?? 0));
  const sinceWish = wish === undefined ? undefined : (presentOf(facts) - wish.at) / 1000;
  // After a restart of musterd, only the boot has it
  const said = goingOf(status.facts) ?? up.goodbye?.to;
  const isWished = sinceWish !== undefined && sinceWish <= sinceBeat + REBOOT_SECONDS;
  const going = said ?? (isWished ? wish?.action : undefined);
  if (going === undefined) return undefined;
  const sinceGoodbye = up.goodbye ? (presentOf(facts) - up.goodbye.at) / 1000 : sinceBeat;
  const ago = said ? sinceGoodbye : (sinceWish ?? sinceBeat);
  const evidence = [
    ...(said ? [`its agent reported that the system ${said === 'up' ? 'reboots' : 'shuts down'}`] : []),
    ...seen,
  ];
  if (going === 'down')
    return say(
      'stuck',
      'shut-down',
      `It was shut down ${span(ago)} ago.`,
      'Switch it on: `muster node power on`.',
      evidence,
    );
  if (ago <= REBOOT_SECONDS)
    return say(
      'waiting',
      'rebooting',
      `It began to reboot ${span(ago)} ago; nothing is unusual yet.`,
      undefined,
      evidence,
    );
  return say(
    'stuck',
    'reboot-hangs',
    `It began to reboot ${span(ago)} ago, and its firmware has not requested an address since.`,
    'Check its console (`muster node console`) and the boot order of its firmware; otherwise power-cycle it.',
    evidence,
    'read its console: it hangs while it shuts down or in its firmware, or boots from another device',
  );
}
