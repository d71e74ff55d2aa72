// The end of a modimg run: keeps or discards the changes, names, packs and uploads the image.

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

/** Reports how much of an existing image changed. */
export async function sayChanges({ progress }: Session, { root, before }: Tree): Promise<void> {
  if (!before) return;
  const { added, changed, removed } = compareTrees(before, await treeState(root));
  progress.say(`  files: ${changed} changed, ${added} new, ${removed} removed`);
}

/** After a shell, the administrator may change their mind. */
export async function isKept(wanted: Wanted, ask: boolean): Promise<boolean> {
  if (!ask || !wanted.chroot || wanted.keep) return true;
  return (await askLetter('(K)eep changes or (d)iscard?', 'kd')) === 'k';
}

/** Returns the name to keep the image under: its own or another, from the options or the administrator. */
export async function placeOf(session: Session, tree: Tree, wanted: Wanted, ask: boolean): Promise<Tree['local']> {
  const { workspace } = session;
  const { local } = tree;
  const as = (name: string): Tree['local'] => ({ uid: newUid(), name, remote: false, parent: local.name });
  const isNew = tree.before === undefined;
  if (!isNew && wanted.setName !== undefined && wanted.setName !== local.name) {
    const old = await workspace.find(wanted.setName);
    if (old && !wanted.overwrite)
      throw new MusterError('duplicate', `A local image ${old.name} already exists; --overwrite replaces it.`);
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
      `the image ${place.name} is kept in your workspace; 'muster modimg ls' shows whether the head has it`,
      async () => workspace.keep(file, place, sha256),
    );
  });
}

/** Chooses the compression; warns about a kernel in the image that cannot read the usual or the requested one. */
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
      `WARNING: kernel ${unreadable.kernel} of the image cannot read a squashfs with ${wanted}: a node that boots it stops at the image. Leave out --compress.`,
    );
  else if (unreadable)
    say(
      `Compressing with ${compression}: kernel ${unreadable.kernel} of the image cannot read ${unreadable.compression}.`,
    );
  return compression;
}

/** Returns whether to upload the image: always a captured one, otherwise as the options or the administrator decide. */
export async function isUploaded(wanted: Wanted, ask: boolean): Promise<boolean> {
  if (wanted.upload || wanted.capture !== undefined) return true;
  return ask && (await askYes('Upload the image to the head?', true));
}

/** Sends a local image to the head. Errors: the head's own, `duplicate` when that would replace an image without consent. */
export async function uploadLocal(session: Session, local: Local, wanted: Wanted, ask: boolean): Promise<void> {
  const { client, workspace, progress, context, report } = session;
  const target = await targetOf(session, local, wanted, ask);
  if (target === 'no') return;
  if (target?.sha256 === local.sha256) {
    progress.say(`The head already has this content of ${target.name}.`);
    report.local = await workspace.becomes(local, { uid: target.uid, sha256: local.sha256 });
    return;
  }
  // Somebody else may upload another version during this upload.
  const again = async (): Promise<void> => {
    if (target && !wanted.overwrite && (await remoteImage(client, target.uid)).sha256 !== target.sha256)
      throw overtaken(local);
  };
  const { changed, remote } = await sendImage(client, local, workspace.file(local), target, progress, again);
  report.changed = changed;
  if (!isForPrograms(context.given)) printChanged(context, changed);
  report.local = await workspace.becomes(local, { uid: remote.uid, sha256: remote.sha256 ?? local.sha256 });
}

/** Returns the head's image to replace; undefined for a new one. */
async function targetOf(
  { client, remotes }: Session,
  local: Local,
  wanted: Wanted,
  ask: boolean,
): Promise<Remote | undefined | 'no'> {
  // By its UID, so that this does not replace a different image that was created under the same name.
  const target = local.remote
    ? await remoteImage(client, local.uid)
    : remotes?.find(remote => remote.name === local.name);
  if (!target) return undefined;
  requireThawed(target);
  const isAsked = ask && !wanted.overwrite && target.sha256 !== undefined;
  const isLost = isOvertaken(local, target);
  if (isAsked) {
    const since = isLost ? ', which somebody has changed since you fetched it' : '';
    return (await askYes(`Replace the image ${target.name} on the head${since}?`, !isLost)) ? target : 'no';
  }
  if (isLost && !wanted.overwrite) throw overtaken(local);
  if (local.remote || wanted.overwrite || wanted.capture !== undefined || target.sha256 === undefined) return target;
  throw new MusterError('duplicate', `The head already has an image ${target.name}; nothing was sent.`, {
    hint: `Replace its content: muster modimg -i ${target.name} --overwrite --upload`,
  });
}

/** Refuses to undo somebody else's change of the head's image by mistake. */
export function overtaken({ name }: Pick<Local, 'name'>): MusterError {
  return new MusterError(
    'conflict',
    `Somebody changed the head's image ${name} after your copy was fetched; nothing was sent.`,
    {
      hint: `See who changed it: muster image -i ${name} history. Replace it anyway: muster modimg -i ${name} --overwrite --upload. Or repeat your change on the head's version (--freshen), or keep yours under another name (--set-name)`,
    },
  );
}

export function requireThawed({ name, frozen }: Remote): void {
  if (frozen) throw new MusterError('frozen', `The image ${name} is frozen; run 'update frozen=false' first.`);
}

/** Reports that the image stays here. */
export function sayLocal({ progress }: Session, { name }: Local): void {
  progress.say(`The image ${name} is only in your workspace; upload it: muster modimg -i ${name} --upload`);
}
