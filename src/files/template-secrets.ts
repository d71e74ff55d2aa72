// Takes secrets out of the reason why a template of a secret file failed: nodes show it on the screen, and timelines and logs have it.
import { MASK } from '../masking.ts';
import type { NodeValues } from './template-protocol.ts';

/** Returns a reason with stars for the values of secret attributes. */
export function withoutAttributes(
  reason: string,
  { node, secretNames }: { node: NodeValues; secretNames: ReadonlySet<string> },
): string {
  const attributes = (node['attributes'] ?? {}) as Readonly<Record<string, unknown>>;
  let text = reason;
  for (const name of secretNames) {
    const value = Object.hasOwn(attributes, name) ? String(attributes[name]) : '';
    if (value !== '') text = text.replaceAll(value, MASK);
  }
  return text;
}

/**
 * Returns a reason with stars for what it quotes: a filter quotes its value, and the parser the text of the template. Names that it
 * suggests, and those of files of the head, stay.
 */
export function withoutQuoted(reason: string): string {
  if (reason.startsWith('head_file ')) return reason;
  const hint = / did you mean '[^']*'\?$/.exec(reason)?.[0] ?? '';
  return reason.slice(0, reason.length - hint.length).replace(/['"].*['"]/s, MASK) + hint;
}
