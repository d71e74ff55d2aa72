// Every URL of the boot plane: a row each, with who may ask and the function that answers.
import type { Outcome } from '../boot.ts';
import type { BootFileName, Fault } from '../faults.ts';
import type { Stage } from '../journey.ts';
import { agentArchive, enrol } from './enrol.ts';
import { archive, image, initramfs, kernel, kernelUnderWay, loader } from './files.ts';
import { answers, ignition, installed, isoImage, metaData, OK } from './installer.ts';
import { isoFile } from './iso-files.ts';
import { GRUB, GRUB_BY_TFTP, IPXE } from './languages.ts';
import { bootFiles, liveFiles } from './node-files.ts';
import { type Answer, type RefusedAnswer, refuse } from './question.ts';
import { failed, heartbeat, report } from './reports.ts';
import { script } from './script.ts';
import type { Admitted, Who } from './who.ts';

export interface Row<W extends Who> {
  /** Of HTTP; a HEAD has the same answer, and no effects. */
  methods: readonly string[];
  /** `:name` stands for one part of the path, `*` for the rest. */
  path: string;
  who: W;
  answer(asked: Admitted[W]): Answer | Promise<Answer>;
  /** The answer if the boot of the session has ended like this: the client repeats a request. */
  ended?: Partial<Record<Outcome, Answer>>;
  /** Whether it is served over TLS as well. */
  overTls?: boolean;
  /** Set for what TFTP-only loaders fetch too: its name for people, what it is of a boot, and what a refusal means. */
  tftp?: { name: string; kind: BootFileName; stage: Stage; fault: Fault };
}

export type Route = { [W in Who]: Row<W> }[Who];

const READ = ['GET', 'HEAD'];
const OVER = { stage: 'kernel', fault: 'session-over' } as const;
const SCRIPT = { name: 'grub.cfg', kind: 'script', stage: 'script', fault: 'nothing-to-boot' } as const;

/** The first matching row answers. */
export const ROUTES: readonly Route[] = [
  { methods: READ, path: IPXE.path, who: 'granted', answer: async asked => script(asked, IPXE) },
  { methods: READ, path: GRUB.path, who: 'granted', answer: async asked => script(asked, GRUB) },
  {
    methods: READ,
    path: GRUB_BY_TFTP.path,
    who: 'granted',
    answer: async asked => script(asked, GRUB_BY_TFTP),
    tftp: SCRIPT,
  },
  {
    // GRUB puts the kernel's path on the kernel's command line (BOOT_IMAGE=), which every user of the node can read: no session in it.
    methods: READ,
    path: '/boot/v1/kernel',
    who: 'loading',
    answer: kernelUnderWay,
    tftp: { name: 'kernel', kind: 'kernel', ...OVER },
  },
  { methods: READ, path: '/boot/v1/loader/:file', who: 'everyone', answer: loader },
  { methods: READ, path: '/boot/v1/agent.tar', who: 'everyone', answer: agentArchive, overTls: true },
  { methods: READ, path: '/boot/v1/:session/kernel', who: 'session', answer: kernel },
  {
    methods: READ,
    path: '/boot/v1/:session/initramfs',
    who: 'session',
    answer: initramfs,
    tftp: { name: 'initramfs', kind: 'initramfs', ...OVER },
  },
  {
    methods: READ,
    path: '/boot/v1/:session/session.cpio',
    who: 'session',
    answer: archive,
    tftp: { name: 'session.cpio', kind: 'session', ...OVER },
  },
  { methods: READ, path: '/boot/v1/:session/image', who: 'session', answer: image },
  // A POST has the claim for secrets
  { methods: ['GET', 'POST'], path: '/boot/v1/:session/files', who: 'session', answer: bootFiles, overTls: true },
  // iPXE's report before it starts again: it can fetch, but not post.
  { methods: ['GET'], path: '/boot/v1/:session/failed/:code?', who: 'session', answer: failed },
  { methods: ['POST'], path: '/boot/v1/:session/report', who: 'session', answer: report },
  { methods: READ, path: '/boot/v1/:session/kickstart', who: 'session', answer: answers },
  { methods: READ, path: '/boot/v1/:session/ignition', who: 'session', answer: ignition },
  // cloud-init's NoCloud source appends these names to its seed's URL, and requires two of them.
  { methods: READ, path: '/boot/v1/:session/seed/user-data', who: 'session', answer: answers },
  { methods: READ, path: '/boot/v1/:session/seed/meta-data', who: 'session', answer: metaData },
  { methods: READ, path: '/boot/v1/:session/image.iso', who: 'session', answer: isoImage },
  {
    methods: ['GET', 'POST'],
    path: '/boot/v1/:session/installed',
    who: 'session',
    answer: installed,
    ended: { installed: OK },
  },
  { methods: READ, path: '/isomount/:repo/*', who: 'everyone', answer: isoFile },
  { methods: ['POST'], path: '/node/v1/enroll', who: 'enrolling', answer: enrol, overTls: true },
  { methods: ['POST'], path: '/node/v1/heartbeat', who: 'token', answer: heartbeat },
  { methods: ['POST'], path: '/node/v1/files', who: 'token', answer: liveFiles, overTls: true },
];

const PARTS = ROUTES.map(route => ({ route, pattern: route.path.split('/') }));
/** Characters of one value in a path; a session's id has 32. */
const LONGEST = 200;

export interface Match {
  route: Route;
  params: Record<string, string>;
}

/** Returns the row for a request, or the refusal. Firmware and hand-written scripts double slashes, and no firmware follows a redirect reliably. */
export function findRoute(method: string, path: string): Match | RefusedAnswer {
  const [bare = ''] = path.replace(/^https?:\/\/[^/]*/i, '').split(/[?#]/, 1);
  let parts = bare.replace(/\/{2,}/g, '/').split('/');
  try {
    if (bare.includes('%')) parts = parts.map(decodeURIComponent);
  } catch {
    return refuse(400, 'the path is not UTF-8 in percent-encoding');
  }
  for (const { route, pattern } of PARTS) {
    const params = route.methods.includes(method) ? paramsOf(pattern, parts) : undefined;
    if (params) return { route, params };
  }
  return refuse(404, 'nothing is here');
}

function paramsOf(pattern: readonly string[], parts: readonly string[]): Record<string, string> | undefined {
  const takesRest = pattern.at(-1) === '*';
  const fewest = pattern.at(-1)?.endsWith('?') ? pattern.length - 1 : pattern.length;
  if (parts.length < fewest || (parts.length > pattern.length && !takesRest)) return undefined;
  const params: Record<string, string> = {};
  for (const [index, name] of pattern.entries()) {
    const part = parts[index] ?? '';
    if (name === '*') params[name] = parts.slice(index).join('/');
    else if (!name.startsWith(':')) {
      if (name !== part) return undefined;
    } else if ((part === '' && !name.endsWith('?')) || part.length > LONGEST) return undefined;
    else params[name.slice(1).replace('?', '')] = part;
  }
  return params;
}
