// A kernel of the node that panicked, and said so by netconsole.
import type { PanicLook } from './evidence.ts';
import type { EvidenceRule } from './evidence-rule.ts';
import type { Scene } from './why-case.ts';
import { span } from './why-words.ts';

/** A panic is part of a silence that began at most this much later, in seconds: heartbeats and reports come in between. */
const BEFORE_SECONDS = 30;

const configOf = ({ boot }: Scene): string => boot?.plan?.bootConfig.name ?? 'NAME';

const REMEDIES: Readonly<Record<NonNullable<PanicLook['because']>, (scene: Scene) => string>> = {
  'no-root': scene =>
    `Its initramfs did not start: rebuild it for its kernel, \`muster mkramfs --update ${configOf(scene)}\`. The node boots again by itself or after \`muster node power cycle\`.`,
  'init-ended': () =>
    'The first process of its system ended: read the lines before the panic in `muster node timeline` and on its console. Then repair /sbin/init and its libraries in the image.',
  'no-memory': () => 'Give the node more memory, or find what uses it (`status.ram_free` in `muster node status`).',
};

export const PANIC_RULES: readonly EvidenceRule[] = [
  {
    name: 'kernel-panicked',
    find(scene) {
      const { panic } = scene.evidence ?? {};
      if (!panic || panic.ago > scene.silence + BEFORE_SECONDS) return undefined;
      return {
        cause: `Its kernel panicked ${span(panic.ago)} ago: ${panic.text}.`,
        remedy:
          (panic.because && REMEDIES[panic.because](scene)) ??
          'Read the lines before it on its console (`muster node console`), and the event log of its BMC. Try another kernel, or leave out the driver that they name, and power-cycle the node.',
        seen: [`its kernel sent ${span(panic.ago)} ago: ${panic.text}`],
      };
    },
  },
];
