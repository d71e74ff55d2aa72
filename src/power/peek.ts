// Whether machines are on, for callers that do not wait: recent readings, and one query to the other BMCs.
import { setTimeout as delay } from 'node:timers/promises';
import type { PoweredNode } from './powered-node.ts';

/** Whether a machine is on, or why that is unknown. */
export type PowerKnown = { state: 'on' | 'off' } | { problem: string };

/** How long a BMC's reading counts as current, in milliseconds. */
const FRESH_MS = 5000;
/** Answers are cached and evicted oldest first; nodes. */
const MOST_KNOWN = 20_000;

interface Known {
  uri: string;
  /** Milliseconds of the clock. */
  until: number;
  answer: Promise<PowerKnown>;
}

export class PowerPeek {
  private readonly ask: (node: PoweredNode) => Promise<PowerKnown>;
  private readonly now: () => number;
  /** Recent answers, by the node's UID. */
  private readonly known = new Map<string, Known>();

  /** @param ask queries each BMC of a node once; never rejects */
  constructor(ask: (node: PoweredNode) => Promise<PowerKnown>, now: () => number) {
    this.ask = ask;
    this.now = now;
  }

  /** Returns a recent answer, or a new one. After `limitMs` it returns `problem`; a later answer is there for the next caller. */
  async of(node: PoweredNode, limitMs: number): Promise<PowerKnown> {
    const timer = new AbortController();
    const late = delay(limitMs, undefined, { signal: timer.signal, ref: false }).then(
      (): PowerKnown => ({ problem: `its BMC did not answer in ${Number((limitMs / 1000).toFixed(2))} s` }),
    );
    late.catch(() => {});
    try {
      return await Promise.race([this.answer(node), late]);
    } finally {
      timer.abort();
    }
  }

  private answer(node: PoweredNode): Promise<PowerKnown> {
    const known = this.known.get(node.uid);
    if (known && known.until >= this.now() && known.uri === node.powerUri) return known.answer;
    const asked: Known = { uri: node.powerUri, until: Number.POSITIVE_INFINITY, answer: this.ask(node) };
    void asked.answer.then(() => {
      asked.until = this.now() + FRESH_MS;
    });
    if (this.known.size >= MOST_KNOWN) this.known.clear();
    this.known.set(node.uid, asked);
    return asked.answer;
  }
}
