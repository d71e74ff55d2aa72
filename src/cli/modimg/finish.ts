// What happens to a changed image: kept or discarded, under which name, packed, and sent to the head.

import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { MusterError } from '../../errors.ts';
import { ImageRoot } from '../../image/image-root.ts';
import { unpackedSize } from '../../image/inspect.ts';
import { chooseCompression, kernelConfig } from '../../image/kernel-support.ts';
import { kernelReleases } from '../../image/mkramfs.ts';
import { type Compression, packImage } from '../../image/pack.ts';
import { compareTrees, treeState } from '../../image/tree-changes.ts';
import { isOvertaken, type Local, type Remote } from '../../image/workspace/manifest.ts';
import { digestOf, newUid } from '../../image/workspace/workspace.ts';
import { printChanged } from '../differences.ts';
import { isForPrograms } from '../listing.ts';
import { askLetter, askText, askYes } from '../questions.ts';
import { remoteImage, sendImage } from './head-images.ts';
import type { Interrupt } from './interrupt.ts';
import type { Wanted } from './options.ts';
import { newLocal, type Session, saved, type Tree } from './session.ts';

/** Says how much was changed in an image that was there before. */
export async function sayChanges({ progress }: Session, { root, before }: Tree): Promise<void> {
  if (!before) return;
  const { added, changed, removed } = compareTrees(before, await treeState(root));
  progress.say(`  files: ${changed} changed, ${added} new, ${removed} gone`);
}

/** After a shell, the administrator may think again. */
export async function isKept(wanted: Wanted, ask: boolean): Promise<boolean> {
  if (!ask || !wanted.chroot || wanted.keep) return true;
  return (await askLetter('(K)eep changes or (d)iscard?', 'kd')) === 'k';
}

/** Under which name the image is kept: its own, or another, as the options or the administrator say. */
export async function placeOf(session: Session, tree: Tree, wanted: Wanted, ask: boolean): Promise<Tree['local']> {
  const { workspace } = session;
  const { local } = tree;
  const as = (name: string): Tree['local'] => ({ uid: newUid(), name, remote: false, parent: local.name });
  const isNew = tree.before === undefined;
  if (!isNew && wanted.setName !== undefined && wanted.setName !== local.name) {
    const old = await workspace.find(wanted.setName);
    if (old && !wanted.overwrite)
      throw new MusterError('duplicate', `There is a local image ${old.name} already; --overwrite replaces it.`);
    return { ...as(wanted.setName), ...(await newLocal(session, wanted.setName)) };
  }
  if (wanted.overwrite || !ask || (isNew && !(await workspace.find(local.name)))) return local;
  for (;;) {
    if ((await askLetter(`(O)verwrite the local image ${local.name} or (c)reate a new one?`, 'oc')) === 'o')
      return local;
    const name = await askText('Name of the new image', '');
    if (!/^[A-Za-z][A-Za-z0-9_.-]{0,62}$/.test(name) || (await workspace.find(name))) continue;
    return isNew ? { ...local, ...as(name) } : as(name);
  }
}

/** Packs the tree and takes it into the workspace. */
export async function keepTree(
  session: Session,
  tree: Tree,
  wanted: Wanted,
  place: Tree['local'],
  folder: string,
  interrupt: Interrupt,
): Promise<Local> {
  const { workspace, progress } = session;
  const file = join(folder, 'packed');
  const compression = await compressionOf(tree.root, wanted.compression, text => progress.say(text));
  progress.say(`Packing image ${place.name}`);
  await progress.measured(
    async update => {
      const { offset } = await packImage({
        root: tree.root,
        file,
        onProgress: update,
        compression,
      });
      return { packed: (await stat(file)).size, unpacked: (await unpackedSize(file, offset)) ?? 0 };
    },
    ({ packed, unpacked }) => saved(packed, unpacked),
  );
  progress.say('Checksumming...');
  return progress.timed(async () => {
    const sha256 = await digestOf(file);
    return interrupt.hold(
      `the image ${place.name} is kept in your workspace; whether the head has it, says 'muster modimg ls'`,
      async () => workspace.keep(file, place, sha256),
    );
  });
}

/** How the image is packed; a kernel in it that cannot read what is usual, or wanted, is named. */
async function compressionOf(
  root: string,
  wanted: Compression | undefined,
  say: (text: string) => void,
): Promise<Compression> {
  const image = new ImageRoot(root);
  const releases = await kernelReleases(image);
  const kernels = await Promise.all(
    releases.map(async release => ({ release, config: await kernelConfig(image, release) })),
  );
  const { compression, unreadable } = chooseCompression(kernels, wanted);
  if (unreadable && wanted !== undefined)
    say(
      `WARNING: kernel ${unreadable.kernel} of the image cannot read a squashfs with ${wanted}: a node that boots it stops at its image. Leave out --compress.`,
    );
  else if (unreadable)
    say(
      `Compressing by ${compression}: kernel ${unreadable.kernel} of the image cannot read ${unreadable.compression}.`,
    );
  return compression;
}

/** Whether the image goes to the head: what is captured does, and otherwise what the options or the administrator say. */
export async function isUploaded(wanted: Wanted, ask: boolean): Promise<boolean> {
  if (wanted.upload || wanted.capture !== undefined) return true;
  return ask && (await askYes('Upload the image to the head?', true));
}

/** Sends a local image to the head. Errors: the head's own, `duplicate` when that would replace an image nobody spoke of. */
export async function uploadLocal(session: Session, local: Local, wanted: Wanted, ask: boolean): Promise<void> {
  const { client, workspace, progress, context, report } = session;
  const target = await targetOf(session, local, wanted, ask);
  if (target === 'no') return;
  if (target?.sha256 === local.sha256) {
    progress.say(`The head has the same content of ${target.name} already.`);
    report.local = await workspace.becomes(local, { uid: target.uid, sha256: local.sha256 });
    return;
  }
  // Sending takes a while, in which somebody else may have sent another version.
  const again = async (): Promise<void> => {
    if (target && !wanted.overwrite && (await remoteImage(client, target.uid)).sha256 !== target.sha256)
      throw overtaken(local);
  };
  const { changed, remote } = await sendImage(client, local, workspace.file(local), target, progress, again);
  report.changed = changed;
  if (!isForPrograms(context.given)) printChanged(context, changed);
  report.local = await workspace.becomes(local, { uid: remote.uid, sha256: remote.sha256 ?? local.sha256 });
}

/** The head's image whose content is replaced; undefined for a new one. */
async function targetOf(
  { client, remotes }: Session,
  local: Local,
  wanted: Wanted,
  ask: boolean,
): Promise<Remote | undefined | 'no'> {
  // By its UID, so that an image that was deleted and made again under the same name is not replaced by mistake.
  const target = local.remote
    ? await remoteImage(client, local.uid)
    : remotes?.find(remote => remote.name === local.name);
  if (!target) return undefined;
  requireThawed(target);
  const isAsked = ask && !wanted.overwrite && target.sha256 !== undefined;
  const isLost = isOvertaken(local, target);
  if (isAsked) {
    const since = isLost ? ', which somebody changed since you fetched it' : '';
    return (await askYes(`Replace the image ${target.name} on the head${since}?`, !isLost)) ? target : 'no';
  }
  if (isLost && !wanted.overwrite) throw overtaken(local);
  if (local.remote || wanted.overwrite || wanted.capture !== undefined || target.sha256 === undefined) return target;
  throw new MusterError('duplicate', `The head has an image ${target.name} already; nothing was sent.`, {
    hint: `Replace its content: muster modimg -i ${target.name} --overwrite --upload`,
  });
}

/** Somebody else's change of the head's image is not undone by mistake. */
export function overtaken({ name }: Pick<Local, 'name'>): MusterError {
  return new MusterError(
    'conflict',
    `The head's image ${name} was changed by somebody after your copy of it was fetched; nothing was sent.`,
    {
      hint: `Who and what: muster image -i ${name} history. Replace it anyway: muster modimg -i ${name} --overwrite --upload; or make your change again on the head's: --freshen, or keep yours under another name: --set-name`,
    },
  );
}

export function requireThawed({ name, frozen }: Remote): void {
  if (frozen) throw new MusterError('frozen', `The image ${name} is frozen; 'update frozen=false' first.`);
}

/** What an administrator has to know when the image stays here. */
export function sayLocal({ progress }: Session, { name }: Local): void {
  progress.say(`The image ${name} is in your workspace only; send it to the head: muster modimg -i ${name} --upload`);
}
