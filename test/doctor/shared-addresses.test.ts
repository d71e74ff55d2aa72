// Machines that answer for the address of a node: by a fake wire, and by a real one.
import { join } from 'node:path';
import test from 'ava';
import { z } from 'zod';
import type { Health } from '../../src/api/daemon.ts';
import { defaultConfig } from '../../src/config.ts';
import type { AddressOwner, Patient } from '../../src/doctor/finding.ts';
import { checkSharedAddresses } from '../../src/doctor/shared-addresses.ts';
import { packageRoot } from '../../src/package-root.ts';
import { requireAll } from '../support/require.ts';
import { WiredHead } from '../support/wired-head.ts';

const OWN = '52:54:00:00:00:01';
const OTHER = '52:54:00:00:00:99';
const NODE: AddressOwner = { name: 'n0', ip: '10.54.0.100', isUp: true, macs: [OWN] };

function patient(more: Partial<Patient> = {}): Patient {
  const chosen = { check: 'configuration', verdict: 'ok', text: '' } as const;
  const [missing, short] = [[], []];
  const health = { version: '1' } as Partial<Health> as Health;
  return {
    ...{ config: defaultConfig(), file: undefined, chosen, health, silence: undefined, missing, short },
    ...{ damaged: undefined, nodes: [NODE], isRoot: true, probeMs: 1000, ...more },
  };
}

test('a machine that is not the node is named; the node itself, with each of its interfaces, is not', async t => {
  const ask = async (macs: readonly string[] | undefined, more: Partial<Patient> = {}) => {
    const { verdict, text } = await checkSharedAddresses(patient(more), async () => macs);
    return `${verdict}: ${text}`;
  };
  t.is(
    await ask([OWN, OTHER]),
    `warn: Machines with unknown hardware addresses answer for: 10.54.0.100 of n0 (${OTHER}).`,
  );
  t.regex(await ask([OTHER]), /^warn: /);
  t.regex(await ask([OWN]), /^ok: No other machine answers for the addresses of 1 node\.$/);
  t.regex(await ask([]), /^ok: /, 'it is off');
  t.regex(await ask([OWN, OTHER], { nodes: [{ ...NODE, macs: [OWN, OTHER] }] }), /^ok: /);
  t.regex(await ask(undefined), /^skip: No node has an address on a wire/);
  t.regex(await ask([OTHER], { isRoot: false }), /^skip: .*raw socket/);
  t.regex(await ask([OTHER], { probeMs: undefined }), /^skip: .*as requested/);
  t.regex(await ask([OTHER], { health: undefined }), /^skip: /);
});

test('of many nodes only those that are not up are probed, in limited number', async t => {
  const nodes = Array.from({ length: 500 }, (_, index) => ({ ...NODE, ip: `10.54.1.${index}`, isUp: index >= 10 }));
  const asked: string[] = [];
  await checkSharedAddresses(patient({ nodes }), async ip => {
    asked.push(ip);
    return [OWN];
  });
  t.is(asked.length, 64);
  t.deepEqual(
    asked.slice(0, 10).sort(),
    nodes
      .slice(0, 10)
      .map(({ ip }) => ip)
      .sort(),
  );
});

const REPORT = z.object({ findings: z.array(z.object({ check: z.string(), verdict: z.string(), text: z.string() })) });

test.serial(
  '`muster doctor` sees a second machine on a real wire, of which a musterd without raw sockets sees nothing',
  async t => {
    t.timeout(300_000);
    if (!requireAll(t, { root: true, programs: ['ip', 'mksquashfs'] })) return;
    const wired = await WiredHead.start({ isUnprivileged: true });
    t.teardown(async () => wired.stop());
    await wired.fill(OWN);
    await wired.addMachine('n0', OWN, '10.54.0.100/24');
    const doctor = async () => {
      const words = ['-c', join(wired.folder, 'muster.toml'), '--json', 'doctor', '--wait', '1'];
      const script = join(packageRoot, 'dist/src/cli/bin.js');
      const command = ['sh', '-c', '"$@" || true', 'sh', process.execPath, script, ...words];
      const { findings } = REPORT.parse(JSON.parse(await wired.machine.run(command)));
      return findings.find(({ check }) => check === 'shared addresses');
    };
    t.like(await doctor(), { verdict: 'ok' });
    await wired.addMachine('copy', OTHER, '10.54.0.100/24');
    const found = await doctor();
    t.is(found?.verdict, 'warn');
    t.regex(found?.text ?? '', new RegExp(`10\\.54\\.0\\.100 of n0 \\(${OTHER}\\)`));
  },
);
