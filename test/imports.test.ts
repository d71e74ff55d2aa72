import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import test from 'ava';
import { packageRoot } from '../src/package-root.ts';

/** What each folder of src may import besides itself. The table in docs/architecture.md says the same in words. */
const COMMON = [
  'wire',
  'clock.ts',
  'libc.ts',
  'descriptors.ts',
  'readiness.ts',
  'wake.ts',
  'networks.ts',
  'errors.ts',
  'log.ts',
  'masking.ts',
  'nearest.ts',
  'own.ts',
  'package-root.ts',
  'config.ts',
  'config-values.ts',
  'process',
  'durable',
];
const ALLOWED: Record<string, string[]> = {
  wire: [],
  'libc.ts': [],
  'descriptors.ts': ['libc.ts'],
  'readiness.ts': ['libc.ts'],
  'wake.ts': [],
  'errors.ts': [],
  'clock.ts': [],
  'masking.ts': [],
  'log.ts': ['masking.ts', 'clock.ts'],
  'nearest.ts': [],
  'own.ts': [],
  'package-root.ts': [],
  'networks.ts': ['wire'],
  'config-values.ts': ['wire', 'networks.ts', 'log.ts'],
  'config-keys.ts': ['config-values.ts', 'networks.ts'],
  'config.ts': ['config-keys.ts', 'wire', 'networks.ts', 'errors.ts', 'log.ts', 'nearest.ts', 'own.ts'],
  process: ['errors.ts'],
  durable: ['errors.ts'],
  model: COMMON,
  boot: [...COMMON, 'model'],
  dhcp: [...COMMON, 'boot'],
  tftp: [...COMMON, 'boot'],
  http: [...COMMON, 'boot'],
  syslog: [...COMMON, 'boot'],
  evidence: [...COMMON, 'boot', 'blobs'],
  scsi: COMMON,
  iscsi: [...COMMON, 'boot', 'scsi'],
  store: [...COMMON, 'model'],
  blobs: [...COMMON, 'model', 'boot'],
  backup: [...COMMON, 'model', 'boot', 'store', 'blobs'],
  image: COMMON,
  ssh: [...COMMON, 'model'],
  power: [...COMMON, 'model', 'ssh'],
  admin: [...COMMON, 'model', 'boot', 'store', 'blobs', 'image', 'power', 'ssh', 'backup'],
  lab: [...COMMON, 'admin', 'image', 'boot'],
  // Of the daemon, only what it checks of the machine before it starts.
  doctor: [...COMMON, 'admin', 'boot', 'dhcp', 'daemon'],
  cli: [...COMMON, 'model', 'admin', 'image', 'lab', 'boot', 'ssh', 'doctor', 'backup'],
};
/** Files of src itself that wire the parts together: they may import everything but the command line. */
const WIRING = ['main.ts', 'daemon.ts', 'daemon'];
/** The command line speaks to the daemon through the admin client alone. */
const CLI_SEES_OF_ADMIN = ['admin/client.ts', 'admin/contract.ts'];

const src = join(packageRoot, 'src');

function sources(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap(entry => {
    const path = join(folder, entry.name);
    return entry.isDirectory() ? sources(path) : path.endsWith('.ts') ? [path] : [];
  });
}

function importsOf(file: string): { target: string; typeOnly: boolean }[] {
  const text = readFileSync(file, 'utf8');
  return Array.from(text.matchAll(/^(import|export)( type)?[^;]*?from '(\.[^']+)'/gm), match => ({
    target: relative(src, resolve(dirname(file), match[3] ?? '')),
    typeOnly: match[2] !== undefined,
  }));
}

test('imports point one way', t => {
  const wrong: string[] = [];
  for (const file of sources(src)) {
    const name = relative(src, file);
    const own = name.split('/')[0] ?? '';
    for (const { target, typeOnly } of importsOf(file)) {
      const other = target.split('/')[0] ?? '';
      if (other === own) continue;
      if (WIRING.includes(own)) {
        if (other === 'cli' || other === 'lab') wrong.push(`${name} imports ${target}`);
      } else if (!(ALLOWED[own] ?? []).includes(other)) wrong.push(`${name} imports ${target}`);
      else if (own === 'cli' && other === 'admin' && !CLI_SEES_OF_ADMIN.includes(target))
        wrong.push(`${name} imports ${target}`);
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
