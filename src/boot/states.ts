// The states of a node, defined once: the API, the command line, metrics and texts use them.

/** `local`: left to its own disk by its boot style; muster receives nothing from the system there. */
export const NODE_STATES = ['up', 'down', 'booting', 'failed', 'local', 'unknown'] as const;
export type NodeState = (typeof NODE_STATES)[number];

/** The rank of each state when trouble comes first. */
export const STATE_RANK: Readonly<Record<NodeState, number>> = {
  failed: 0,
  booting: 1,
  down: 2,
  unknown: 3,
  local: 4,
  up: 5,
};

export const STATES_BY_TROUBLE: readonly NodeState[] = [...NODE_STATES].sort(
  (left, right) => STATE_RANK[left] - STATE_RANK[right],
);

/** States in which a node does its job: `node status --check` accepts them. */
export const GOOD_STATES: readonly NodeState[] = ['up', 'local'];

/** `up, down, booting, failed, local or unknown`. */
export const STATE_WORDS = NODE_STATES.join(', ').replace(/, (\w+)$/, ' or $1');

export function isNodeState(text: string): text is NodeState {
  return (NODE_STATES as readonly string[]).includes(text);
}
