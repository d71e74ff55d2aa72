// The files of a node as one archive, by ssh: what `modimg --capture` gets through the head.
import { createReadStream } from 'node:fs';
import type { Readable } from 'node:stream';
import { type RunResult, stream } from '../process/run.ts';
import { type NodeAddress, nodeSsh, type SshKey } from './ssh.ts';

/**
 * Runs a script on a node as root and returns its standard output as it arrives; `ended` says how it ended. The script goes over
 * standard input: nothing of it is stored on the node.
 */
export function runScript(
  node: NodeAddress,
  key: SshKey,
  script: string,
  signal: AbortSignal,
): { output: Readable; ended: Promise<RunResult> } {
  return stream('ssh', nodeSsh(node, key.file, 'sh -s'), {
    input: createReadStream(script),
    signal,
    package: 'openssh-client',
    keepBytes: 65_536,
  });
}
