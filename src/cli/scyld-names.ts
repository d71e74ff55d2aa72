// The program names of the specification: `scyld-X` is `muster X`. package.json installs each.
export const SCYLD_NAMES: readonly string[] = [
  'nodectl',
  'bootctl',
  'imgctl',
  'attribctl',
  'clusterctl',
  'modimg',
  'mkramfs',
  'add-boot-config',
  'pack-node',
  'install',
].map(name => `scyld-${name}`);

/** `nodectl` is installed as `scyld-nodectl`; undefined for words that are not a program. */
export function scyldNameOf(word: string): string | undefined {
  return SCYLD_NAMES.find(name => name === `scyld-${word}`);
}
