// One kernel command line, two loaders: what iPXE and GRUB make of it means the same to the kernel, or it is refused.
import test from 'ava';
import fc from 'fast-check';
import { handingOf, kernelLine, MOST_BYTES, parametersOf } from '../../src/boot/command-line.ts';
import { planBoot } from '../../src/boot/plan.ts';
import { grubQuoted } from '../../src/boot/script.ts';
import { cmdlineValue } from '../../src/model/values.ts';
import { run } from '../../src/process/run.ts';
import { FakeCluster } from '../fakes/cluster.ts';
import { requireAll } from '../support/require.ts';

const PLANE = { address: '10.54.0.1', port: 8080 };
const node = { uid: 'u0', name: 'n0', mac: '52:54:00:54:00:01', ip: '10.54.0.100', hostname: 'n0' };

function lineOf(cmdline: string, loader?: string, isEfi?: boolean) {
  return kernelLine({ cmdline, node }, handingOf(loader, { ...PLANE, ...(isEfi !== undefined && { isEfi }) }, 'ID'));
}

function textOf(cmdline: string, loader?: string): string {
  const line = lineOf(cmdline, loader);
  return 'text' in line ? line.text : line.refused;
}

test('what each loader puts before the line, as the kernel says it of itself', t => {
  const text = (loader: string | undefined, isEfi?: boolean) => {
    const line = lineOf('quiet', loader, isEfi);
    return 'text' in line ? line.text : line.refused;
  };
  t.is(text(undefined, false), 'initrd=session initrd=initramfs quiet');
  t.is(text(undefined, true), 'kernel initrd=session initrd=initramfs quiet');
  t.is(text('grub'), 'BOOT_IMAGE=(http,10.54.0.1:8080)/boot/v1/kernel quiet');
  t.is(text('shim'), 'BOOT_IMAGE=(tftp,10.54.0.1)/boot/v1/kernel quiet');
});

test('a quoted value arrives by either loader: GRUB quotes the whole word, which the kernel takes alike', t => {
  const line = 'dyndbg="file drivers/net/* +p"  acpi_osi="!Windows 2012" memmap=4M$512M "a b" plain="x" --- last';
  t.true(
    textOf(line).endsWith(
      'dyndbg="file drivers/net/* +p" acpi_osi="!Windows 2012" memmap=4M$512M "a b" plain="x" --- last',
    ),
  );
  t.true(
    textOf(line, 'grub').endsWith(
      ' "dyndbg=file drivers/net/* +p" "acpi_osi=!Windows 2012" memmap=4M$512M "a b" plain=x --- last',
    ),
  );
});

test('words that a loader would change are refused and named', t => {
  for (const [cmdline, loader, words] of [
    ['back=a\\b', 'grub', /has \\ in back=a\\b, and GRUB would put a backslash before it/],
    ["tick=it's", 'shim', /has ' in tick=it's/],
    ['a="b"c"d"', 'grub', /has " in a="b"c"d"/],
    ['""', 'grub', /has nothing in ""/],
    ['mac=$' + '{net0/mac}', 'grub', /only iPXE puts a setting in its place/],
    ['a="b', undefined, /a double quote that is not closed/],
    ['a="b  c"', undefined, /several spaces in "b {2}c", and iPXE would make one of them/],
    ['a="b  c"', 'grub', /several spaces/],
    ['name=é', undefined, /the character 'é', and UEFI hands on ASCII alone/],
    ['a || b', 'grub', /the word '\|\|', which iPXE takes for its own/],
  ] as const)
    t.regex(textOf(cmdline, loader), words, cmdline);
  t.true(textOf("back=a\\b tick=it's", undefined).endsWith("back=a\\b tick=it's"), 'iPXE changes neither');
});

test('the kernel takes 2,047 bytes of the whole, with what the loader puts before it', t => {
  const length = (isEfi: boolean) => MOST_BYTES - `${isEfi ? 'kernel ' : ''}initrd=session initrd=initramfs `.length;
  for (const isEfi of [true, false]) {
    const fits = lineOf('x'.repeat(length(isEfi)), undefined, isEfi);
    t.is('text' in fits && Buffer.byteLength(fits.text), MOST_BYTES);
    const over = lineOf('x'.repeat(length(isEfi) + 1), undefined, isEfi);
    t.regex(
      'refused' in over ? over.refused : '',
      /the kernel command line has 2048 bytes with what iPXE puts before it, and the kernel takes 2047/,
    );
  }
});

test('boot config and node together may be too long: the plan is refused before anything is sent', t => {
  const fake = new FakeCluster();
  const made = fake.bootable();
  fake.change(made.config, { cmdline: 'w'.repeat(1863) });
  fake.change(made.node, { cmdline: 'n'.repeat(208) });
  const planned = fake.cluster.get('node', made.node.uid);
  const answer = planned && planBoot(fake.cluster, planned, { ...PLANE, isEfi: false });
  t.regex(
    answer && 'refused' in answer ? answer.refused : '',
    /has 2104 bytes with what iPXE puts before it, and the kernel takes 2047/,
  );
});

test('the field counts bytes, takes ASCII alone and closed quotes', t => {
  const problem = (text: string) => cmdlineValue.safeParse(text).error?.issues[0]?.message;
  t.is(problem('a b="c d"'), undefined);
  t.is(problem('aé'.repeat(900)), 'must have 2000 bytes at most');
  t.is(problem('é'), 'must be ASCII: UEFI hands on nothing else');
  t.is(problem('a="b'), 'must close its double quotes');
});

/** lib/cmdline.c, next_arg(): names and values as the kernel reads them. */
function kernelReads(line: string): [name: string, value: string | undefined][] {
  return (parametersOf(line) ?? []).map(parameter => {
    const quoted = parameter.startsWith('"');
    let text = quoted ? parameter.slice(1) : parameter;
    const equals = text.indexOf('=');
    if (quoted && text.endsWith('"')) text = text.slice(0, -1);
    if (equals <= 0) return [text, undefined];
    const value = text.slice(equals + 1);
    const inner = value.startsWith('"') ? value.slice(1).replace(/"$/, '') : value;
    return [text.slice(0, equals), inner];
  });
}

/** grub_create_loader_cmdline() of GRUB 2.06. */
function grubGives(words: readonly string[]): string {
  return words
    .map(word => {
      const escaped = word.replace(/["'\\]/g, '\\$&');
      return word.includes(' ') ? `"${escaped}"` : escaped;
    })
    .join(' ');
}

test('what GRUB is given is one script in its own eyes, whatever the words', async t => {
  if (!requireAll(t, { programs: ['grub-script-check'] })) return;
  const words = fc.stringMatching(/^[ -~]{1,40}$/);
  const lines = fc
    .sample(fc.array(words, { minLength: 1, maxLength: 6 }), { seed: 3, numRuns: 2000 })
    .flatMap(parts => {
      const line = lineOf(parts.join(' '), 'grub');
      return 'refused' in line ? [] : [line.words];
    });
  t.true(lines.length > 50, `${lines.length}`);
  // A word that ended its quotes would open a block or close the one around it.
  const script = lines.map(line => `if linux /k ${grubQuoted(line)} ; then\n  boot\nfi\n`).join('');
  t.is((await run('grub-script-check', [], { input: script })).stderr, '');
  for (const word of lines.flat()) t.notRegex(word, /'/);
  const broken = await run('grub-script-check', [], { input: `${script}if linux /k '{a' 'it's' ; then\n` });
  t.not(broken.status, 0, 'the program looks at all');
});

test('whatever is written, the kernel reads it as written by both loaders, or it is refused', t => {
  const parameter = fc.oneof(
    fc.stringMatching(/^[a-z]{1,4}(=[a-z$*!.,\\' "]{0,8})?$/),
    fc.stringMatching(/^[a-z]{1,3}="[a-z !*]{0,8}"$/),
    fc.stringMatching(/^"[a-z]{1,3}=[a-z ]{0,5}"$/),
  );
  let handedOn = 0;
  fc.assert(
    fc.property(fc.array(parameter, { maxLength: 5 }), fc.constantFrom(undefined, 'grub'), (parameters, loader) => {
      const written = parameters.join(' ');
      const line = lineOf(written, loader);
      if ('refused' in line) return;
      handedOn += 1;
      // iPXE splits at white space and joins with one space each
      const given = loader === 'grub' ? grubGives(line.words) : line.words.join(' ').trim().split(/\s+/).join(' ');
      t.deepEqual(kernelReads(given), kernelReads(written), written);
      t.true(line.text.endsWith(given), 'what is explained is what is given');
    }),
    { numRuns: 3000 },
  );
  t.true(handedOn > 500);
});
