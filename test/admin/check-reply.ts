// A reply of the admin API against the schema of its operation: it has what the schema says, and nothing else.
import { deepStrictEqual } from 'node:assert';
import { z } from 'zod';
import { type Operation, pathOf } from '../../src/api/operation.ts';
import { NOUNS } from '../../src/api/operations.ts';
import type { Kind } from '../../src/model/kind-words.ts';

/** The most special path first, as routers choose: `/nodes/groups` before `/node/:id`. */
const ROUTES = Object.values(NOUNS)
  .flatMap(rows => Object.values(rows))
  .flatMap(operation =>
    (operation.kinds ?? [undefined]).map((kind: Kind | undefined) => ({
      operation,
      pattern: new RegExp(`^${pathOf(operation, kind).replaceAll(/:\w+/g, '[^/]+')}$`),
      values: pathOf(operation, kind).split(':').length,
    })),
  )
  .sort((left, right) => left.values - right.values);

function operationOf(method: string, url: string): Operation | undefined {
  const [path = ''] = url.split('?');
  return ROUTES.find(({ operation, pattern }) => operation.method === method && pattern.test(path))?.operation;
}

/** Throws when an answer is none of its operation. */
export function checkReply(method: string, url: string, text: string): void {
  const { output, reply } = operationOf(method, url) ?? {};
  if (!output) return;
  const lines =
    reply === 'lines'
      ? text
          .trim()
          .split('\n')
          .map(line => JSON.parse(line))
      : [JSON.parse(text).data];
  for (const line of lines) {
    if (reply === 'lines' && (line.type === 'end' || line.type === 'error')) continue;
    const { data, error } = output(z).safeParse(line);
    if (error) throw new Error(`${method} ${url}: the answer is not that of its operation: ${error.message}`);
    deepStrictEqual(data, line, `${method} ${url}: the answer has what its operation does not have`);
  }
}
