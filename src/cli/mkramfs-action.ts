// `muster mkramfs`: unpacks the image of a boot config, runs dracut inside it, and uploads kernel and initramfs.
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { AdminClient } from '../api/client.ts';
import { OBJECTS, type Shown } from '../api/objects.ts';
import type { UploadReference } from '../api/storage.ts';
import { MusterError } from '../errors.ts';
import { againAsRoot, isRoot } from './as-root.ts';
import { printChanged } from './differences.ts';
import { isForPrograms, printData } from './listing.ts';
import { outliveReader } from './outputs.ts';
import { action, type Context } from './table.ts';

export const mkramfsRun = action({
  name: 'mkramfs',
  summary: 'build the initramfs of a boot config from its image, and take the kernel from there',
  options: [
    {
      flags: '--update <bootconfig>',
      meaning: 'the boot config that gets the new kernel and initramfs',
      takes: { names: 'boot' },
    },
    { flags: '--kver <version>', meaning: 'the kernel version; default: the newest in the image' },
  ],
  examples: [
    'muster mkramfs --update DefaultBoot',
    'muster mkramfs --kver 5.14.0-362.24.1.el9_3.x86_64 --update ProdBoot202404',
  ],
  async run(context) {
    const { update, kver } = context.given.options;
    if (!update) throw new MusterError('bad-usage', 'mkramfs needs --update BOOTCONFIG.');
    const config = await context.client.call(OBJECTS.get, { kind: 'boot', params: { id: update } });
    if (config['frozen'])
      throw new MusterError('frozen', `The boot config ${config.name} is frozen; run 'update frozen=false' first.`);
    if (!config['image'])
      throw new MusterError('not-ready', `The boot config ${config.name} has no image; run 'update image=NAME' first.`);
    if (context.given.dryRun) return sayPlan(context, config, kver);
    if (!isRoot()) return againAsRoot(context, 'mkramfs');
    await makeAndSend(context, config, kver);
    return 0;
  },
});

function sayPlan({ terminal, given }: Context, { name, image }: Shown, kver: string | undefined): number {
  const what = `would build kernel and initramfs from the image ${image}, for ${kver ?? 'its newest kernel'}`;
  if (isForPrograms(given)) printData(terminal, given, { boot_config: name, image, kver: kver ?? null, dryRun: true });
  else terminal.write(`${name}: ${what}\nDry run: nothing was changed.\n`);
  return 0;
}

/** Uses the head's version of the image, not the one in the workspace. */
async function makeAndSend(context: Context, config: Shown, kver: string | undefined): Promise<void> {
  // Loaded on demand, because tab completion loads this table with each key.
  const { makeInitramfs } = await import('../image/mkramfs.ts');
  const { unpackImage } = await import('../image/unpack.ts');
  const { fetchImage, remoteImage } = await import('./modimg/head-images.ts');
  const { interruptible } = await import('./modimg/interrupt.ts');
  const { noRoom } = await import('../image/workspace/workspace.ts');
  const { openSession } = await import('./modimg/session.ts');
  process.umask(0o022);
  outliveReader();
  const session = await openSession(context);
  const { client, progress, workspace } = session;
  const work = await workspace.work(`boot config ${config.name}, mkramfs`);
  return interruptible(async interrupt => {
    interrupt.outcome = `the boot config ${config.name} is unchanged`;
    const image = await remoteImage(client, String(config['image']));
    const local = await workspace.find(image.uid);
    const file = join(work.folder, 'image');
    if (!local || local.sha256 !== image.sha256 || (await workspace.take(local, file)) !== image.sha256) {
      await rm(file, { force: true });
      await fetchImage(client, image, file, progress);
    }
    const root = join(work.folder, 'root');
    progress.say(`Unpacking image ${image.uid}`);
    await progress.measured(async onProgress => unpackImage({ file, root, onProgress }));
    const made = await makeInitramfs({ root, outDir: work.folder, onStep: progress.say, ...(kver && { kver }) });
    const body = { kernel: await send(client, made.kernel), initramfs: await send(client, made.initramfs) };
    const changed = await interrupt.hold(`the boot config ${config.name} has its new kernel and initramfs`, async () =>
      client.call(OBJECTS.update, { kind: 'boot', query: { id: config.uid }, body }),
    );
    printChanged(context, changed);
  }, work.close).catch((error: unknown) => {
    throw noRoom(workspace.folder, error);
  });
}

async function send(client: AdminClient, file: string): Promise<UploadReference> {
  const { id } = await client.upload(file);
  return { upload: id };
}
