// The meaning of the exit status of `muster`; each code of src/errors.ts belongs to one of these classes.
export const EXIT_STATUSES: readonly { status: number; meaning: string }[] = [
  { status: 0, meaning: 'done' },
  {
    status: 1,
    meaning:
      'a node or the head has a problem: `status --check` found one that is not up, a boot failed, `doctor` found a fault',
  },
  { status: 2, meaning: 'the command line, a value or the configuration is wrong; nothing was changed' },
  { status: 3, meaning: 'musterd does not answer on its socket' },
  { status: 4, meaning: 'an identifier matches no object, or several' },
  { status: 5, meaning: 'the current state forbids it: frozen, in use, taken, changed by somebody else, not ready' },
  { status: 6, meaning: 'storage or transfer failed; nothing was changed' },
  { status: 7, meaning: 'not allowed' },
  { status: 8, meaning: 'a required program or part of an image is missing or failed' },
  { status: 9, meaning: 'the awaited event did not happen in time' },
  { status: 70, meaning: 'a bug in muster' },
  {
    status: 130,
    meaning: '`modimg` or `mkramfs` was interrupted by Ctrl-C (143: by SIGTERM); it reports what was kept',
  },
];
