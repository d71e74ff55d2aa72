// The result of a modimg run, as the document that `--json` and `--yaml` print at its end.
import type { Changed } from '../../api/objects.ts';
import type { Package } from '../../image/packages/list.ts';
import type { Local } from '../../image/workspace/manifest.ts';
import { isForPrograms, printData } from '../listing.ts';
import type { Context } from '../table.ts';

export interface Report {
  /** What the upload changed on the head. */
  changed?: Changed;
  /** The image in the workspace afterwards; absent when the changes were discarded. */
  local?: Local;
  /** The answer to `--query`. */
  packages?: Package[];
}

const NOTHING: Changed = { uids: [], differences: [], broken: [], dryRun: false };

/** Returns the head's changes as other commands print them, and the local image; for a query alone, its packages. */
export function printReport(context: Context, report: Report, isQueryOnly: boolean): void {
  if (!isForPrograms(context.given)) return;
  const { changed = NOTHING, local = null, packages } = report;
  const all = { ...changed, local, ...(packages && { packages }) };
  printData(context.terminal, context.given, isQueryOnly ? packages : all);
}
