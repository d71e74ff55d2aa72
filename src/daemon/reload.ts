// Which configuration keys a running daemon takes over, and which need a restart.
import { type Config, type ConfigKey, contradictions } from '../config.ts';

/** Keys that are read at each use, so a new value applies from the next packet or request on. */
export const RELOADED_KEYS: readonly ConfigKey[] = [
  'paths.scripts',
  'dhcp.router',
  'dhcp.dns',
  'dhcp.domain',
  'dhcp.lease_seconds',
  'dhcp.unknown_lease_seconds',
  'http.image_transfers',
  'boot.failure_seconds',
  'boot.session_seconds',
  'log.level',
];

/**
 * Keys that describe the networks. While one of them waits for a restart, the others wait with it: otherwise nodes would get a
 * router or a name server of a network that they are not in.
 */
const TOGETHER: readonly ConfigKey[] = [
  'head.address',
  'head.interface',
  'networks',
  'dhcp.range',
  'dhcp.router',
  'dhcp.dns',
  'dhcp.domain',
];

export interface Reloaded {
  /** Keys with a new value in effect now. */
  changed: ConfigKey[];
  /** Keys with a new value in the file that takes effect after a restart. */
  needRestart: ConfigKey[];
}

/**
 * Applies the new values that can be applied to the configuration in use; the others stay unchanged, and are named. The
 * configuration in use never contradicts itself.
 * @param problems further objections to a configuration; `contradictions` alone when absent
 */
export function applyReload(
  config: Config,
  next: Config,
  problems: (config: Config) => readonly string[] = () => [],
): Reloaded {
  const different = (Object.keys(next) as ConfigKey[]).filter(
    key => JSON.stringify(config[key]) !== JSON.stringify(next[key]),
  );
  const needRestart = new Set(different.filter(key => !RELOADED_KEYS.includes(key)));
  if (TOGETHER.some(key => needRestart.has(key)))
    for (const key of different) if (TOGETHER.includes(key)) needRestart.add(key);
  const before = new Set([...contradictions(config), ...problems(config)]);
  const isRight = (keys: readonly ConfigKey[]): boolean => {
    const effective = taken(config, next, keys);
    return [...contradictions(effective), ...problems(effective)].every(problem => before.has(problem));
  };
  const changed = fitting(
    different.filter(key => !needRestart.has(key)),
    isRight,
  );
  Object.assign(config, taken(config, next, changed));
  return { changed, needRestart: different.filter(key => !changed.includes(key)) };
}

/** Returns the keys, without the one that makes the others wrong; none when it takes more than one. */
function fitting(keys: readonly ConfigKey[], isRight: (keys: readonly ConfigKey[]) => boolean): ConfigKey[] {
  const sets = [[...keys], ...keys.map(key => keys.filter(other => other !== key))];
  return sets.find(isRight) ?? [];
}

function taken(config: Config, next: Config, keys: readonly ConfigKey[]): Config {
  return { ...config, ...Object.fromEntries(keys.map(key => [key, next[key]])) };
}
