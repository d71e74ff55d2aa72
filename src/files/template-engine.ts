// Renders one template: LiquidJS, strict and bounded. It runs in a thread, which the head ends when a bound fails.

import { Context, Liquid, LiquidError, type Template, toValueSync } from 'liquidjs';
import { monotonicNow } from '../clock.ts';
import { nearest } from '../nearest.ts';
import { type HeadSources, headFilters } from './head-filters.ts';
import { FileEmitter, type Position } from './template-emitter.ts';
import { FILTERS, REMOVED_FILTERS } from './template-filters.ts';
import type { NodeValues, Read, TemplateFailure, TemplateResult, TemplateSource, Values } from './template-protocol.ts';
import { Reads, scopeOf, unknownText } from './template-scope.ts';
import { withoutAttributes, withoutQuoted } from './template-secrets.ts';
import { REMOVED_TAGS, type TagState, tagsFor } from './template-tags.ts';

/** Characters of a template. */
const MOST_SOURCE = 1024 * 1024;
/** Elements and characters that filters and ranges may make in one template. */
const MOST_MEMORY = 16 * 1024 * 1024;
/** Milliseconds of one template. */
export const MOST_TIME = 2000;
/** How deep partials and blocks may be nested. */
const MOST_DEPTH = 100;
/** Parsed templates that are kept. */
const MOST_PARSED = 1000;
/** The message of LiquidJS. */
const OUT_OF_TIME = /template render limit/;

interface Running extends TagState {
  source: TemplateSource;
  nodeUid: string;
  reads: Reads;
  position: Position;
  depth: number;
  traced: boolean;
}

export interface RenderRequest {
  source: TemplateSource;
  node: NodeValues;
  shared: Values;
  nodes: readonly Values[];
  secretNames: ReadonlySet<string>;
  traced: boolean;
}

export class TemplateEngine {
  private readonly liquid: Liquid;
  private readonly parsed = new Map<string, Template[]>();
  private running: Running | undefined;

  /** @param sources of the head, for filters */
  constructor(sources: HeadSources, mostTime = MOST_TIME) {
    this.liquid = this.strictLiquid(mostTime);
    for (const name of REMOVED_FILTERS) this.liquid.unregisterFilter(name);
    for (const name of REMOVED_TAGS) delete this.liquid.tags[name];
    for (const [name, tag] of Object.entries(tagsFor(() => this.current))) this.liquid.registerTag(name, tag);
    for (const [name, filter] of Object.entries(FILTERS)) this.liquid.registerFilter(name, filter);
    const filters = headFilters(sources, () => {
      const { source, nodeUid, reads } = this.current;
      return { secret: source.secret, nodeUid, note: (name, identity) => reads.note(name, identity) };
    });
    for (const [name, filter] of Object.entries(filters)) this.liquid.registerFilter(name, filter);
    // Partials and blocks render through it, so that each step knows its line and its depth
    const plain = this.liquid.renderer;
    const step = (templates: Template[], context: Context, emitter?: FileEmitter) =>
      this.step(templates, context, emitter);
    Object.assign(this.liquid, {
      renderer: Object.assign(Object.create(plain) as typeof plain, { renderTemplates: step }),
    });
  }

  render(request: RenderRequest): { result: TemplateResult; reads: Read[] } {
    const reads = new Reads();
    const running = runningOf(request, reads);
    this.running = running;
    try {
      const scope = scopeOf({ ...request, secret: request.source.secret, reads });
      const templates = this.parse(request.source);
      const context = new Context({}, this.liquid.options, { globals: scope, sync: true }, { liquid: this.liquid });
      const emitter = running.newEmitter();
      toValueSync(this.step(templates, context, emitter));
      const written = { ...emitter.result(), ...(running.isBase64 && { isBase64: true }) };
      const main = running.skipped ? {} : { main: written };
      return { result: { ...main, further: running.further }, reads: [...reads.all.values()] };
    } catch (error) {
      return { result: { failed: this.failureOf(error, request) }, reads: [...reads.all.values()] };
    } finally {
      this.running = undefined;
    }
  }

  private strictLiquid(renderLimit: number): Liquid {
    const partial = (name: string): string | undefined => {
      const { partials } = this.current.source;
      return Object.hasOwn(partials, name) ? partials[name] : undefined;
    };
    const read = (name: string): string => partial(name) ?? '';
    return new Liquid({
      strictVariables: true,
      strictFilters: true,
      lenientIf: true,
      ownPropertyOnly: true,
      jsTruthy: false,
      relativeReference: false,
      trimTagRight: false,
      parseLimit: MOST_SOURCE,
      memoryLimit: MOST_MEMORY,
      renderLimit,
      // Partials come from the set alone: no name reaches a file system
      root: [''],
      fs: {
        readFileSync: read,
        readFile: async name => read(name),
        existsSync: name => partial(name) !== undefined,
        exists: async name => partial(name) !== undefined,
        containsSync: () => true,
        contains: async () => true,
        resolve: (_folder, name) => name,
        dirname: () => '',
        sep: '/',
      },
    });
  }

  private get current(): Running {
    if (!this.running) throw new Error('no template is being rendered');
    return this.running;
  }

  private parse({ name, text, digest }: TemplateSource): Template[] {
    const key = `${name} ${digest}`;
    const known = this.parsed.get(key);
    const templates = known ?? this.liquid.parse(text, name);
    this.parsed.delete(key);
    this.parsed.set(key, templates);
    if (this.parsed.size > MOST_PARSED) this.parsed.delete(this.parsed.keys().next().value ?? '');
    return templates;
  }

  /** Replaces `Render.renderTemplates` of LiquidJS, which each tag calls for what is inside it. */
  private *step(templates: Template[], context: Context, given?: FileEmitter): Generator<unknown, string, unknown> {
    const running = this.current;
    const emitter = given ?? new FileEmitter(running.position);
    running.depth += 1;
    if (running.depth > MOST_DEPTH)
      throw new Error(`partials and blocks are nested more than ${MOST_DEPTH} deep; does a partial render itself?`);
    for (const template of templates) {
      context.renderLimit.check(monotonicNow());
      const { file, begin, input } = template.token;
      const before = { ...running.position };
      running.position.template = nameOf(file, running.source);
      if (running.traced) running.position.line = lineAt(input, begin);
      try {
        const html = yield template.render(context, emitter);
        if (html) emitter.write(html);
      } catch (error) {
        throw LiquidError.is(error) || error instanceof PlacedError ? error : new PlacedError(error, template);
      }
      running.position.template = before.template;
      running.position.line = before.line;
      if (context.breakCalled || context.continueCalled) break;
    }
    running.depth -= 1;
    return emitter.buffer;
  }

  private failureOf(error: unknown, request: RenderRequest): TemplateFailure {
    const { source } = request;
    const { token, reason } = causeOf(error);
    const [line = 0, column = 0] = token?.getPosition() ?? [];
    const found = this.wordsOf(reason, request);
    const words = source.secret ? withoutAttributes(found, request) : found;
    const template = token?.file === undefined ? this.current.position.template : nameOf(token.file, source);
    // A busy head may have been the cause
    const mayPass = OUT_OF_TIME.test(reason) && { mayPass: true as const };
    return { template, line, column, reason: words, ...mayPass };
  }

  /** Returns the reason in the words of muster. */
  private wordsOf(reason: string, request: RenderRequest): string {
    const { node, shared } = request;
    const [, kind, name = ''] =
      /^(undefined variable|undefined filter|tag|unexpected token|ENOENT)[: ]+"?([^"]*)"?/.exec(reason) ?? [];
    if (kind === 'undefined variable') return undefinedText(name, node, shared);
    if (kind === 'undefined filter') return `the filter ${unknownText(name, Object.keys(this.liquid.filters))}`;
    if (kind === 'tag' && reason.endsWith('not found'))
      return `the tag ${unknownText(name, Object.keys(this.liquid.tags))}`;
    if (kind === 'ENOENT') {
      const partial = /"([^"]*)"/.exec(reason)?.[1] ?? '';
      const known = Object.keys(this.current.source.partials);
      return `the partial ${unknownText(partial, known)}; partials are files of the set below .fileset/partials`;
    }
    if (OUT_OF_TIME.test(reason)) return `the template takes more than ${MOST_TIME / 1000} s`;
    if (/memory alloc limit/.test(reason)) return 'the template makes too large lists or texts';
    if (/parse length limit/.test(reason)) return `the template is larger than ${MOST_SOURCE / 1024 / 1024} MiB`;
    if (/Maximum call stack/.test(reason)) return 'tags or brackets are nested too deep';
    return request.source.secret ? withoutQuoted(reason) : reason;
  }
}

/** An error with the template in which it occurred; LiquidJS's own class joins place and reason into one text. */
class PlacedError extends Error {
  readonly token: Template['token'];

  constructor(error: unknown, { token }: Template) {
    super(error instanceof Error ? error.message : String(error), { cause: error });
    this.token = token;
  }
}

type Placed = { token?: { file?: string | undefined; getPosition(): number[] }; reason: string };

function causeOf(error: unknown): Placed {
  if (error instanceof PlacedError) return { ...causeOf(error.cause), token: error.token };
  if (!LiquidError.is(error)) return { reason: error instanceof Error ? error.message : String(error) };
  // The original message; that of the error has the place at its end
  const reason = error.originalError?.message ?? error.message.replace(/, (?:file:.*, )?line:\d+, col:\d+$/s, '');
  return { token: error.token, reason };
}

function runningOf({ source, node, traced }: RenderRequest, reads: Reads): Running {
  const position: Position = { template: source.name, line: 1, written: 0 };
  const newEmitter = (): FileEmitter => new FileEmitter(position, traced ? reads : undefined);
  const { uid = '' } = (node['node'] ?? {}) as Values;
  const state = { further: [], skipped: false, isBase64: false };
  return { source, nodeUid: String(uid), reads, position, depth: 0, traced, newEmitter, ...state };
}

function nameOf(file: string | undefined, source: TemplateSource): string {
  if (file === undefined || file === source.name) return source.name;
  return `${source.name.split(':')[0] ?? ''}:.fileset/partials/${file}`;
}

/** Returns the line, from 1, of an offset in a text. */
function lineAt(input: string, offset: number): number {
  let line = 1;
  for (let at = input.indexOf('\n'); at >= 0 && at < offset; at = input.indexOf('\n', at + 1)) line += 1;
  return line;
}

function undefinedText(name: string, node: NodeValues, shared: Values): string {
  const [table = '', ...keys] = name.split('.');
  const values = { ...shared, ...node }[table];
  if (values && typeof values === 'object' && !Array.isArray(values) && keys.length === 1) {
    const missing = table === 'attributes' ? 'the node has no such attribute' : 'it has no value for this node';
    const near = nearest(keys[0] ?? '', Object.keys(values));
    return `${name} is unknown: ${near === undefined ? `${missing}; use if or the filter default` : `did you mean '${table}.${near}'?`}`;
  }
  // A variable of the template, such as that of a loop over nodes
  const last = keys.at(-1) ?? table;
  const fields = [...Object.keys({ ...shared, ...node }), ...Object.keys(node['node'] ?? {})];
  const near = nearest(last, fields);
  return `${name} is unknown${near === undefined ? '' : `; did you mean '${[table, ...keys].slice(0, -1).concat(near).join('.')}'?`}`;
}
