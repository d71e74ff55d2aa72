// Trees, contents and rendered files of file sets, built for tests.
import { createHash } from 'node:crypto';
import type { RenderedEntry } from '../../src/files/rendered.ts';
import type { FileRules, SetContent, SetEntry } from '../../src/files/set-content.ts';
import type { TemplateEngine } from '../../src/files/template-engine.ts';
import type { Batch, Templates } from '../../src/files/templates.ts';
import type { TreeEntry } from '../../src/files/tree.ts';
import type { RenderSet } from '../../src/files/visible.ts';

const NOTHING = { owner: 'root', group: 'root', content: Buffer.alloc(0), target: '', xattrs: [] };

export function file(path: string, content: string | Buffer, more: Partial<TreeEntry> = {}): TreeEntry {
  return { ...NOTHING, type: 'file', path, mode: 0o644, content: Buffer.from(content as string), ...more };
}

export function folder(path: string, more: Partial<TreeEntry> = {}): TreeEntry {
  return { ...NOTHING, type: 'folder', path, mode: 0o755, ...more };
}

export function link(path: string, target: string): TreeEntry {
  return { ...NOTHING, type: 'link', path, mode: 0o777, target };
}

/** The tree of a set with these settings and further entries. */
export function withSettings(toml: string, ...entries: TreeEntry[]): TreeEntry[] {
  return [file('/.fileset/set.toml', toml), ...entries];
}

const RULES: FileRules = { merge: 'replace', optional: false, secret: false, localEdits: 'replace' };

/** A file of a set as it is used; a path that ends with `.tmpl` is that of a template. */
export function setEntry(
  path: string,
  text: string,
  more: Partial<SetEntry> & { rule?: Partial<FileRules> } = {},
): SetEntry {
  const { rule, ...rest } = more;
  const isTemplate = path.endsWith('.tmpl');
  return {
    ...file(path.replace(/\.tmpl$/, ''), text),
    ...{ isTemplate, rules: { ...RULES, ...rule } },
    ...rest,
  };
}

export function renderSet(name: string, entries: SetEntry[], more: Partial<SetContent> = {}): RenderSet {
  return { name, content: { entries, scripts: [], changes: [], partials: {}, secret: false, ...more } };
}

/** Renders with an engine, without a thread. @param rendered receives the name of each template */
export function withoutThread(engine: TemplateEngine, rendered: string[] = []): Pick<Templates, 'render'> {
  return {
    render: async ({ world, values, secretNames, templates, traced = false }: Batch) =>
      templates.map(source => {
        rendered.push(source.name);
        const request = { source, node: values, shared: world.shared.values, traced };
        const nodes = world.nodes.map(({ value }) => value);
        return engine.render({ ...request, nodes, secretNames: new Set(secretNames) });
      }),
  };
}

export function sha256(content: string | Buffer): string {
  return createHash('sha256').update(content).digest('hex');
}

/** A file, folder or link of a node after rendering. */
export function renderedEntry(path: string, content: string, more: Partial<RenderedEntry> = {}): RenderedEntry {
  const isFile = (more.type ?? 'file') === 'file';
  return {
    ...file(path, content),
    ...{ sha256: isFile ? sha256(content) : '', merge: 'replace' },
    ...{ secret: false, optional: false, keepsLocalEdits: false, origin: { set: 'base', file: path.slice(1) } },
    ...more,
  };
}
