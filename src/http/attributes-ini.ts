// The file attributes.ini as nodes keep it: `[Node]` and `[Attributes]`, in the specification's form.

export function attributesIni(
  node: { uid: string; name: string },
  attributes: ReadonlyMap<string, { value: string }>,
): string {
  const lines = Array.from(attributes, ([name, { value }]) => `${name} = ${value}\n`).sort();
  return `[Node]\nUID = ${node.uid}\nName = ${node.name}\n\n[Attributes]\n${lines.join('')}`;
}
