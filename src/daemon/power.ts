// Power control and exec with what they need from the state: the node's facts, its timeline, its ssh, its console.
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { PowerAccess } from '../admin/ports.ts';
import { monotonicNow } from '../clock.ts';
import { MusterError, reasonOf } from '../errors.ts';
import { effectiveAttributes } from '../model/attributes.ts';
import type { Entry } from '../model/cluster.ts';
import { POWER_ACTIONS } from '../model/power-actions.ts';
import { Consoles } from '../power/consoles.ts';
import { PowerControl } from '../power/control.ts';
import { Limits } from '../power/limits.ts';
import type { PoweredNode } from '../power/powered-node.ts';
import { isSilent, runOnNode } from '../ssh/exec.ts';
import { loadSshKey } from '../ssh/head-ssh-key.ts';
import { knownHostsFile } from '../ssh/known-hosts.ts';
import type { NodeAddress, SshKey } from '../ssh/ssh.ts';
import type { State } from './state.ts';

/** Returns the head's ssh key; without ssh the head still serves, and says what it cannot do. */
export async function headSshKey({ config, log }: State): Promise<SshKey | undefined> {
  try {
    return await loadSshKey(config['paths.state'], config['head.name']);
  } catch (error) {
    log.warn(
      { error: reasonOf(error) },
      'no ssh key: soft reboot and shutdown, exec, and servers in power_uri do not work',
    );
    return undefined;
  }
}

/** Logs at the start which of the site's drivers cannot be used. */
export async function checkDrivers(control: PowerControl, { log }: State): Promise<void> {
  const { plugins } = await control.drivers().catch(error => {
    log.warn({ error: reasonOf(error) }, "the site's power drivers cannot be read");
    return { plugins: [] };
  });
  for (const { file, scheme, problem } of plugins) {
    if (problem) log.warn({ file }, `the power driver ${file} cannot be used: ${problem}`);
    else log.info({ file }, `power driver '${scheme}' of the site`);
  }
}

export function powerControl(state: State, key: SshKey | undefined): PowerControl {
  const { config, boots, statuses, happenings } = state;
  return new PowerControl({
    tools: {
      limits: new Limits(),
      key,
      timeoutMs: config['power.timeout_seconds'] * 1000,
      fanout: config['power.fanout'],
      serverFanout: config['power.server_fanout'],
      learned: new Set(),
    },
    driversFolder: config['power.drivers'],
    softTimeoutMs: config['power.soft_timeout_seconds'] * 1000,
    staggerSeconds: config['power.stagger_seconds'],
    now: monotonicNow,
    sleep,
    random: Math.random,
    soft: node => ({
      run: async command => runOnNode(await addressOf(state, node), mustHave(key), command),
      isSilent: async () => isSilent(node.ip),
      hasBootedSince: since => {
        const boot = boots.current(node.uid);
        return boot !== undefined && boots.age(boot) < monotonicNow() - since;
      },
    }),
    note: (node, text, kind, action) => {
      boots.action(node.uid, text, kind, action && POWER_ACTIONS[action].ends);
      happenings.power(node.uid, text, kind === 'error');
      state.log.info({ node: node.name }, `power: ${text}`);
    },
    isOff: uid => statuses.off(uid),
  });
}

/** Returns what the admin API needs of it. */
export function powerAccess(state: State, key: SshKey | undefined, control: PowerControl): PowerAccess {
  return {
    control,
    consoles: new Consoles(join(state.config['paths.state'], 'consoles')),
    key: () => mustHave(key),
    execFanout: state.config['exec.fanout'],
    node: entry => poweredNode(state, entry),
    address: async entry => addressOf(state, { uid: entry.uid, name: entry.value.name, ip: entry.value.ip }),
  };
}

function mustHave(key: SshKey | undefined): SshKey {
  if (key) return key;
  throw new MusterError(
    'tool-missing',
    'The head has no ssh key, because ssh-keygen is missing; install openssh-client and restart musterd.',
  );
}

function poweredNode({ cluster, boots, statuses }: State, { uid, value }: Entry<'node'>): PoweredNode {
  const { name, ip, mac, index, type, description } = value;
  const { state, facts, hardware } = statuses.of(uid);
  const attributes = effectiveAttributes(cluster, value);
  const arch = boots.of(uid).findLast(boot => boot.arch !== undefined)?.arch;
  return {
    uid,
    name,
    ip,
    powerUri: value.power_uri,
    isUp: state === 'up',
    efi: arch !== undefined && arch !== 'bios',
    facts: {
      attributes: new Map(Array.from(attributes, ([key, inherited]) => [key, inherited.value])),
      node: { uid, name, ip, mac, index: String(index), type, description },
      status: facts,
      hardware,
    },
  };
}

/** The host key that the node reported counts while it is up: its next boot may have another. */
async function addressOf(
  { config, statuses }: State,
  { uid, name, ip }: { uid: string; name: string; ip: string },
): Promise<NodeAddress> {
  const { state, facts } = statuses.of(uid);
  const told = state === 'up' ? facts['ssh_host_key'] : undefined;
  return { name, ip, knownHosts: await knownHostsFile(config['paths.state'], { uid, name }, told) };
}
