// Faults of real nodes: asks `why` until it names one, and nothing else on the way.
import type { ExecutionContext } from 'ava';
import type { Lab } from '../../lab/lab.ts';
import { NODES, type ShownWhy } from '../../src/api/nodes.ts';
import { until } from '../support/until.ts';

/** How long a fault may take to be named, in milliseconds: an emulated machine is slow, and the other processor is busy. */
export const NAMED_MS = 240_000;

export async function muster(lab: Lab, ...words: string[]): Promise<void> {
  const { status, stderr } = await lab.muster(...words);
  if (status !== 0) throw new Error(`muster ${words.join(' ')}: ${stderr}`);
}

export async function whyOf(lab: Lab, index: number): Promise<ShownWhy> {
  const [node] = await lab.client.call(NODES.why, { query: { id: `n${index}` } });
  if (!node) throw new Error(`no node n${index}`);
  return node;
}

/** Asks until the fault is named; any other name on the way is wrong. Then as an administrator sees it. */
export async function isNamed(
  t: ExecutionContext,
  lab: Lab,
  index: number,
  rule: string,
  words: RegExp,
  before: readonly string[] = [],
): Promise<void> {
  const name = `n${index}`;
  let found = await whyOf(lab, index);
  let isFine = true;
  const named = async (): Promise<boolean> => {
    found = await whyOf(lab, index);
    isFine = found.rule === rule || found.verdict === 'waiting' || [...before, 'never-seen'].includes(found.rule);
    return found.rule === rule || !isFine;
  };
  // What it is called when the time is over is reported below, with its console.
  await until(`${name} is called ${rule}`, named, { milliseconds: NAMED_MS, every: 500 }).catch(() => {});
  t.true(isFine, `${name} is called ${found.rule}: ${found.cause}`);
  if (!isFine) return;
  const { status, stdout } = await lab.muster('node', '-i', name, 'why', '--long');
  t.log(stdout.trim());
  t.is(found.rule, rule, `${lab.node(index).serial.tail(15)}\n${stdout}`);
  t.is(status, 1);
  t.regex(stdout, words);
  t.truthy(found.remedy);
  t.true(found.evidence.length > 0);
}
