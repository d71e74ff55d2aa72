// The iPXE scripts: each has an end for what goes wrong, with waits that differ from node to node.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { planBoot } from '../../src/boot/plan.ts';
import { renderRefusal, renderScript } from '../../src/boot/script.ts';
import { packageRoot } from '../../src/package-root.ts';
import { FakeCluster } from '../fakes/cluster.ts';

const folder = join(packageRoot, 'boot-scripts');
const scripts = readdirSync(folder)
  .filter(name => name.endsWith('.ipxe'))
  .map(name => ({ name, text: readFileSync(join(folder, name), 'utf8') }));

test('no script ends at a prompt: its last command leaves, also where the build has no such command', t => {
  for (const { name, text } of scripts) {
    const last = text.trim().split('\n').at(-1) ?? '';
    t.regex(last, /^(reboot|exit|poweroff)\b.*(\|\|\s*exit\b.*)?$/, `${name}: ${last}`);
  }
});

test('every command that fetches says where to go when it fails', t => {
  for (const { name, text } of scripts) {
    for (const line of text.split('\n')) {
      if (!/^(kernel|initrd|chain|imgfetch|boot|dhcp)\b/.test(line)) continue;
      t.regex(line, /\|\| (goto \w+|echo .+)$|&& exit \|\| goto \w+$/, `${name}: ${line}`);
    }
  }
});

test('every label that is gone to is there', t => {
  for (const { name, text } of scripts) {
    for (const [, label = ''] of text.matchAll(/goto (\w+)/g))
      t.true(text.includes(`\n:${label}\n`), `${name}: ${label}`);
  }
});

test('the waits grow, and two boots have different ones', t => {
  const fake = new FakeCluster();
  const { node } = fake.bootable();
  const answer = planBoot(fake.cluster, node);
  if (!('plan' in answer)) return t.fail(answer.refused);
  const template = scripts.find(({ name }) => name === 'netboot.ipxe')?.text ?? '';
  const waits = (random: number) =>
    Array.from(renderScript(template, answer.plan, 'http://h', {}, () => random).matchAll(/set pause (\d+)/g), match =>
      Number(match[1]),
    );
  t.deepEqual(waits(0), [2, 4, 8, 15]);
  t.deepEqual(waits(1), [4, 8, 16, 30]);
  t.regex(
    renderRefusal('sleep @WAIT_5@ @NODE@ @REASON@', 'n0', 'no', () => 0.5),
    /^sleep 45 /,
  );
});
