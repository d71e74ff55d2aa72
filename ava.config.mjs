/** The files that take more than a minute start first: one that starts last makes the others wait for it. */
const LONG = [
  'soak/soak',
  'iscsi/conformance',
  'admin/kill',
  'durable/restore-kill',
  'cli/modimg',
  'image/pack',
  'cli/modimg-disasters',
  'power/ipmi',
  'evidence/port-faults',
  'cli/installers',
  'package/package',
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
