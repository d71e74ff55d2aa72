// What a read request is answered with: served files, and files of boots that somebody else knows.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { Contents } from '../../src/tftp/contents.ts';

const NODE = '10.0.0.7';

test('a boot file is part of a stored file, or made for the node; people see its readable name', async t => {
  const folder = await mkdtemp(join(tmpdir(), 'muster-contents-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const path = join(folder, 'iso');
  await writeFile(path, 'headKERNELtail');
  const asked: string[] = [];
  const contents = new Contents(new Map([['a.efi', Buffer.from('loader')]]), async (name, ip) => {
    asked.push(`${ip} ${name}`);
    if (name === '/boot/v1/kernel')
      return { name: 'kernel', kind: 'kernel', stage: 'kernel', path, file: { offset: 4, size: 6 } };
    if (name === '/boot/v1/long')
      return { name: 'kernel', kind: 'kernel', stage: 'kernel', path, file: { offset: 4, size: 60 } };
    if (name === '/boot/v1/made')
      return { name: 'script', kind: 'script', stage: 'script', content: Buffer.from(`for ${ip}`) };
    if (name === '/boot/v1/full') throw new Error('no space left');
    return name === '/boot/v1/gone'
      ? { name: 'initramfs', stage: 'kernel', fault: 'session-over', refused: 'the session is over' }
      : undefined;
  });
  const ask = async (file: string) =>
    contents.answer({ type: 'rrq', file, mode: 'octet', options: [['tsize', '0']] }, NODE, 1468);
  const kernel = await ask('//boot/v1/kernel');
  t.like(kernel, { file: 'kernel', kind: 'kernel', stage: 'kernel', answers: [['tsize', 6]] });
  t.is('content' in kernel && kernel.content.toString(), 'KERNEL');
  const made = await ask('boot/v1/made');
  t.is('content' in made && made.content.toString(), `for ${NODE}`);
  t.like(await ask('boot/v1/gone'), {
    file: 'initramfs',
    refused: 'the session is over',
    code: 2,
    stage: 'kernel',
    fault: 'session-over',
  });
  t.like(await ask('boot/v1/long'), { file: 'kernel', kind: 'kernel', unavailable: `${path} has 10 of 60 bytes` });
  t.like(await ask('boot/v1/full'), { file: 'boot/v1/full', unavailable: 'no space left' });
  t.like(await ask('nothing'), { refused: "No file 'nothing' is served.", code: 1 });
  asked.length = 0;
  t.false('stage' in (await ask('a.efi')));
  t.deepEqual(asked, []);
});

test('netascii is for texts: longer files are refused, boot files too', async t => {
  const long = Buffer.alloc((1 << 20) + 1, '\n');
  const contents = new Contents(
    new Map([
      ['text', Buffer.from('a\n')],
      ['long', long],
    ]),
    async () => ({ name: 'kernel', kind: 'kernel', stage: 'kernel', content: long }),
  );
  const ask = async (file: string) => contents.answer({ type: 'rrq', file, mode: 'netascii', options: [] }, NODE, 512);
  const text = await ask('text');
  t.is('content' in text && text.content.toString(), 'a\r\n');
  for (const file of ['long', '/boot/v1/kernel'])
    t.like(await ask(file), { code: 4, refused: "Files this long are sent in the mode 'octet' alone." });
});
