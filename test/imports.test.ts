import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import test from 'ava';
import { packageRoot } from '../src/package-root.ts';
import { productSources, sourceName } from './sources.ts';

/** What each folder of src, and the lab, may import besides itself. The table in docs/architecture.md says the same in words. */
const COMMON = [
  'wire',
  'accounts.ts',
  'allowance.ts',
  'crew.ts',
  'pulse.ts',
  'thread.ts',
  'printable.ts',
  'shell-words.ts',
  'clock.ts',
  'libc.ts',
  'descriptors.ts',
  'readiness.ts',
  'wake.ts',
  'networks.ts',
  'errors.ts',
  'refused.ts',
  'sealing.ts',
  'log.ts',
  'masking.ts',
  'nearest.ts',
  'issue.ts',
  'latest.ts',
  'own.ts',
  'package-root.ts',
  'config.ts',
  'config-values.ts',
  'process',
  'durable',
];
const ALLOWED: Record<string, string[]> = {
  wire: [],
  'accounts.ts': [],
  'allowance.ts': [],
  'crew.ts': ['errors.ts'],
  'pulse.ts': [],
  'thread.ts': ['libc.ts', 'descriptors.ts', 'errors.ts', 'pulse.ts', 'wake.ts'],
  'printable.ts': [],
  'shell-words.ts': [],
  'libc.ts': ['wire'],
  'descriptors.ts': ['libc.ts'],
  'readiness.ts': ['libc.ts'],
  'wake.ts': [],
  'errors.ts': ['masking.ts'],
  'refused.ts': [],
  'sealing.ts': ['errors.ts'],
  'clock.ts': [],
  'masking.ts': ['shell-words.ts'],
  'log.ts': ['masking.ts', 'clock.ts'],
  'nearest.ts': [],
  'latest.ts': [],
  'own.ts': [],
  'package-root.ts': [],
  'networks.ts': ['wire'],
  'issue.ts': ['masking.ts', 'nearest.ts', 'own.ts'],
  'config-values.ts': ['issue.ts', 'wire', 'networks.ts', 'log.ts'],
  'config-keys.ts': ['config-values.ts', 'issue.ts', 'networks.ts'],
  'config.ts': ['config-keys.ts', 'wire', 'networks.ts', 'errors.ts', 'log.ts', 'nearest.ts', 'issue.ts', 'own.ts'],
  process: ['errors.ts', 'libc.ts'],
  durable: ['errors.ts'],
  model: COMMON,
  files: [...COMMON, 'model', 'image'],
  exports: [...COMMON, 'model'],
  boot: [...COMMON, 'model', 'files'],
  dhcp: [...COMMON, 'boot'],
  tftp: [...COMMON, 'boot'],
  tls: COMMON,
  http: [...COMMON, 'boot'],
  syslog: [...COMMON, 'boot'],
  evidence: [...COMMON, 'boot', 'blobs'],
  scsi: COMMON,
  iscsi: [...COMMON, 'scsi'],
  'iscsi-boot': [...COMMON, 'boot', 'scsi', 'iscsi'],
  store: [...COMMON, 'model'],
  blobs: [...COMMON, 'model', 'boot'],
  backup: [...COMMON, 'model', 'boot', 'store', 'blobs'],
  image: COMMON,
  ssh: [...COMMON, 'model'],
  power: [...COMMON, 'model', 'ssh'],
  // The command line loads it: nothing of the daemon
  api: ['model', 'boot', 'files', 'errors.ts', 'issue.ts', 'config-keys.ts', 'masking.ts', 'durable'],
  admin: [...COMMON, 'api', 'model', 'exports', 'files', 'boot', 'store', 'blobs', 'image', 'power', 'ssh', 'backup'],
  lab: [...COMMON, 'api', 'image', 'boot'],
  // Of the daemon, only what it checks of the machine before it starts.
  doctor: [...COMMON, 'api', 'boot', 'dhcp', 'evidence', 'daemon'],
  cli: [...COMMON, 'model', 'exports', 'files', 'api', 'image', 'lab', 'boot', 'ssh', 'doctor', 'backup'],
};
/** Files of src itself that wire the parts together: they may import everything but the command line. */
const WIRING = ['main.ts', 'daemon.ts', 'daemon'];

const src = join(packageRoot, 'src');

function importsOf(file: string): { target: string; typeOnly: boolean }[] {
  const text = readFileSync(file, 'utf8');
  const found = text.matchAll(/^(import|export)( type)?[^;]*?from '(\.[^']+)'|\bimport\('(\.[^']+)'\)/gm);
  return Array.from(found, match => ({
    target: sourceName(resolve(dirname(file), match[3] ?? match[4] ?? '')),
    typeOnly: match[2] !== undefined,
  }));
}

/** Returns the groups of files that import each other, directly or by way of others (Tarjan's strongly connected components). */
function circlesOf(imports: ReadonlyMap<string, readonly string[]>): string[][] {
  const order = new Map<string, number>();
  const open: string[] = [];
  const circles: string[][] = [];
  const visit = (name: string): number => {
    const own = order.size;
    order.set(name, own);
    open.push(name);
    let first = own;
    for (const other of imports.get(name) ?? []) {
      if (!order.has(other)) first = Math.min(first, visit(other));
      else if (open.includes(other)) first = Math.min(first, order.get(other) ?? own);
    }
    if (first === own) {
      const circle = open.splice(open.indexOf(name));
      if (circle.length > 1) circles.push(circle.sort());
    }
    return first;
  };
  for (const name of imports.keys()) if (!order.has(name)) visit(name);
  return circles;
}

test('a circle of imports is found, also one by way of import()', t => {
  const imports = new Map([
    ['a', ['b']],
    ['b', ['c', 'd']],
    ['c', ['a']],
    ['d', []],
  ]);
  t.deepEqual(circlesOf(imports), [['a', 'b', 'c']]);
  t.true(importsOf(join(src, 'cli/nouns.ts')).some(({ target }) => target === 'cli/init-action.ts'));
});

test('no files import each other in a circle', t => {
  const imports = new Map(
    productSources().map(file => [sourceName(file), importsOf(file).map(({ target }) => target)] as const),
  );
  t.deepEqual(circlesOf(imports), []);
});

test('imports point one way', t => {
  const wrong: string[] = [];
  for (const file of productSources()) {
    const name = sourceName(file);
    const own = name.split('/')[0] ?? '';
    for (const { target, typeOnly } of importsOf(file)) {
      const other = target.split('/')[0] ?? '';
      if (other === own) continue;
      if (WIRING.includes(own)) {
        if (other === 'cli' || other === 'lab') wrong.push(`${name} imports ${target}`);
      } else if (!(ALLOWED[own] ?? []).includes(other)) wrong.push(`${name} imports ${target}`);
      else if (
        own === 'cli' &&
        other === 'boot' &&
        !typeOnly &&
        !['boot/journey.ts', 'boot/states.ts'].includes(target)
      )
        wrong.push(`${name} imports ${target}`);
    }
  }
  t.deepEqual(wrong, []);
});

test('every folder of src stands in the table', t => {
  const names = readdirSync(src).filter(name => !WIRING.includes(name));
  t.deepEqual(
    names.filter(name => !(name in ALLOWED)),
    [],
  );
});
