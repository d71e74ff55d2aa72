// Templates in power_uri: `<a[bmc_ip]>` stands for an attribute of the node, so one URI fits all nodes.

/** `<a[NAME]>`: the dictionary by its name or its first letters, and a name in it. */
export const PLACEHOLDER = /<(a|attributes|n|node|s|status|h|hardware)\[([\w.-]{1,128})\]>/g;

/** The values for one node's templates. */
export interface TemplateFacts {
  attributes: ReadonlyMap<string, string>;
  /** Fields: name, index, ip, mac, type. */
  node: Readonly<Record<string, string>>;
  status: Readonly<Record<string, string>>;
  hardware: Readonly<Record<string, string>>;
}

/** Returns the URI of one node. Values are percent-encoded, so that none can change the URI's shape. */
export function fillTemplate(text: string, facts: TemplateFacts): { text: string } | { missing: string } {
  let missing: string | undefined;
  const filled = text.replace(PLACEHOLDER, (whole, dictionary: string, name: string) => {
    const value = lookUp(facts, dictionary, name);
    if (value === undefined || value === '') missing ??= whole;
    return encodeURIComponent(value ?? '');
  });
  return missing === undefined ? { text: filled } : { missing };
}

/** Returns the names of the attributes in a power_uri's templates: only the head needs to know them. */
export function attributesIn(text: string): string[] {
  return Array.from(text.matchAll(PLACEHOLDER), ([, dictionary = '', name = '']) => ({ dictionary, name }))
    .filter(({ dictionary }) => dictionary.startsWith('a'))
    .map(({ name }) => name);
}

function lookUp(facts: TemplateFacts, dictionary: string, name: string): string | undefined {
  if (dictionary.startsWith('a')) return facts.attributes.get(name);
  const record = dictionary.startsWith('n') ? facts.node : dictionary.startsWith('s') ? facts.status : facts.hardware;
  return Object.hasOwn(record, name) ? record[name] : undefined;
}
