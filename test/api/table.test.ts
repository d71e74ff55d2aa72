import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import test from 'ava';
import { z } from 'zod';
import { MAY_IN_WORDS, type Operation, pathOf } from '../../src/api/operation.ts';
import { NOUNS } from '../../src/api/operations.ts';
import { KIND_WORDS } from '../../src/model/kind-words.ts';
import { fileFields, KIND_NAMES } from '../../src/model/kinds.ts';
import { packageRoot } from '../../src/package-root.ts';
import { sources } from '../sources.ts';

const OPERATIONS: readonly Operation[] = Object.values(NOUNS).flatMap(rows => Object.values(rows));

const INTRODUCTION = `# The admin API

HTTP on musterd's Unix socket, \`/run/musterd/admin.sock\`; \`muster\` uses nothing else. Paths begin with \`/api/v1\`:

    curl -s --unix-socket /run/musterd/admin.sock http://localhost/api/v1/nodes/status?id=n0
    curl -s --unix-socket /run/musterd/admin.sock http://localhost/api/v1/openapi.json

The second command returns this page for programs: OpenAPI 3.1, with the schema of every body and reply.

A reply is \`{"success": true, "data": …}\` or \`{"success": false, "reason": "…", "code": "…"}\`; [errors.md](errors.md) lists the codes.
For operations marked *lines*, the reply is JSON objects, one per line, as they arrive; the last is \`{"type": "end"}\` or
\`{"type": "error", "code": "…", "reason": "…"}\`. An operation that creates something answers with status 201, or 200 for a dry run.

\`{one}\` and \`{many}\` stand for the names of a kind, in the list below. A selecting query parameter may be
repeated. The audit trail shows the header \`X-Muster-Command\` (percent-encoded).

Everyone who may open the socket may do all of this: root and the group \`muster\`. The column *may* shows what an operation can do.

`;

function pageText(): string {
  const rights = Object.entries(MAY_IN_WORDS).map(([name, words]) => `| ${name} | ${words} |\n`);
  const sections = Object.entries(NOUNS).map(([heading, rows]) => {
    const lines = Object.values<Operation>(rows).map(({ method, path, kinds, query = {}, reply, may, summary }) => {
      const names = Object.keys(query).map(name => `\`${name}\``);
      const text = summary
        .replaceAll('{a label}', 'an object')
        .replaceAll('{label}', 'object')
        .replaceAll('{many}', 'objects');
      const kind = reply === 'json' ? '' : reply === 'lines' ? ' *lines*' : ` *${reply.replace(/;.*/, '')}*`;
      const few =
        kinds && kinds.length <= KIND_NAMES.length / 2
          ? ` For ${kinds.map(one => KIND_WORDS[one].one).join(', ')}.`
          : '';
      return `| \`${method} ${path.replace(/:(\w+)/g, '<$1>')}\` | ${names.join(' ')} | ${may} | ${text}${few}${kind} |\n`;
    });
    return `## ${heading}\n\n| operation | query | may | what it does |\n|---|---|---|---|\n${lines.join('')}`;
  });
  const kinds = Object.values(KIND_WORDS).map(({ one, many, label }) => `| ${label} | \`${one}\` | \`${many}\` |\n`);
  return `${INTRODUCTION}| kind | \`{one}\` | \`{many}\` |\n|---|---|---|\n${kinds.join('')}\n| may | what it covers |\n|---|---|\n${rights.join('')}\n${sections.join('\n')}`;
}

test('docs/api.md is made of the table', t => {
  const file = join(packageRoot, 'docs/api.md');
  if (process.env['UPDATE_DOCS']) writeFileSync(file, pageText());
  t.is(readFileSync(file, 'utf8'), pageText(), 'write it again: UPDATE_DOCS=1 npx ava dist/test/api/table.test.js');
});

test('no two operations have the same method and path', t => {
  const names = OPERATIONS.flatMap(operation =>
    (operation.kinds ?? [undefined]).map(kind => `${operation.method} ${pathOf(operation, kind)}`),
  );
  t.deepEqual(
    names.filter((name, index) => names.indexOf(name) !== index),
    [],
  );
});

test('examples are bodies that are taken; schemas can be made of every row', t => {
  for (const { path, body, output, example, query = {} } of OPERATIONS) {
    for (const make of Object.values(query)) t.notThrows(() => make(z), path);
    t.notThrows(() => output?.(z), path);
    if (typeof body === 'function' && example !== undefined) t.true(body(z).safeParse(example).success, path);
  }
});

test('what changes objects or acts on nodes has words for the audit trail', t => {
  const silent = OPERATIONS.filter(
    ({ method, may, audit }) => method !== 'GET' && may !== 'read' && audit === undefined,
  );
  // Uploads belong to the command that then names them; unused files are nobody's
  t.deepEqual(
    silent.map(({ path }) => path),
    ['/uploads', '/upload/:id', '/upload/:id', '/storage/collect'],
  );
});

test('stored files can be fetched of each kind that has them', t => {
  const download = OPERATIONS.find(({ path }) => path.endsWith('/:field'));
  t.deepEqual(
    download?.kinds,
    KIND_NAMES.filter(kind => fileFields(kind).length > 0),
  );
});

test('the table loads no validator: the command line has it', t => {
  const seen = new Set<string>();
  const visit = (file: string): void => {
    if (seen.has(file)) return;
    seen.add(file);
    for (const [, target = ''] of readFileSync(file, 'utf8').matchAll(
      /^(?:import|export)(?! type)[^;]*?from '([^']+)'/gm,
    )) {
      t.not(target, 'zod', file);
      if (target.startsWith('.')) visit(resolve(dirname(file), target));
    }
  };
  for (const file of sources(join(packageRoot, 'src/api'))) visit(file);
  t.true(seen.size > 12);
});
