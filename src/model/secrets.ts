// Which parts of objects are secret: by the marks in the table of kinds, by name, or because a power_uri uses them as a password.
import { isSecretName, MASK, maskPassword, maskUrls } from '../masking.ts';
import { effectiveAttributes, type Inherited } from './attributes.ts';
import type { Cluster } from './cluster.ts';
import { type FieldMeta, fieldsOf, type Kind, type Value } from './kinds.ts';
import { attributesIn, PLACEHOLDER } from './power-template.ts';
import { readPowerUri, secretOptions, splitPowerUris } from './power-uri.ts';

const known = new WeakMap<Cluster, { sequence: number; names: ReadonlySet<string> }>();

/** Returns the names of the attributes that some node's power_uri uses as a password. */
export function secretAttributes(cluster: Cluster): ReadonlySet<string> {
  const found = known.get(cluster);
  if (found?.sequence === cluster.sequence) return found.names;
  // Thousands of nodes share the same one.
  const uris = new Set(cluster.all('node').map(({ value }) => value.power_uri));
  const names = new Set([...uris].flatMap(uri => splitPowerUris(uri).flatMap(passwordTemplates)));
  known.set(cluster, { sequence: cluster.sequence, names });
  return names;
}

/** A number fits wherever a template may stand: in a name, an address, a port, a password. */
const FIRST_MARK = 20_000;

function passwordTemplates(uri: string): string[] {
  const names: string[] = [];
  const marked = uri.replace(PLACEHOLDER, template => {
    names.push(attributesIn(template)[0] ?? '');
    return String(FIRST_MARK + names.length - 1);
  });
  const reading = names.length > 0 ? readPowerUri(marked) : { problem: 'no template' };
  if ('problem' in reading) return names.length > 0 ? attributesIn(uri.slice(uri.indexOf(':', 8))) : [];
  const { scheme, password = '', server, options } = reading.uri;
  const secret = [password, server?.password, ...secretOptions(scheme).map(name => options[name])].join(' ');
  return names.filter((name, index) => name !== '' && secret.includes(String(FIRST_MARK + index)));
}

/** Returns whether the value of an attribute is shown as stars. */
export function isSecretAttribute(cluster: Cluster, name: string): boolean {
  return isSecretName(name) || secretAttributes(cluster).has(name);
}

/**
 * Returns the effective attributes that the head sends to a node unencrypted. Any user of the node can read them, and so can anybody who
 * listens on the boot network. They leave out secrets, and what only the head needs to control the node's power.
 */
export function openAttributes(cluster: Cluster, node: Value<'node'>): Map<string, Inherited> {
  const attributes = effectiveAttributes(cluster, node);
  for (const name of attributesIn(node.power_uri)) attributes.delete(name);
  for (const name of attributes.keys()) if (isSecretAttribute(cluster, name)) attributes.delete(name);
  return attributes;
}

/** Returns a field for display, by the mark in the table of kinds: passwords become stars. */
export function maskField(cluster: Cluster, secret: FieldMeta['secret'], held: unknown): unknown {
  if (secret === 'uri') return maskPassword(String(held ?? ''));
  if (secret === 'urls')
    return Array.isArray(held) ? held.map(url => maskUrls(String(url))) : maskUrls(String(held ?? ''));
  return secret === 'names' ? maskAttributes(cluster, (held ?? {}) as Record<string, string>) : held;
}

/** The same for a text that came from this field of an object, whatever holds it now. */
export function maskText(cluster: Cluster, kind: Kind, field: string, text: string): string {
  return String(maskField(cluster, fieldsOf(kind).find(({ name }) => name === field)?.meta.secret, text));
}

/** Returns the value of an attribute for display: a secret becomes stars, and so do logins of URLs in any. */
export function maskAttribute(cluster: Cluster, name: string, value: string): string {
  return value !== '' && isSecretAttribute(cluster, name) ? MASK : maskUrls(value);
}

/** Returns attributes for display: secret values become stars. */
export function maskAttributes(cluster: Cluster, attributes: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(attributes).map(([name, value]) => [name, maskAttribute(cluster, name, value)]),
  );
}
