// Bodies of power and exec requests, read strictly: a wrong word must not switch anything.
import { MusterError } from '../errors.ts';
import { isSoft, POWER_ACTION_NAMES, POWER_ACTIONS } from '../model/power-actions.ts';
import type { PowerRequest } from '../power/control.ts';
import type { ExecRequest } from '../ssh/exec.ts';
import { objectBody } from './requests.ts';

export const POWER_BODY = {
  type: 'object',
  properties: {
    action: { enum: POWER_ACTION_NAMES },
    way: { enum: ['soft', 'hard'], description: 'of reboot and shutdown; soft and then hard when not given' },
    next: { enum: ['pxe', 'disk'], description: 'where the next boot is from, once' },
    stagger: { type: 'number', description: 'seconds between two machines that are switched on' },
    wait: { type: 'boolean', description: 'whether to wait until the nodes are up' },
    timeout: { type: 'number', description: 'seconds to wait at most; 1800 when not given' },
  },
  required: ['action'],
};

export const EXEC_BODY = {
  type: 'object',
  properties: {
    command: { type: 'string', description: 'a command line for the shell of root on each node' },
    input: { type: 'string', description: 'standard input for each, as Base64' },
    fanout: { type: 'integer', description: 'nodes at the same time' },
    timeout: { type: 'number', description: 'seconds for each node; no limit when not given' },
  },
  required: ['command'],
};

export function readPower(body: unknown): PowerRequest & { wait: boolean; timeoutMs: number } {
  const given = objectBody(body);
  const action = oneOf(given, 'action', POWER_ACTION_NAMES);
  if (action === undefined)
    throw new MusterError('bad-usage', `action must be one of ${POWER_ACTION_NAMES.join(', ')}.`);
  const way = oneOf(given, 'way', ['soft', 'hard'] as const);
  const next = oneOf(given, 'next', ['pxe', 'disk'] as const);
  if (way && !isSoft(action))
    throw new MusterError('bad-usage', `'way' goes with reboot and shutdown, not with ${action}.`);
  if (next && POWER_ACTIONS[action].ends !== 'up')
    throw new MusterError('bad-usage', `'next' makes no sense with ${action}: there is no next boot.`);
  const stagger = numberOf(given, 'stagger', 0, 3600);
  return {
    action,
    ...(way && { way }),
    ...(next && { next }),
    ...(stagger !== undefined && { stagger }),
    wait: given['wait'] === true,
    timeoutMs: (numberOf(given, 'timeout', 1, 86_400) ?? 1800) * 1000,
  };
}

export function readExec(body: unknown, fanout: number): ExecRequest {
  const given = objectBody(body);
  const { command, input } = given;
  if (typeof command !== 'string' || command.trim() === '')
    throw new MusterError('bad-usage', 'command must be the command line to run.');
  if (command.length > 100_000 || command.includes('\0'))
    throw new MusterError(
      'bad-usage',
      'command must have 100000 characters at most, and none of them 0; give more with standard input.',
    );
  if (input !== undefined && typeof input !== 'string') throw new MusterError('bad-usage', 'input must be Base64.');
  const timeout = numberOf(given, 'timeout', 0.1, 86_400 * 30);
  return {
    command,
    fanout: Math.max(1, Math.floor(numberOf(given, 'fanout', 0, 1024) ?? fanout)),
    ...(input !== undefined && { input: Buffer.from(input, 'base64') }),
    ...(timeout !== undefined && { timeoutMs: timeout * 1000 }),
  };
}

function oneOf<T extends string>(given: Record<string, unknown>, name: string, words: readonly T[]): T | undefined {
  const value = given[name];
  if (value === undefined) return undefined;
  const found = words.find(word => word === value);
  if (found === undefined) throw new MusterError('bad-usage', `${name} must be one of ${words.join(', ')}.`);
  return found;
}

function numberOf(given: Record<string, unknown>, name: string, least: number, most: number): number | undefined {
  const value = given[name];
  if (value === undefined) return undefined;
  if (typeof value === 'number' && value >= least && value <= most) return value;
  throw new MusterError('bad-usage', `${name} must be a number from ${least} to ${most}.`);
}
