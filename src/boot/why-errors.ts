// The rules for reported faults, one for each fault of the table. A new fault does not compile without its rule.
import type { BootEvent } from './boot.ts';
import type { Fault } from './faults.ts';
import type { Case } from './why-case.ts';
import { HEAD_FAULT_RULES } from './why-faults-head.ts';
import { NODE_FAULT_RULES } from './why-faults-node.ts';
import type { ErrorRule } from './why-rules.ts';

export const ERROR_RULES: Readonly<Record<Fault, ErrorRule>> = { ...HEAD_FAULT_RULES, ...NODE_FAULT_RULES };

/** Returns the event that explains an error: the error itself, or an event of the same boot that explains it better. */
export function explained({ boot }: Case, error: BootEvent): BootEvent {
  const because = error.fault === undefined ? [] : (ERROR_RULES[error.fault].because ?? []);
  const better = ({ fault, by }: BootEvent): boolean =>
    fault !== undefined && by === undefined && because.includes(fault);
  return boot.events.findLast(better) ?? error;
}
