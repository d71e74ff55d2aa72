// `muster modimg` and its `ls`, as rows of the command line. The work is loaded on demand, because tab completion loads these rows with each key.
import { type Action, action } from '../table.ts';
import { MODIMG_OPTIONS, readModimg } from './options.ts';

export const modimgRun = action({
  name: 'modimg',
  summary: 'create images and change their content, in a local copy',
  options: MODIMG_OPTIONS,
  examples: [
    'muster modimg --create --set-name NewImg',
    'muster modimg -i mpiImage --install openmpi3.1',
    'muster modimg -i Prod202404 --copyin prod-install.sh /root --chroot --upload --overwrite',
    "muster modimg -i mpiImage --execute 'systemctl enable munge' --upload",
    'muster modimg --import rootfs.tar.zst --set-name Imported --upload',
    'muster modimg --capture n0 --set-name NewImage',
  ],
  async run(context) {
    const wanted = readModimg(context.given);
    const { modimg } = await import('./modimg.ts');
    return modimg(context, wanted);
  },
});

export const modimgList: Action = {
  name: 'list',
  aliases: ['ls'],
  words: '[images...]',
  takes: { names: 'image' },
  summary: 'list the local images and how they differ from those on the head',
  examples: ['muster modimg ls', 'muster modimg ls mpiImage', 'muster modimg ls --json'],
  async run(context) {
    const { listImages } = await import('./list.ts');
    return listImages(context);
  },
};
