// The stored files that a database names, and their users: its objects and the plans of boots.
import type { Boot } from '../boot/boot.ts';
import { blobsOfPlan } from '../boot/boot-plan.ts';
import { KINDS, storedFilesOf } from '../model/kinds.ts';
import { readContents } from '../store/snapshot.ts';

/** Digests, each with its users: `image DefaultImage`. */
export type Users = Map<string, string[]>;

export interface NamedFiles {
  objects: Users;
  /** Files of boots: they may be missing, because a boot outlives what it read. */
  boots: Users;
}

/** Reads which stored files a database names. No daemon may have it open. */
export async function namedFiles(database: string): Promise<NamedFiles> {
  const { objects, boots } = await readContents(database);
  const named: NamedFiles = { objects: new Map(), boots: new Map() };
  for (const { kind, value } of objects)
    for (const { sha256 } of storedFilesOf(kind, value))
      add(named.objects, sha256, `${KINDS[kind].label} ${value.name}`);
  for (const body of boots) {
    const { id, plan } = JSON.parse(body) as Boot;
    if (plan) for (const sha256 of blobsOfPlan(plan)) add(named.boots, sha256, `boot ${id} of ${plan.node.name}`);
  }
  return named;
}

function add(users: Users, sha256: string, by: string): void {
  const known = users.get(sha256);
  if (!known) users.set(sha256, [by]);
  else if (!known.includes(by)) known.push(by);
}
