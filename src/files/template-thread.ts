// A thread that renders templates. It may hang in one, and is ended then: nothing else runs in it.
import { parentPort, workerData } from 'node:worker_threads';
import type { ThreadBasics } from '../thread.ts';
import { answersPing } from '../wake.ts';
import type { HeadSources } from './head-filters.ts';
import { TemplateEngine } from './template-engine.ts';
import type { FromTemplateThread, Started, TemplateSource, ToTemplateThread, Values } from './template-protocol.ts';

const port = parentPort;
if (!port) throw new Error('this file is a thread of muster');
const { pulse, sources } = workerData as ThreadBasics & { sources: HeadSources };
const engine = new TemplateEngine(sources);
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
  for (const [index, { body: given, ...template }] of templates.entries()) {
    const body = given ?? bodies.get(template.digest) ?? { text: '', partials: {} };
    bodies.set(template.digest, body);
    const source = { ...template, ...body };
    const { result, reads } = engine.render({ source, node: values, shared, nodes, secretNames, traced });
    port.postMessage({ kind: 'rendered', id, index, result, reads } satisfies FromTemplateThread);
  }
});
port.postMessage({ kind: 'started' } satisfies Started);
