// The files of a boot, loader to image: which bytes they are, and what is noted after sending.

import type { PlannedFile } from '../boot-plan.ts';
import type { BootFileName } from '../faults.ts';
import { bootIscsi } from '../iscsi-access.ts';
import type { Stage, StageNote } from '../journey.ts';
import { sessionArchive, sessionFile } from '../session-archive.ts';
import type { PlaneContext } from './ports.ts';
import { type Answer, type Effect, type FileAnswer, type Question, refuse, type Sent, say } from './question.ts';
import { sessionValues } from './session-values.ts';
import { storageFault } from './storage-fault.ts';
import type { Admitted } from './who.ts';

/** The loader files, for anybody on the boot network. */
export function loader({ question, context, params }: Admitted['everyone']): Answer {
  const { file: name = '' } = params;
  const file = context.loaderFile(name);
  if (!file) return refuse(404, 'there is no such loader');
  const node = context.directory.nodeByIp(question.ip);
  const noted = (note: Omit<StageNote, 'stage' | 'node' | 'peer'>): Effect[] =>
    node ? [{ do: 'note', note: { stage: 'loader', node: node.uid, peer: question.peer, ...note } as StageNote }] : [];
  return {
    say: 'file',
    file: { ...file, type: 'application/efi' },
    sent: sent => (sent.bytes === 0 ? [] : noted(loaderSent(name, sent))),
    failed(error) {
      const problem = storageFault(`stored loader ${name}`, 'loader', error, file.path);
      return [...noted(problem), { do: 'log', level: 'error', more: {}, text: problem.error, rarely: true }];
    },
  };
}

/** A loader that was cut off is a fault, as over TFTP: the firmware has nothing to start. */
function loaderSent(name: string, { bytes, complete }: Sent): Omit<StageNote, 'stage'> {
  const words = `${name} over HTTP`;
  const sent = { bytes, file: 'loader', complete } as const;
  if (complete) return { ...sent, detail: words };
  return { ...sent, error: `${words} was cut off after ${bytes} bytes`, fault: 'cut-off', about: { name } };
}

export function kernelUnderWay({ question, context, node, kernel: file }: Admitted['loading']): Answer {
  return planned(context, question, { kind: 'kernel', stage: 'kernel', whose: { node: node.uid }, file });
}

export function kernel(asked: Admitted['session']): Answer {
  return ofPlan(asked, 'kernel', 'kernel');
}

export function initramfs(asked: Admitted['session']): Answer {
  const answer = ofPlan(asked, 'initramfs', 'kernel');
  // The last file before the node leaves its loader. Recorded before it is sent: a node must not be installed twice.
  return answer.say === 'file' ? { ...answer, effects: [{ do: 'take-once', boot: asked.boot }] } : answer;
}

export function image(asked: Admitted['session']): Answer {
  const answer = ofPlan(asked, 'image', 'image');
  return answer.say === 'file' ? { ...answer, turn: { boot: asked.boot.id, node: asked.plan.node.name } } : answer;
}

/** The archive with the session file: one more initrd. */
export function archive({ context, boot, plan, session }: Admitted['session']): Answer {
  const values = sessionValues(plan, session, context.head(plan.node.ip), bootIscsi(context, boot, plan));
  return say(sessionArchive(sessionFile(values)), { type: 'application/octet-stream', noStore: true });
}

function ofPlan(asked: Admitted['session'], kind: 'kernel' | 'initramfs' | 'image', stage: Stage): Answer {
  const { question, context, plan, session } = asked;
  const file = plan[kind];
  if (!file) return refuse(404, `a boot as ${plan.style} has no ${kind}`);
  return planned(context, question, { kind, stage, whose: { session }, file });
}

export interface Planned {
  kind: BootFileName;
  /** Its name for people, unless its kind is enough. */
  name?: string;
  stage: Stage;
  /** The session's id, or the node's UID where the URL has no session. */
  whose: { session: string } | { node: string };
  file: PlannedFile;
}

/** Returns a file of a boot's plan, noted on its timeline. */
export function planned(
  context: Pick<PlaneContext, 'blobPath'>,
  { peer }: Pick<Question, 'peer'>,
  { kind, name = kind, stage, whose, file }: Planned,
): FileAnswer {
  const { blob, offset, size, sha256 } = file;
  return {
    say: 'file',
    file: { path: context.blobPath(blob), offset, size, etag: sha256 },
    sent({ start, bytes, complete }, seconds) {
      // Nothing had to be sent: a HEAD, or a file that the client has. A client that left before the first byte should have got
      // some.
      if (bytes === 0 && complete) return [];
      const resumed = start > 0 ? ` from byte ${start}` : '';
      const cut = complete ? '' : `, cut off after ${bytes} bytes`;
      const detail = `${name}${resumed} in ${seconds.toFixed(1)} s${cut}`;
      return [{ do: 'note', note: { stage, ...whose, peer, bytes, file: kind, complete, detail } }];
    },
    failed(error) {
      const problem = storageFault(`stored ${name}`, kind, error, context.blobPath(blob));
      return [
        { do: 'note', note: { stage, ...whose, peer, ...problem } },
        { do: 'log', level: 'error', more: { sha256: blob }, text: problem.error, rarely: true },
      ];
    },
  };
}
