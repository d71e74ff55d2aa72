// Stored files that are not what was uploaded.
import type { StoredLook } from './evidence.ts';
import type { EvidenceRule } from './evidence-rule.ts';
import type { Scene } from './why-case.ts';

/** Silence after which a damaged file may be why, in seconds: a kernel takes as long to its first report. */
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
        cause: `The head has stored another ${wrong.map(name => owner(name, scene)).join(' and ')} than was uploaded: the content does not have its SHA-256.`,
        remedy: `Upload it again, \`${wrong.map(name => again(name, scene)).join('; ')}\`, and boot the node again. Then look for more damage on the disk of the head: \`muster doctor --deep\` reads every stored file.`,
        seen: wrong.map(name => `the stored ${name} was read and compared with its SHA-256: it differs`),
      };
    },
  },
];

/** Returns evidence about the stored files besides the cause. */
export function storedSeen({ evidence }: Scene): string[] {
  const named = (state: StoredLook['state']): string =>
    (evidence?.stored ?? []).flatMap(look => (look.state === state ? [look.name] : [])).join(', ');
  const [right, reading] = [named('right'), named('reading')];
  return [
    ...(right ? [`what the head has stored is what was uploaded: ${right}`] : []),
    ...(reading ? [`the head still compares what it has stored with its SHA-256 (${reading}): ask again`] : []),
  ];
}
