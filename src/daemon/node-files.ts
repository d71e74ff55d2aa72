// The files of each node as its file sets give them: rendered when it boots, and kept while nothing that they depend on changes.
import type { PlannedFiles } from '../boot/boot-plan.ts';
import { type HiddenFile, hiddenFiles } from '../files/hidden.ts';
import { type RenderPorts, sourceOf } from '../files/made.ts';
import { renderFiles } from '../files/render.ts';
import type { LeftOut, Rendered } from '../files/rendered.ts';
import type { SetContent } from '../files/set-content.ts';
import { shippedSet } from '../files/shipped.ts';
import type { Templates } from '../files/templates.ts';
import { type TracedFile, traceFile } from '../files/trace.ts';
import { TemplateValues, type ValuePorts } from '../files/values.ts';
import { type RenderSet, visibleEntries } from '../files/visible.ts';
import { Latest } from '../latest.ts';
import type { Cluster, Entry } from '../model/cluster.ts';
import { fileSetsOf } from '../model/file-sets.ts';
import type { Refused } from '../refused.ts';
import type { RenderedFiles } from './rendered-files.ts';

/** Milliseconds for which a result is used without another look at the files of the head. */
const REUSE_MS = 30_000;
/** Contents of sets that are kept in memory. */
const MOST_CONTENTS = 256;

export interface NodeFilesPorts extends Omit<ValuePorts, 'cluster'>, Omit<RenderPorts, 'templates'> {
  templates: Pick<Templates, 'render' | 'warm'>;
  store: RenderedFiles;
  /** Reads the content of a set; throws with the reason. */
  content(stored: { sha256: string }, name: string): Promise<SetContent>;
  /** Milliseconds of a steady clock. */
  now(): number;
}

/** A set of a node, with the group or node that names it. */
export interface NamedSet {
  name: string;
  source: string;
}

/** The files of a node, as far as they are not secret. */
export interface NodeFileList {
  sets: readonly NamedSet[];
  leftOutSets: readonly (NamedSet & { by: string })[];
  hidden: readonly HiddenFile[];
  leftOut: readonly LeftOut[];
  rendered: Rendered;
}

interface Known {
  sequence: number;
  hardware: string;
  at: number;
  answer: Promise<FilesAnswer>;
  /** The digest of the index, when there is an answer. */
  index?: string;
}

export type FilesAnswer = { files?: PlannedFiles } | Refused;

export class NodeFiles {
  private readonly ports: NodeFilesPorts;
  private readonly values = new WeakMap<Cluster, TemplateValues>();
  private readonly contents = new Latest<string, Promise<SetContent>>(MOST_CONTENTS);
  private readonly known = new WeakMap<Cluster, Map<string, Known>>();

  constructor(ports: NodeFilesPorts) {
    this.ports = ports;
  }

  /** Renders the files of a node and keeps them for its boot; none without file sets. Refuses with set, file, line and reason. */
  async planned(cluster: Cluster, uid: string): Promise<FilesAnswer> {
    const node = cluster.get('node', uid);
    if (!node) return { refused: 'the node was deleted' };
    const now = this.ports.now();
    const hardware = JSON.stringify(this.ports.hardware(uid));
    const nodes = this.known.get(cluster) ?? new Map<string, Known>();
    this.known.set(cluster, nodes);
    const before = nodes.get(uid);
    const isSame = before?.sequence === cluster.sequence && before.hardware === hardware && now - before.at < REUSE_MS;
    if (isSame) return before.answer;
    const answer = this.plan(cluster, node);
    const next: Known = { sequence: cluster.sequence, hardware, at: now, answer };
    nodes.set(uid, next);
    // A thread may have ended, or a content was unreadable: the next request tries again
    const given = await answer.catch((error: unknown) => {
      nodes.delete(uid);
      throw error;
    });
    if ('refused' in given) nodes.delete(uid);
    else if (given.files) next.index = given.files.index;
    return given;
  }

  hostKeys(uid: string): string[] {
    return Object.values(this.ports.hostKeys?.(uid) ?? {}).map(key => key.public);
  }

  /** The store of the indexes and contents. */
  get store(): RenderedFiles {
    return this.ports.store;
  }

  /** Returns the digests of the indexes that nodes have now. */
  indexes(cluster: Cluster): string[] {
    return Array.from(this.known.get(cluster)?.values() ?? [], ({ index }) => index ?? []).flat();
  }

  async content(sha256: string): Promise<Buffer | undefined> {
    return this.ports.store.get(sha256);
  }

  /** Forgets what is kept of a node that was deleted. */
  forget(cluster: Cluster, uid: string): void {
    this.known.get(cluster)?.delete(uid);
  }

  /** Prepares what the renderings of all nodes share; does nothing while no node has file sets. */
  async warm(cluster: Cluster): Promise<void> {
    const first = cluster.all('node').find(({ value }) => {
      const found = fileSetsOf(cluster, value);
      return 'sets' in found && found.sets.length > 0;
    });
    const sets = first && (await this.setsOf(cluster, first).catch(() => undefined));
    if (!sets || 'refused' in sets) return;
    const values = this.valuesOf(cluster);
    await values.ready();
    const templates = visibleEntries(sets.contents).flatMap(one => (one.entry.isTemplate ? [sourceOf(one)] : []));
    await this.ports.templates.warm({ world: values.world(), ...values.of(first), templates });
    // A file over all nodes is rendered once for all
    await this.prepare(cluster, first.uid);
  }

  /** Renders the files of a node before its boot needs them; returns whether there is room for those of more nodes. */
  async prepare(cluster: Cluster, uid: string): Promise<boolean> {
    const node = cluster.get('node', uid);
    if (!node) return true;
    // What fails is reported when the node boots
    const sets = await this.setsOf(cluster, node).catch(() => undefined);
    if (sets && 'contents' in sets)
      await renderFiles(sets.contents, node, this.valuesOf(cluster), this.ports).catch(() => undefined);
    return this.ports.cache.hasRoom;
  }

  /** Returns the files of a node with their sets; undefined without file sets. */
  async list(cluster: Cluster, node: Entry<'node'>): Promise<NodeFileList | Refused | undefined> {
    const sets = await this.setsOf(cluster, node);
    if (!sets || 'refused' in sets) return sets;
    const rendered = await renderFiles(sets.contents, node, this.valuesOf(cluster), this.ports);
    if ('refused' in rendered) return rendered;
    const hidden = hiddenFiles(sets.contents);
    return { sets: sets.named, leftOutSets: sets.leftOut, hidden, leftOut: rendered.leftOut, rendered };
  }

  /** Returns one file of a node, line by line with its origins; undefined when no set has it. */
  async trace(cluster: Cluster, node: Entry<'node'>, path: string): Promise<TracedFile | Refused | undefined> {
    const sets = await this.setsOf(cluster, node);
    if (!sets || 'refused' in sets) return sets;
    return traceFile(sets.contents, node, this.valuesOf(cluster), this.ports, path);
  }

  /** @param other contents that sets would have, by their names */
  async tried(
    cluster: Cluster,
    node: Entry<'node'>,
    other: ReadonlyMap<string, SetContent>,
  ): Promise<Rendered | Refused | undefined> {
    const sets = await this.setsOf(cluster, node, other);
    if (!sets || 'refused' in sets) return sets;
    return renderFiles(sets.contents, node, this.valuesOf(cluster), this.ports);
  }

  private async plan(cluster: Cluster, node: Entry<'node'>): Promise<FilesAnswer> {
    const sets = await this.setsOf(cluster, node);
    if (!sets) return {};
    if ('refused' in sets) return sets;
    const rendered = await renderFiles(sets.contents, node, this.valuesOf(cluster), this.ports);
    if ('refused' in rendered) return rendered;
    const { index, size, secret } = await this.ports.store.put(rendered);
    const beforeRoot = rendered.scripts.some(({ stage }) => stage === 'before-root');
    const names = sets.named.map(({ name }) => name);
    return { files: { index, size, secret, ...(beforeRoot && { beforeRoot }), sets: names } };
  }

  private async setsOf(
    cluster: Cluster,
    node: Entry<'node'>,
    other: ReadonlyMap<string, SetContent> = new Map(),
  ): Promise<
    { named: NamedSet[]; leftOut: readonly (NamedSet & { by: string })[]; contents: RenderSet[] } | Refused | undefined
  > {
    const found = fileSetsOf(cluster, node.value);
    if ('refused' in found) return found;
    const named = found.sets.map(({ name, source }) => ({ name, source }));
    if (named.length === 0) return undefined;
    const contents: RenderSet[] = [];
    for (const { name, set } of found.sets) {
      const content = other.get(name) ?? (set ? await this.storedContent(set) : (await shippedSet(name))?.content);
      if (content) contents.push({ name, content });
    }
    return { named, leftOut: found.leftOut, contents };
  }

  private async storedContent({ value: { name, content } }: Entry<'files'>): Promise<SetContent | undefined> {
    if (!content) return undefined;
    const { sha256 } = content;
    const read = this.contents.get(sha256) ?? this.ports.content(content, name);
    this.contents.set(sha256, read);
    try {
      return await read;
    } catch (error) {
      this.contents.delete(sha256);
      throw error;
    }
  }

  private valuesOf(cluster: Cluster): TemplateValues {
    const known = this.values.get(cluster);
    if (known) return known;
    const values = new TemplateValues({ ...this.ports, cluster });
    this.values.set(cluster, values);
    return values;
  }
}
