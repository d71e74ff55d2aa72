// Which configuration keys a running daemon takes over, and which need a restart.
import type { Config, ConfigKey } from '../config.ts';

/** Keys that are read at each use, so that a new value holds from the next packet or request on. */
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

export interface Reloaded {
  /** Keys with a new value that holds now. */
  changed: ConfigKey[];
  /** Keys with a new value in the file that holds after a restart. */
  needRestart: ConfigKey[];
}

/** Takes the new values that can be taken into the configuration in use; the others stay as they are, and are named. */
export function applyReload(config: Config, next: Config): Reloaded {
  const reloaded: Reloaded = { changed: [], needRestart: [] };
  for (const key of Object.keys(next) as ConfigKey[]) {
    if (JSON.stringify(config[key]) === JSON.stringify(next[key])) continue;
    if (RELOADED_KEYS.includes(key)) {
      Object.assign(config, { [key]: next[key] });
      reloaded.changed.push(key);
    } else reloaded.needRestart.push(key);
  }
  return reloaded;
}
