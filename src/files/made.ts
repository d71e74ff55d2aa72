// The results of a node's templates: cached ones, and those that must be rendered. A result that several nodes need is rendered once.
import { createHash } from 'node:crypto';
import { type HeadSources, headIdentity } from './head-filters.ts';
import { type Identify, type Made, madeOf, type ResultCache } from './result-cache.ts';
import type { SetEntry } from './set-content.ts';
import type { TemplateSource } from './template-protocol.ts';
import type { Templates, World } from './templates.ts';
import { readValue, type Subject } from './values.ts';
import type { Visible } from './visible.ts';

export interface RenderPorts extends Omit<HeadSources, 'key'> {
  templates: Pick<Templates, 'render'>;
  cache: ResultCache;
}

/** Returns a template as the thread needs it. */
export function sourceOf({ set, entry, partials }: Visible): TemplateSource {
  const name = `${set}:${entry.path}.tmpl`;
  const known = sources.get(entry);
  if (known?.name === name) return known;
  const source = {
    name,
    text: entry.content.toString(),
    digest: digestOf(entry, partials),
    secret: entry.rules.secret,
    partials,
  };
  sources.set(entry, source);
  return source;
}

/** An entry belongs to one content, and never changes. */
const sources = new WeakMap<SetEntry, TemplateSource>();

/** Equal for templates that give equal results. */
function digestOf({ content }: SetEntry, partials: Readonly<Record<string, string>>): string {
  return createHash('sha256').update(content).update(JSON.stringify(partials)).digest('hex');
}

interface Wanted {
  one: Visible;
  source: TemplateSource;
}

/** Returns what identifies the secret attributes among a read, which only templates of secret files may have. */
function hiddenBy(read: string, secretNames: ReadonlySet<string>): string {
  if (read === 'attributes') return [...secretNames].map(name => `\0${name}`).join('');
  const [, name = ''] = /^attributes\.(.*)$/s.exec(read) ?? [];
  return secretNames.has(name) ? '\0hidden' : '';
}

/** Returns the result of each template. */
export async function madeFiles(
  visible: readonly Visible[],
  { world, subject }: { world: World; subject: Subject },
  ports: RenderPorts,
): Promise<Map<Visible, Made>> {
  const known = new Map<string, string>();
  // Templates of a node read the same values
  const identityOf = (read: string): string => {
    const value = known.get(read) ?? readValue(read, world, subject);
    known.set(read, value);
    return value;
  };
  const secret = new Set(subject.secretNames);
  const identifyFor = ({ source }: Wanted): Identify => {
    // A cached result may contain an attribute that has become secret since
    const hidden = (read: string): string => (source.secret ? '' : hiddenBy(read, secret));
    return read => headIdentity(read, ports) ?? identityOf(read) + hidden(read);
  };
  const made = new Map<Visible, Made>();
  let left = visible.flatMap(one => (one.entry.isTemplate ? [{ one, source: sourceOf(one) }] : []));
  while (left.length > 0) {
    const claimed: Wanted[] = [];
    const ends: (() => void)[] = [];
    const others: Promise<void>[] = [];
    const waiting: Wanted[] = [];
    try {
      for (const wanted of left) {
        const found = await ports.cache.find(wanted.source, identifyFor(wanted));
        if ('made' in found) {
          made.set(wanted.one, found.made);
          continue;
        }
        const claim = ports.cache.claim(found.missing);
        if (typeof claim === 'function') ends.push(claim);
        else others.push(claim);
        (typeof claim === 'function' ? claimed : waiting).push(wanted);
      }
      await make(claimed, { world, subject, identifyFor, made }, ports);
    } finally {
      // Before it waits for others, which may wait for these
      for (const end of ends) end();
    }
    await Promise.all(others);
    left = waiting;
  }
  return made;
}

async function make(
  claimed: readonly Wanted[],
  {
    world,
    subject,
    identifyFor,
    made,
  }: { world: World; subject: Subject; identifyFor(wanted: Wanted): Identify; made: Map<Visible, Made> },
  { templates, cache }: RenderPorts,
): Promise<void> {
  if (claimed.length === 0) return;
  const { values, secretNames } = subject;
  const request = { world, values, secretNames, templates: claimed.map(({ source }) => source) };
  const outcomes = await templates.render(request);
  for (const [index, wanted] of claimed.entries()) {
    const { one, source } = wanted;
    const outcome = outcomes[index];
    if (!outcome) continue;
    const result = madeOf(outcome.result);
    made.set(one, result);
    // A failure without a line means that the thread was ended
    const isFinal = !('failed' in result) || (result.failed.line > 0 && !result.failed.mayPass);
    if (isFinal) await cache.keep(source, outcome.reads, result, identifyFor(wanted));
  }
}
