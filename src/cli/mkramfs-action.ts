// `muster mkramfs`: the image of a boot config is fetched and unpacked, dracut runs inside it, kernel and initramfs go back.
import { createWriteStream } from 'node:fs';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { AdminClient } from '../admin/client.ts';
import type { Changed, Shown, UploadReference } from '../admin/contract.ts';
import { MusterError } from '../errors.ts';
import { findRoot } from '../image/cwsquash.ts';
import { runOk } from '../process/run.ts';
import { printChanged } from './differences.ts';
import type { Action, Context } from './table.ts';

export const mkramfsRun: Action = {
  name: 'mkramfs',
  summary: 'build an initramfs from the image of a boot config, and put it there with its kernel',
  options: [
    {
      flags: '--update <bootconfig>',
      meaning: 'the boot config whose image is used and whose kernel and initramfs are replaced',
      takes: { names: 'boot' },
    },
    { flags: '--kver <version>', meaning: "the kernel's version; the newest in the image when not given" },
  ],
  examples: [
    'muster mkramfs --update DefaultBoot',
    'muster mkramfs --kver 5.14.0-362.24.1.el9_3.x86_64 --update ProdBoot202404',
  ],
  async run(context) {
    const { update, kver } = context.given.options as { update?: string; kver?: string };
    if (!update) throw new MusterError('bad-usage', 'mkramfs needs --update BOOTCONFIG.');
    if (process.getuid?.() !== 0)
      throw new MusterError('not-allowed', 'mkramfs unpacks an image and runs programs inside it: become root.');
    const config = await context.client.call<Shown>('GET', `/api/v1/bootconfig/${encodeURIComponent(update)}`);
    if (config['frozen'])
      throw new MusterError('frozen', `The boot config ${config.name} is frozen; 'update frozen=false' first.`);
    if (!config['image'])
      throw new MusterError('not-ready', `The boot config ${config.name} has no image; update image=NAME first.`);
    // Loaded when it is wanted: the shell's tab completion loads this table with each key.
    const { makeInitramfs } = await import('../image/mkramfs.ts');
    const work = await mkdtemp(join(tmpdir(), 'muster-mkramfs-'));
    try {
      const root = await unpackImage(context, String(config['image']), work);
      const made = await makeInitramfs({ root, outDir: work, onStep: context.terminal.say, ...(kver && { kver }) });
      const body = {
        kernel: await send(context.client, made.kernel),
        initramfs: await send(context.client, made.initramfs),
      };
      printChanged(
        context,
        await context.client.call<Changed>('PATCH', '/api/v1/bootconfigs', { id: config.uid }, body),
      );
    } finally {
      await rm(work, { recursive: true, force: true });
    }
    return 0;
  },
};

async function unpackImage({ client, terminal }: Context, image: string, work: string): Promise<string> {
  const file = join(work, 'image');
  const { body, size } = await client.download(`/api/v1/image/${encodeURIComponent(image)}/content`);
  const bar = terminal.progress(`downloading ${image}`);
  let done = 0;
  body.on('data', (chunk: Buffer) => {
    done += chunk.length;
    bar.update(done, size);
  });
  try {
    await pipeline(body, createWriteStream(file, { mode: 0o600 }));
  } finally {
    bar.stop();
  }
  const root = join(work, 'root');
  terminal.say(`Unpacking image ${image}`);
  const { offset } = await locate(file);
  await runOk('unsquashfs', ['-no-progress', '-offset', String(offset), '-dest', root, file], {
    package: 'squashfs-tools',
  });
  return root;
}

async function locate(file: string): Promise<{ offset: number }> {
  const handle = await open(file, 'r');
  try {
    const { size } = await handle.stat();
    const start = Buffer.alloc(Math.min(size, 1 << 20));
    await handle.read(start, 0, start.length, 0);
    const found = findRoot(start, size);
    if ('refusal' in found) throw new MusterError('bad-image', `The stored image cannot be read: ${found.refusal}.`);
    return found;
  } finally {
    await handle.close();
  }
}

async function send(client: AdminClient, file: string): Promise<UploadReference> {
  const { id } = await client.upload(file);
  return { upload: id };
}
