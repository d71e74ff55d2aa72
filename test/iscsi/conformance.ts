// Runs libiscsi's conformance tests against muster and tgt, and says which fail; docs/iscsi-conformance.md is made of it.
import { fileURLToPath } from 'node:url';
import { run } from '../../src/process/run.ts';
import { TARGET } from './support/one-target.ts';
import { startServe } from './support/process.ts';
import { startTgt } from './support/tgt.ts';

export const DOCUMENT = fileURLToPath(new URL('../../../docs/iscsi-conformance.md', import.meta.url));

export interface ConformanceRun {
  total: number;
  passed: number;
  /** `Suite.Test` of each that failed; a test that is in several families is one. */
  failed: string[];
}

/** How iscsi-test-cu is run. */
export interface Kind {
  name: string;
  readOnly: boolean;
  args: readonly string[];
}

export const KINDS: readonly Kind[] = [
  { name: 'overlay disk, destructive tests allowed', readOnly: false, args: ['--dataloss'] },
  { name: 'overlay disk, destructive tests not allowed', readOnly: false, args: [] },
  { name: 'read-only disk', readOnly: true, args: [] },
];

/** A test that hangs ends the run with fewer tests than there are. */
const TIMEOUT_MS = 180_000;

/** The same tests against muster, which must end in order after them, and against tgt. */
export async function compare(folder: string, file: string, kind: Kind): Promise<Compared> {
  const served = await startServe([file, ...(kind.readOnly ? [] : ['--overlay', 'memory'])]);
  let status: number | string = 0;
  const ours = await conformance(`iscsi://127.0.0.1:${served.port}/${TARGET}/0`, kind).finally(async () => {
    status = await served.stop();
  });
  if (status !== 0) throw new Error(`the target ended with ${status}`);
  const peer = await startTgt(folder);
  try {
    return { kind, ours, tgt: await conformance(await peer.add(1, file, kind.readOnly), kind) };
  } finally {
    await peer.stop();
  }
}

async function conformance(url: string, kind: Kind): Promise<ConformanceRun> {
  const { stdout } = await run('iscsi-test-cu', ['--normal', ...kind.args, url], {
    timeoutMs: TIMEOUT_MS,
    keepBytes: 64 << 20,
  });
  const summary = /tests\s+(\d+)\s+(\d+)\s+(\d+)\s+(\d+)/.exec(stdout);
  if (!summary) throw new Error(`iscsi-test-cu did not come to its end: ${stdout.slice(-500)}`);
  const failed = new Set(
    [...stdout.matchAll(/^Suite (\S+), Test (\S+) had failures:/gm)].map(match => `${match[1]}.${match[2]}`),
  );
  return { total: Number(summary[1]), passed: Number(summary[3]), failed: [...failed].sort() };
}

/** Why a test fails that does; the first row that fits. A test that fails without a reason here is ours to repair. */
const REASONS: readonly (readonly [RegExp, string])[] = [
  [
    /^(ProutRegister|ProutReserve|PrinReadKeys)\./,
    'iscsi-test-cu sends no PERSISTENT RESERVE OUT without `--dataloss`, and counts that as a failure; with it the test is skipped',
  ],
  [
    /^WriteVerify\d+\.Dpo$/,
    'iscsi-test-cu sends no WRITE AND VERIFY without `--dataloss`, and counts that as a failure',
  ],
];

export interface Compared {
  kind: Kind;
  ours: ConformanceRun;
  tgt: ConformanceRun;
}

/** The document: counts of one run, and what fails with the reason. Throws when a failure has none. */
export function renderConformance(runs: readonly Compared[]): string {
  const sections = runs.map(({ kind, ours, tgt }) => {
    const rows = ours.failed.map(name => {
      const reason = REASONS.find(([pattern]) => pattern.test(name))?.[1];
      if (!reason) throw new Error(`${name} fails, and there is no reason for it in the table`);
      return [`\`${name}\``, reason, tgt.failed.includes(name) ? 'fails' : 'passes'];
    });
    const head = `## ${kind.name}\n\n\`${['iscsi-test-cu', ...kind.args, 'iscsi://…'].join(' ')}\`: `;
    const counts = `${ours.passed} of ${ours.total} tests pass; with tgt on the same file ${tgt.passed} of ${tgt.total}.\n`;
    const table =
      rows.length > 0 ? `\n${renderTable([['test', 'why it fails', 'with tgt'], ...rows])}\n` : '\nNone fails.\n';
    return `${head}${counts}${table}`;
  });
  return `${INTRODUCTION}\n${sections.join('\n')}`;
}

/** The first row is the head; columns are filled up, as the formatter wants it. */
function renderTable([head = [], ...rows]: readonly (readonly string[])[]): string {
  const widths = head.map((_, column) => Math.max(...[head, ...rows].map(row => row[column]?.length ?? 0)));
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`;
  return [line(head), line(widths.map(width => '-'.repeat(width))), ...rows.map(line)].join('\n');
}

const INTRODUCTION = `# Conformance of the iSCSI target

libiscsi's \`iscsi-test-cu\` (Debian package \`libiscsi-bin\`), all families, against muster and against tgt. This page is written by
\`node dist/test/iscsi/write-conformance.js\`; \`test/iscsi/conformance.test.ts\` repeats the runs, demands that at least as many tests pass
as with tgt, and compares what fails with the tables below. A test that is in several families is listed once and counted in each. A
command that a disk does not have (it answers INVALID COMMAND OPERATION CODE) makes its tests pass as skipped, for both targets.

What muster does not do, on purpose:

- PERSISTENT RESERVE OUT, RESERVE and RELEASE: an image is read by all nodes, an overlay belongs to one.
- UNMAP, WRITE SAME, COMPARE AND WRITE, ORWRITE, EXTENDED COPY, SANITIZE, FORMAT UNIT: nothing in a boot needs them.
- A reset by task management (LUN RESET, TARGET WARM RESET, TARGET COLD RESET) of a read-only disk ends the tasks (after COLD RESET the
  session) of the initiator that asked, and not those of the others (RFC 7143 §11.5.1 would end all): the disk is shared by all nodes,
  has no state to reset, and no node may disturb another. On a writable disk a reset is as the RFC has it.
- More than one connection in a session, and ErrorRecoveryLevel above 0.
`;
