// Stored files that differ from what was uploaded.
import type { StoredLook } from './evidence.ts';
import type { EvidenceRule } from './evidence-rule.ts';
import type { Scene } from './why-case.ts';

/** Silence after which a damaged file may be the cause, in seconds. A kernel takes this long to its first report. */
const STALLED_SECONDS = 20;

const config = ({ boot }: Scene): string => boot?.plan?.bootConfig.name ?? 'NAME';
const image = ({ boot }: Scene): string => boot?.plan?.image?.name ?? 'NAME';

const owner = (name: StoredLook['name'], scene: Scene): string =>
  name === 'image' ? `image ${image(scene)}` : `${name} of the boot config ${config(scene)}`;

const again = (name: StoredLook['name'], scene: Scene): string =>
  name === 'image'
    ? `muster image -i ${image(scene)} update content=@FILE`
    : `muster boot -i ${config(scene)} update ${name}=@FILE`;

export const STORED_RULES: readonly EvidenceRule[] = [
  {
    name: 'stored-file-damaged',
    find(scene) {
      const wrong = (scene.evidence?.stored ?? []).filter(({ state }) => state === 'wrong').map(({ name }) => name);
      const [first] = wrong;
      if (first === undefined || (!scene.error && scene.quiet < STALLED_SECONDS)) return undefined;
      return {
        cause: `The stored ${wrong.map(name => owner(name, scene)).join(' and ')} differs from what was uploaded: its SHA-256 is wrong.`,
        remedy: `Upload it again, \`${wrong.map(name => again(name, scene)).join('; ')}\`, and boot the node again. Then check the disk of the head for more damage: \`muster doctor --deep\` reads every stored file.`,
        seen: wrong.map(name => `the stored ${name} does not match its SHA-256`),
      };
    },
  },
];

/** Returns further evidence about the stored files. */
export function storedSeen({ evidence }: Scene): string[] {
  const named = (state: StoredLook['state']): string =>
    (evidence?.stored ?? []).flatMap(look => (look.state === state ? [look.name] : [])).join(', ');
  const [right, reading] = [named('right'), named('reading')];
  return [
    ...(right ? [`the stored files match their SHA-256: ${right}`] : []),
    ...(reading ? [`the head is still comparing stored files with their SHA-256 (${reading}); ask again`] : []),
  ];
}
