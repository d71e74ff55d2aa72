/** The files that take more than a minute start first: one that starts last makes the others wait for it. */
const LONG = [
  'durable/restore-kill',
  'iscsi/conformance',
  'initramfs/disk-array',
  'soak/soak',
  'cli/modimg',
  'cli/modimg-disasters',
  'initramfs/disk-layout',
  'package/package',
  'image/pack',
  'power/ipmi',
  'admin/kill',
  'evidence/port-faults',
  'initramfs/files-kill',
  'cli/installers',
].map(name => `dist/test/${name}.test.js`);

const placeOf = file => {
  const index = LONG.findIndex(name => file.endsWith(name));
  return index < 0 ? LONG.length : index;
};

export default {
  files: ['dist/test/**/*.test.js'],
  timeout: '5m',
  workerThreads: false,
  require: ['./scripts/test-times.mjs'],
  nodeArguments: ['--enable-source-maps'],
  sortTestFiles: (left, right) => placeOf(left) - placeOf(right) || (left < right ? -1 : 1),
};
