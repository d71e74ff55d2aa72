// Checks whether programs can run in a folder: its file system may be mounted with noexec.
import { readFile } from 'node:fs/promises';
import { MusterError } from '../errors.ts';

/** Returns `folder` with links resolved. Errors: `bad-workspace`. */
export async function requireExecutable(folder: string): Promise<void> {
  if (!isNoexec(await readFile('/proc/self/mountinfo', 'utf8'), folder)) return;
  throw new MusterError(
    'bad-workspace',
    `${folder} is on a file system mounted with noexec, so programs of the image cannot run there.`,
    { hint: 'Name another folder in ~/.scyldcw/settings.ini: [modimg] workspace = /FOLDER' },
  );
}

/** proc_pid_mountinfo(5): the fifth field is the mount point, with octal codes for blanks, the sixth its options; later mounts cover earlier ones. */
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
