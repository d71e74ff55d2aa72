// The answers of the installer of a running node, fetched by ssh.
import { join } from 'node:path';
import { ANSWER_KINDS, type AnswerKind } from '../boot/kickstart-taken.ts';
import { MusterError } from '../errors.ts';
import { packageRoot } from '../package-root.ts';
import { runScript } from '../ssh/pack.ts';
import { type NodeAddress, type SshKey, shortSshWords } from '../ssh/ssh.ts';

const SCRIPT = join(packageRoot, 'node-scripts', 'installer-answers');
/** As much as a kickstart file may have, in bytes. */
const LIMIT = 1 << 20;

export interface FetchedAnswers {
  kind: AnswerKind;
  /** Where they are on the node. */
  path: string;
  text: string;
}

/** Fetches them. Errors: `node-unreachable` with the message of ssh or the node, `bad-kickstart` for more than 1 MiB. */
export async function fetchAnswers(node: NodeAddress, key: SshKey, signal: AbortSignal): Promise<FetchedAnswers> {
  const { output, ended } = runScript(node, key, SCRIPT, signal);
  const chunks: Buffer[] = [];
  let size = 0;
  const [read, result] = await Promise.allSettled([
    (async () => {
      for await (const chunk of output) {
        size += (chunk as Buffer).length;
        if (size <= LIMIT) chunks.push(chunk as Buffer);
      }
    })(),
    ended,
  ]);
  if (result.status === 'rejected') throw result.reason;
  if (read.status === 'rejected') throw read.reason;
  const { status, stderr } = result.value;
  if (status !== 0) throw new MusterError('node-unreachable', `${node.name}: ${wordsOf(stderr, status)}`);
  if (size > LIMIT)
    throw new MusterError('bad-kickstart', `The answers on ${node.name} have ${size} bytes; ${LIMIT} are the limit.`);
  const all = Buffer.concat(chunks).toString();
  const [, word = '', path = '', text = ''] = /^(\w+) (.*)\n([\s\S]*)$/.exec(all) ?? [];
  const kind = ANSWER_KINDS.find(one => one === word);
  if (!kind) throw new MusterError('node-unreachable', `${node.name} did not send its answers.`);
  return { kind, path, text };
}

/** Returns the error of the script, or of ssh. */
function wordsOf(stderr: string, status: number): string {
  const words = stderr.trim().split('\n').at(-1) || `status ${status}`;
  const own = words.replace(/^installer-answers: /, '');
  return own === words ? `ssh: ${shortSshWords(words)}` : `${own}.`;
}
