// Whether programs can be run in a folder: a file system may be mounted so that none can.
import { readFile } from 'node:fs/promises';
import { MusterError } from '../errors.ts';

/** `folder` without links in it. Errors: `bad-workspace`. */
export async function requireExecutable(folder: string): Promise<void> {
  if (!isNoexec(await readFile('/proc/self/mountinfo', 'utf8'), folder)) return;
  throw new MusterError(
    'bad-workspace',
    `${folder} lies on a file system that is mounted with noexec: no program of the image can be run there.`,
    { hint: 'Name another folder in ~/.scyldcw/settings.ini: [modimg] workspace = /FOLDER' },
  );
}

/** proc_pid_mountinfo(5): the fifth field is where it is mounted, with octal numbers for blanks, the sixth its options; later lines cover. */
export function isNoexec(mountinfo: string, folder: string): boolean {
  let [longest, options] = ['', ''];
  for (const line of mountinfo.split('\n')) {
    const [, , , , target = '', has = ''] = line.split(' ');
    const path = target.replace(/\\([0-7]{3})/g, (_all, code: string) => String.fromCharCode(Number.parseInt(code, 8)));
    const isAbove = path !== '' && `${folder}/`.startsWith(path.endsWith('/') ? path : `${path}/`);
    if (isAbove && path.length >= longest.length) [longest, options] = [path, has];
  }
  return options.split(',').includes('noexec');
}
