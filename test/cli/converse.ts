// A command at a terminal of its own, and a person who types answers.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { findProgram } from '../support/require.ts';

/** What is seen, and what is typed then; nothing when it is only to be seen. */
export type Talk = readonly [RegExp, string][];

/** Runs a command at a terminal; each answer is typed when its question was seen. */
export async function converse(
  { environment, folder }: { environment: NodeJS.ProcessEnv; folder: string },
  line: string,
  talk: Talk,
): Promise<{ status: number; said: string }> {
  const child = spawn(findProgram('timeout') ?? 'timeout', ['100', 'script', '-qec', line, '/dev/null'], {
    env: environment,
    cwd: folder,
  });
  const rest = [...talk];
  let [said, from] = ['', 0];
  const next = (): RegExpExecArray | null | undefined => rest[0]?.[0].exec(said.slice(from));
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    said += chunk;
    for (let found = next(); found; found = next()) {
      from += found.index + found[0].length;
      const [, typed = ''] = rest.shift() ?? [];
      if (typed !== '') child.stdin.write(typed);
    }
  });
  const [status] = (await once(child, 'close')) as [number];
  return {
    status,
    said: `${said.replaceAll('\r', '')}${rest.length > 0 ? `\nnot asked: ${String(rest[0]?.[0])}` : ''}`,
  };
}
