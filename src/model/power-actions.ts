// The power actions: who carries each out, and how the node is afterwards. The admin API, the command line and --wait read these rows.

interface PowerRow {
  /** The BMC by the power_uri, or the running system by ssh (and the BMC when that fails); neither for a question. */
  by: 'bmc' | 'system' | 'question';
  /** How the node is when it is done. Only one that ends up has a next boot. */
  ends?: 'up' | 'down';
}

const ROWS = {
  status: { by: 'question' },
  on: { by: 'bmc', ends: 'up' },
  off: { by: 'bmc', ends: 'down' },
  cycle: { by: 'bmc', ends: 'up' },
  reset: { by: 'bmc', ends: 'up' },
  reboot: { by: 'system', ends: 'up' },
  shutdown: { by: 'system', ends: 'down' },
} as const satisfies Record<string, PowerRow>;

export type PowerAction = keyof typeof ROWS;
type By<Who extends PowerRow['by']> = {
  [Name in PowerAction]: (typeof ROWS)[Name]['by'] extends Who ? Name : never;
}[PowerAction];
export type HardAction = By<'bmc'>;
export type SoftAction = By<'system'>;

export const POWER_ACTIONS: Readonly<Record<PowerAction, PowerRow>> = ROWS;
export const POWER_ACTION_NAMES = Object.keys(ROWS) as readonly PowerAction[];

/** Narrows to an action of the running system. */
export function isSoft(action: PowerAction): action is SoftAction {
  return POWER_ACTIONS[action].by === 'system';
}
