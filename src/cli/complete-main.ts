// `muster __complete PROGRAM WORDS…`: called by the completion scripts. Fast, and silent on any error.
import { request } from 'node:http';
import type { Operation, Parts } from '../api/operation.ts';
import { commands } from './commands.ts';
import { complete, type Lookups } from './complete.ts';
import { type ConnectionOptions, socketFinder } from './connection.ts';
import { wordsFor } from './words.ts';

/** A prompt waits for this, so a longer limit is no help. */
const LIMIT_MS = 1000;

/** Prints the candidates, one per line. */
export async function completionText(given: readonly string[]): Promise<string> {
  const [program = 'muster', ...typed] = given;
  const words = wordsFor(program, typed);
  try {
    const found = await complete(
      commands(),
      words,
      lookupsOn((await socketFinder(connectionIn(words), process.env))()),
    );
    return found.map(candidate => `${candidate}\n`).join('');
  } catch {
    return '';
  }
}

function connectionIn(words: readonly string[]): ConnectionOptions {
  const after = (...names: string[]): string | undefined => {
    const at = words.findIndex(word => names.includes(word));
    return at >= 0 && at < words.length - 2 ? words[at + 1] : undefined;
  };
  const [socket, config] = [after('--socket'), after('-c', '--config')];
  return { ...(socket && { socket }), ...(config && { config }) };
}

/** Loads the table only to query the daemon, because most words complete without it. */
function lookupsOn(socket: string): Lookups {
  return {
    names: async (kind, prefix) => {
      const { OBJECTS } = await import('../api/objects.ts');
      return ask(socket, OBJECTS.names, { kind, query: { prefix } });
    },
    paths: async (set, prefix) => {
      const { FILE_SETS } = await import('../api/file-sets.ts');
      return ask(socket, FILE_SETS.paths, { params: { id: set }, query: { prefix } });
    },
    attributes: async () => {
      const { MEMBERS } = await import('../api/members.ts');
      return ask(socket, MEMBERS.used, {});
    },
  };
}

/** Does not use the client of other commands, which takes longer to load than to answer. */
async function ask(socketPath: string, operation: Operation, parts: Parts): Promise<string[]> {
  const { urlOf } = await import('../api/operation.ts');
  const path = urlOf(operation, parts);
  return new Promise(resolve => {
    const asked = request({ socketPath, path, timeout: LIMIT_MS }, response => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('end', () => resolve(namesIn(text)));
      response.on('error', () => resolve([]));
    });
    asked.on('timeout', () => asked.destroy());
    asked.on('error', () => resolve([]));
    asked.end();
  });
}

function namesIn(text: string): string[] {
  try {
    const { data } = JSON.parse(text) as { data?: unknown };
    return Array.isArray(data) ? data.map(String) : [];
  } catch {
    return [];
  }
}
