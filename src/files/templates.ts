// The threads that render templates, as the head uses them. A thread that hangs is ended, and its template is refused for a while.

import { availableParallelism } from 'node:os';
import { monotonicNow } from '../clock.ts';
import { Crew } from '../crew.ts';
import type { Libc } from '../libc.ts';
import { Thread } from '../thread.ts';
import type { HeadSources } from './head-filters.ts';
import { MOST_TIME } from './template-engine.ts';
import type {
  FromTemplateThread,
  ListedNode,
  NodeValues,
  Read,
  SentTemplate,
  SharedValues,
  Started,
  TemplateResult,
  TemplateSource,
  ToTemplateThread,
} from './template-protocol.ts';

/** One thread could be kept busy by one bad template. */
const MOST = 2;
const THREAD = new URL('./template-thread.js', import.meta.url);
/** Milliseconds after which the head ends a thread, because the thread's own limit failed. */
const PATIENCE = 3 * MOST_TIME;
/** Milliseconds for which a template that hung is refused. */
const BAN = 60_000;
/** Texts of templates that a thread keeps, besides those of its last request. */
const MOST_TEXTS = 1000;
/** Milliseconds between attempts to find a thread, after one has ended. */
const PAUSE = 100;
const MEMORY = { maxOldGenerationSizeMb: 512, maxYoungGenerationSizeMb: 32, stackSizeMb: 4 };

/** The values that all nodes share, and the nodes. */
export interface World {
  shared: SharedValues;
  /** In their order. */
  nodes: readonly ListedNode[];
  /** Identifies `nodes`. */
  nodesDigest: string;
}

export interface Batch {
  world: World;
  values: NodeValues;
  secretNames: readonly string[];
  templates: readonly TemplateSource[];
  traced?: boolean;
}

export interface Outcome {
  result: TemplateResult;
  reads: readonly Read[];
}

export interface TemplatesOptions extends HeadSources {
  /** Receives why a thread ended. */
  failed(reason: string): void;
  patience?: number;
  now?: () => number;
}

export class Templates {
  private readonly crew: Crew<TemplateThread>;
  private readonly options: Required<Omit<TemplatesOptions, keyof HeadSources>>;
  /** When templates that hung are tried again, by digest. */
  private readonly banned = new Map<string, number>();
  private closed = false;

  constructor(libc: Libc, options: TemplatesOptions) {
    const { failed, patience = PATIENCE, now = monotonicNow, ...sources } = options;
    this.options = { failed, patience, now };
    this.crew = new Crew({
      places: Math.min(MOST, availableParallelism()),
      start: () => new TemplateThread(libc, sources, patience),
      report: (_place, reason) => failed(reason),
      now,
    });
  }

  /** Renders templates for one node, in order. A template that fails has its reason in its result. */
  async render(batch: Batch): Promise<Outcome[]> {
    const outcomes: Outcome[] = [];
    let begun = this.options.now();
    while (outcomes.length < batch.templates.length) {
      const rest = batch.templates.slice(outcomes.length);
      const [next] = rest;
      if (!next || this.closed) break;
      if (this.untilBanned(rest) === 0) {
        outcomes.push(hung(next));
        continue;
      }
      const thread = this.thread();
      if (!thread) {
        if (this.options.now() - begun > this.options.patience)
          throw new Error('the head cannot start a thread to render templates; its log says why');
        await new Promise(resolve => setTimeout(resolve, PAUSE));
        continue;
      }
      const sent = rest.slice(0, this.untilBanned(rest));
      const done = await thread.render({ ...batch, templates: sent });
      outcomes.push(...done.outcomes);
      begun = this.options.now();
      for (const [index, { result }] of done.outcomes.entries()) {
        const slow = rest[index];
        if (slow && 'failed' in result && result.failed.mayPass) this.ban(slow);
      }
      const culprit = done.culprit === undefined ? undefined : rest[done.culprit];
      if (culprit) this.ban(culprit);
    }
    if (this.closed) throw new Error('the head stops');
    return outcomes;
  }

  /**
   * Starts the threads and has each render this, so that no boot waits for it: a new thread compiles what it uses, and parses each template
   * once.
   */
  async warm(batch: Batch): Promise<void> {
    while (this.crew.another());
    const threads = this.crew.all.filter(({ isEnding, isFresh }) => isFresh && !isEnding);
    await Promise.all(threads.map(async thread => thread.render(batch)));
  }

  /** Returns how many of the templates come before one that hung. */
  private untilBanned(templates: readonly TemplateSource[]): number {
    const now = this.options.now();
    const at = templates.findIndex(({ digest }) => (this.banned.get(digest) ?? now) > now);
    return at < 0 ? templates.length : at;
  }

  /** Ends the threads; none starts again. */
  close(): void {
    this.closed = true;
    this.crew.close();
    for (const thread of this.crew.all) thread.end();
  }

  private ban({ digest }: TemplateSource): void {
    const now = this.options.now();
    for (const [known, until] of this.banned) if (until <= now) this.banned.delete(known);
    this.banned.set(digest, now + BAN);
  }

  /** Returns the thread with the least to do; starts another while all are busy. */
  private thread(): TemplateThread | undefined {
    const [least] = this.crew.all.filter(({ isEnding }) => !isEnding).sort((left, right) => left.load - right.load);
    return (least?.load === 0 ? undefined : this.crew.another()) ?? least;
  }
}

function hung({ name }: TemplateSource): Outcome {
  const reason = `the template takes more than ${MOST_TIME / 1000} s or too much memory`;
  return { result: { failed: { template: name, line: 0, column: 0, reason } }, reads: [] };
}

interface Work {
  outcomes: Outcome[];
  count: number;
  resolve(done: Done): void;
}

interface Done {
  outcomes: Outcome[];
  /** The template in which the thread ended, by its place in the request. */
  culprit?: number;
}

class TemplateThread {
  readonly gone: Promise<string>;
  isEnding = false;
  private isStarted = false;
  private readonly thread: Thread<ToTemplateThread, FromTemplateThread | Started>;
  private readonly work = new Map<number, Work>();
  private readonly patience: number;
  /** What the thread knows: digests by the UID of the node. */
  private readonly sent = new Map<string, string>();
  /** Digests of the templates whose text the thread has. */
  private readonly texts = new Set<string>();
  /** One shared number: the place of the template that the thread renders. */
  private readonly progress = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  private sentNodes = '';
  private sentShared = '';
  private timer: NodeJS.Timeout | undefined;
  private lastId = 0;

  constructor(libc: Libc, sources: HeadSources, patience: number) {
    this.patience = patience;
    const spec = {
      program: THREAD,
      name: 'muster-templates',
      data: { sources, progress: this.progress },
      memory: MEMORY,
    };
    this.thread = new Thread(libc, spec, message => this.hear(message));
    this.gone = this.thread.gone.then(reason => {
      this.isEnding = true;
      clearTimeout(this.timer);
      // The thread works in the order of the requests: it ended in the first one
      for (const [index, { outcomes, resolve }] of [...this.work.values()].entries())
        resolve({ outcomes, ...(index === 0 && { culprit: Atomics.load(this.progress, 0) }) });
      this.work.clear();
      return reason;
    });
  }

  /** Whether it is still waiting for its first request. */
  get isFresh(): boolean {
    return this.lastId === 0;
  }

  get load(): number {
    return this.work.size;
  }

  async render({ world, values, secretNames, templates, traced = false }: Batch): Promise<Done> {
    this.share(world);
    // Before any text of this request counts as known
    if (this.texts.size + templates.length > MOST_TEXTS) this.forgetTexts();
    this.lastId += 1;
    const id = this.lastId;
    const done = new Promise<Done>(resolve => this.work.set(id, { outcomes: [], count: templates.length, resolve }));
    this.thread.say({
      kind: 'render',
      id,
      values,
      secretNames,
      templates: templates.map(one => this.withText(one)),
      traced,
    });
    if (this.work.size === 1) this.watch();
    return done;
  }

  end(): void {
    this.isEnding = true;
    this.thread.end();
  }

  /** Sends what has changed since the last request. */
  private share({ shared, nodes, nodesDigest }: World): void {
    if (this.sentShared === shared.digest && this.sentNodes === nodesDigest) return;
    const changed = nodes.filter(({ uid, digest }) => this.sent.get(uid) !== digest);
    const order = nodes.map(({ uid }) => uid);
    this.thread.say({
      kind: 'shared',
      ...(this.sentShared !== shared.digest && { shared: shared.values }),
      nodes: changed,
      order,
    });
    this.sent.clear();
    for (const { uid, digest } of nodes) this.sent.set(uid, digest);
    this.sentShared = shared.digest;
    this.sentNodes = nodesDigest;
  }

  /** Returns a template to send, without a text that the thread already has. */
  private withText({ text, partials, ...template }: TemplateSource): SentTemplate {
    if (this.texts.has(template.digest)) return template;
    this.texts.add(template.digest);
    return { ...template, body: { text, partials } };
  }

  private forgetTexts(): void {
    this.texts.clear();
    this.thread.say({ kind: 'forget-texts' });
  }

  private hear(message: FromTemplateThread | Started): void {
    if (message.kind === 'started') {
      this.isStarted = true;
      this.thread.unref();
      this.watch();
      return;
    }
    const { id, outcomes } = message;
    const work = this.work.get(id);
    if (!work) return;
    work.outcomes.push(...outcomes);
    if (work.outcomes.length >= work.count) {
      this.work.delete(id);
      work.resolve({ outcomes: work.outcomes });
    }
    this.watch();
  }

  /** Ends the thread unless it answers in time. */
  private watch(): void {
    clearTimeout(this.timer);
    // A busy head takes a while to start a thread
    if (this.work.size === 0 || !this.isStarted) return;
    this.timer = setTimeout(() => this.end(), this.patience);
  }
}
