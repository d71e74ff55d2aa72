// A thread that renders templates. Nothing else runs in it, so the head can end it when a template hangs.
import { parentPort, workerData } from 'node:worker_threads';
import { monotonicNow } from '../clock.ts';
import type { ThreadBasics } from '../thread.ts';
import { answersPing } from '../wake.ts';
import type { HeadSources } from './head-filters.ts';
import { TemplateEngine } from './template-engine.ts';
import type { FromTemplateThread, Started, TemplateSource, ToTemplateThread, Values } from './template-protocol.ts';

const port = parentPort;
if (!port) throw new Error('this file is a thread of muster');
const { pulse, sources, progress } = workerData as ThreadBasics & { sources: HeadSources; progress: Int32Array };
const engine = new TemplateEngine(sources);
/** Milliseconds for which results wait for more: a message costs as much as a small template. */
const GATHER_MS = 100;
const known = new Map<string, Values>();
/** Texts and partials by the digest of the template. */
const bodies = new Map<string, Pick<TemplateSource, 'text' | 'partials'>>();
let shared: Values = {};
let nodes: Values[] = [];

port.on('message', (message: ToTemplateThread) => {
  if (answersPing(message, pulse)) return;
  if (message.kind === 'shared') {
    shared = message.shared ?? shared;
    for (const { uid, value } of message.nodes) known.set(uid, value);
    const present = new Set(message.order);
    for (const uid of known.keys()) if (!present.has(uid)) known.delete(uid);
    nodes = message.order.map(uid => known.get(uid) ?? {});
    return;
  }
  if (message.kind === 'forget-texts') {
    bodies.clear();
    return;
  }
  const { id, values, templates, traced } = message;
  const secretNames = new Set(message.secretNames);
  let outcomes: FromTemplateThread['outcomes'][number][] = [];
  let sent = monotonicNow();
  const send = (): void => {
    port.postMessage({ kind: 'rendered', id, outcomes } satisfies FromTemplateThread);
    outcomes = [];
    sent = monotonicNow();
  };
  for (const [index, { body: given, ...template }] of templates.entries()) {
    const body = given ?? bodies.get(template.digest);
    if (!body) throw new Error(`the thread has no text of ${template.name}`);
    bodies.set(template.digest, body);
    const source = { ...template, ...body };
    // If this thread hangs, the head reads here which template it was in
    Atomics.store(progress, 0, index);
    outcomes.push(engine.render({ source, node: values, shared, nodes, secretNames, traced }));
    if (monotonicNow() - sent >= GATHER_MS) send();
  }
  Atomics.store(progress, 0, 0);
  send();
});
port.postMessage({ kind: 'started' } satisfies Started);
