// `muster modimg`: makes and changes images in a local copy. Announces each step, and keeps nothing incomplete.
import { DAEMON } from '../../api/daemon.ts';
import { monotonicNow } from '../../clock.ts';
import { elapsedText } from '../../image/progress.ts';
import { relabel, selinuxContexts } from '../../image/selinux.ts';
import { isOvertaken, type Local } from '../../image/workspace/manifest.ts';
import { noRoom } from '../../image/workspace/workspace.ts';
import { againAsRoot, isRoot } from '../as-root.ts';
import { isForPrograms, printData } from '../listing.ts';
import { outliveReader } from '../outputs.ts';
import { isInteractive } from '../questions.ts';
import type { Context } from '../table.ts';
import { capturedTree } from './capture.ts';
import { type Change, changesOf, requireFiles } from './changes.ts';
import { createTree, importedTree, requireFreeName } from './create.ts';
import {
  isKept,
  isUploaded,
  keepTree,
  overtaken,
  placeOf,
  requireThawed,
  sayChanges,
  sayLocal,
  uploadLocal,
} from './finish.ts';
import { interruptible } from './interrupt.ts';
import type { Wanted } from './options.ts';
import { queryImage } from './query.ts';
import { printReport } from './report.ts';
import { localImage, openSession, type Session, type Tree, unpackLocal } from './session.ts';

/** Whether a tree is created or unpacked for changes. */
const worksOnTree = (wanted: Wanted): boolean =>
  (wanted.create ?? wanted.capture ?? wanted.import) !== undefined || changesOf(wanted).length > 0;

export async function modimg(context: Context, wanted: Wanted): Promise<number> {
  await requireFiles(wanted);
  if (context.given.dryRun) return sayPlan(context, wanted);
  if (worksOnTree(wanted) && !isRoot()) return againAsRoot(context, 'modimg');
  outliveReader();
  const session = await openSession(context);
  if (wanted.delete) return deleteLocal(session, wanted);
  // Reports a head that does not answer before the work, not after it.
  if (wanted.upload && session.remotes === undefined) await session.client.call(DAEMON.health);
  const name =
    wanted.setName !== undefined && wanted.id === undefined ? wanted.setName : await nameOf(session, wanted.id ?? '');
  const lock = await session.workspace.lock(name);
  try {
    return worksOnTree(wanted) ? await changeImage(session, wanted, name) : await useImage(session, wanted);
  } catch (error) {
    throw noRoom(session.workspace.folder, error);
  } finally {
    await lock.release();
  }
}

/** Returns the name that an image is locked by, whatever identifier was given. */
async function nameOf({ workspace, remotes }: Session, id: string): Promise<string> {
  return (
    (await workspace.find(id))?.name ??
    remotes?.find(({ uid }) => /^[0-9a-f]{5,}$/.test(id) && uid.startsWith(id))?.name ??
    id
  );
}

async function deleteLocal({ workspace, context, progress }: Session, wanted: Wanted): Promise<number> {
  const { ids } = context.given;
  if (wanted.all) {
    const gone = await workspace.drop(images => images);
    if (gone.length === 0) progress.say('There are no local images.');
    return sayDeleted(context, gone);
  }
  const deleted: Local[] = [];
  try {
    for (const id of ids) {
      const local = await workspace.find(id);
      const listed = (await workspace.list()).find(({ uid, name }) => uid === (local?.uid ?? id) || name === id);
      if (!listed) {
        progress.say(`There is no local copy of ${id}; nothing to delete.`);
        continue;
      }
      const lock = await workspace.lock(listed.name);
      deleted.push(...(await workspace.drop(images => images.filter(({ uid }) => uid === listed.uid))));
      await lock.release();
    }
  } catch (error) {
    if (deleted.length > 0) sayDeleted(context, deleted);
    throw error;
  }
  return sayDeleted(context, deleted);
}

function sayDeleted(context: Context, deleted: readonly Local[]): number {
  const { terminal, given } = context;
  if (isForPrograms(context.given))
    printData(terminal, given, { deleted: deleted.map(({ uid, name }) => ({ uid, name })) });
  else for (const { name } of deleted) terminal.write(`deleted the local copy of ${name}\n`);
  return 0;
}

/** Queries, fetches or uploads an image without changing it. */
async function useImage(session: Session, wanted: Wanted): Promise<number> {
  const { workspace } = session;
  const work = await workspace.work(`image ${wanted.id}`);
  return interruptible(async interrupt => {
    interrupt.outcome = 'the local images are unchanged';
    const local = await localImage(session, wanted.id ?? '', work.folder, wanted.freshen);
    session.report.local = local;
    if (wanted.query !== undefined) await queryImage(session, workspace.file(local), work.folder, wanted.query);
    if (wanted.upload) {
      await uploadLocal(session, await workspace.verify(local), wanted, isInteractive());
    }
    printReport(session.context, session.report, wanted.query !== undefined && !wanted.upload);
    return 0;
  }, work.close);
}

/** `--dry-run`: fetches, unpacks, removes and uploads nothing. */
function sayPlan(context: Context, wanted: Wanted): number {
  const { terminal, given } = context;
  const image = wanted.setName ?? (wanted.all ? 'all local images' : given.ids.join(', '));
  const steps = [
    ...(wanted.delete ? ['Delete'] : []),
    ...(wanted.freshen ? ['Freshen'] : []),
    ...stepTitles(wanted, changesOf(wanted)),
    ...(wanted.query === undefined ? [] : ['Query']),
    ...(wanted.upload ? ['Upload'] : []),
  ];
  if (isForPrograms(context.given)) printData(terminal, given, { image, steps, dryRun: true });
  else terminal.write(`${image}: ${steps.join(', ')}\nDry run: nothing was changed.\n`);
  return 0;
}

async function changeImage(session: Session, wanted: Wanted, name: string): Promise<number> {
  const { workspace, remotes, progress } = session;
  // Files of the image are for all its users, whatever umask the administrator has.
  process.umask(0o022);
  const ask = isInteractive();
  const remote = remotes?.find(one => one.name === name || one.uid === wanted.id);
  // Refuses before hours of work what would fail at the end.
  if (remote && wanted.upload && (wanted.setName ?? name) === name) {
    requireThawed(remote);
    const own = wanted.id === undefined || wanted.freshen ? undefined : await workspace.find(name);
    if (own && !ask && !wanted.overwrite && isOvertaken(own, remote)) throw overtaken(own);
  }
  if (wanted.setName !== undefined && wanted.id === undefined) await requireFreeName(session, wanted, ask);
  const changes = changesOf(wanted);
  const work = await workspace.work(`image ${name}, ${what(wanted, changes)}`);
  return interruptible(async interrupt => {
    const tree = await startTree(session, wanted, work.folder, changes.length === 0);
    for (const [position, change] of changes.entries())
      await takeStep(session, change.title, position === changes.length - 1, async () => {
        await change.run(session, tree, wanted, work.folder);
        return tree;
      });
    await sayChanges(session, tree);
    if (wanted.query !== undefined) await queryImage(session, tree.root, work.folder, wanted.query);
    if (!(await isKept(wanted, ask))) {
      progress.say('The changes are discarded.');
      printReport(session.context, session.report, false);
      return 0;
    }
    const place = await placeOf(session, tree, wanted, ask);
    const local = await keepTree(session, tree, wanted, place, work.folder, interrupt);
    session.report.local = local;
    if (await isUploaded(wanted, ask)) await uploadLocal(session, local, wanted, ask);
    else sayLocal(session, local);
    printReport(session.context, session.report, false);
    return 0;
  }, work.close);
}

/** Describes the run, for the report about a killed modimg. */
function what(wanted: Wanted, changes: readonly Change[]): string {
  return `step ${stepTitles(wanted, changes).join(', ')}, begun ${new Date().toISOString()}`;
}

function stepTitles(wanted: Wanted, changes: readonly Change[]): string[] {
  const makes = [
    ...(wanted.create === undefined ? [] : ['Create']),
    ...(wanted.capture === undefined ? [] : ['Capture']),
    ...(wanted.import === undefined ? [] : ['Import']),
  ];
  return [...makes, ...changes.map(({ title }) => title)];
}

async function startTree(session: Session, wanted: Wanted, folder: string, isLast: boolean): Promise<Tree> {
  const make =
    wanted.create !== undefined
      ? { title: 'Create', work: createTree }
      : wanted.capture !== undefined
        ? { title: 'Capture', work: capturedTree }
        : wanted.import !== undefined
          ? { title: 'Import', work: importedTree }
          : undefined;
  if (!make) return unpackLocal(session, await localImage(session, wanted.id ?? '', folder, wanted.freshen), folder);
  return takeStep(session, make.title, isLast, async () => make.work(session, wanted, folder));
}

/** Runs a step and announces its beginning and end in the specification's words; resets labels after the last one. */
async function takeStep(
  { progress }: Session,
  title: string,
  isLast: boolean,
  work: () => Promise<Tree>,
): Promise<Tree> {
  const begun = monotonicNow();
  progress.say(`Executing step: ${title}`);
  const tree = await work();
  const contexts = isLast ? await selinuxContexts(tree.root) : undefined;
  if (contexts !== undefined) {
    progress.say('fixing SELinux file labels...');
    await relabel(tree.root, contexts);
    progress.say('...done.');
  }
  // After a shell, the question follows immediately.
  if (title !== 'Chroot') progress.say(`step completed in ${elapsedText(monotonicNow() - begun)}`);
  return tree;
}
