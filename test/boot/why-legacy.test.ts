// What an older muster left: timelines with words alone, and an initramfs that reports no faults. One file reads them.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import type { Boot } from '../../src/boot/boot.ts';
import type { Fault } from '../../src/boot/faults.ts';
import type { Stage } from '../../src/boot/journey.ts';
import { factsOfNodesWords, withFacts } from '../../src/boot/why-legacy.ts';
import { packageRoot } from '../../src/package-root.ts';

function stored(...events: Boot['events']): Boot {
  return withFacts({ id: 'a', node: 'n', started: 0, events });
}

/** What servers and initramfs said before they stated facts. */
const WORDS: readonly (readonly [Fault, Stage, string])[] = [
  [
    'other-dhcp-server',
    'addressed',
    'the client took the offer of 10.54.0.9: another DHCP server answers on the boot network',
  ],
  ['address-in-use', 'addressed', 'n0 declined 10.54.0.100: another machine on the boot network uses that address'],
  ['no-loader-for-firmware', 'offered', 'there is no loader for this firmware: ARM 64-bit UEFI (11)'],
  ['loader-lacks-its-file', 'loader', "TFTP: No file 'ldlinux.e64' is served."],
  ['nothing-to-boot', 'script', 'the boot config DefaultBoot has no kernel; update kernel=@FILE'],
  [
    'image-damaged',
    'image',
    'the image arrived with the SHA-256 0123, and the head promised 4567, also when it was fetched again',
  ],
  ['too-little-memory', 'image', 'too little memory for the style rwram: it needs 900 MiB, and 400 MiB are free'],
  ['wrong-disk', 'image', 'there is no LABEL=root (_disk_root); there are: sda 400 MiB'],
  ['no-network-driver', 'initramfs', 'no network interface has the hardware address 52:54:00:00:00:01'],
  ['no-link', 'initramfs', 'the interface eth0 (52:54:00:00:00:01) has no link: cable or switch port'],
  ['iscsi-secret-wrong', 'image', 'iSCSI login refused: wrong CHAP name or secret'],
  [
    'iscsi-secret-wrong',
    'image',
    'the head refused the iSCSI login (iSCSI login failed due to authorization failure); its log says why',
  ],
  [
    'iscsi-target-missing',
    'image',
    'iSCSI login refused: it wants iqn.2026-01.lab:1, and its image is iqn.2026-01.lab:2',
  ],
  ['iscsi-refused', 'image', 'no iSCSI login at 10.54.0.1:3260 in 120 s (cannot make connection)'],
  ['image-not-mounted', 'root', 'the image cannot be mounted: it is no squashfs that this kernel knows'],
  ['initramfs-lacks-part', 'image', 'this initramfs does not know the boot style live; it knows: rwram'],
  [
    'kernel-for-other-processor',
    'script',
    "the kernel of the boot config Compute is for x86, and the node's firmware for 64-bit ARM",
  ],
  ['no-init', 'root', 'the image Img has no /sbin/init; install systemd-sysv (Debian) or systemd (RHEL) into it'],
  ['session-over', 'image', 'the head says that this boot session is over (HTTP 410)'],
  ['unreadable-file', 'kernel', 'the head cannot read the stored kernel: ENOENT'],
  ['short-file', 'kernel', "the head's stored kernel has 5000000 of 40000000 bytes"],
  [
    'short-file',
    'kernel',
    "iPXE could not get or start kernel and initramfs in five tries: the head's stored initramfs has 0 of 9 bytes",
  ],
  ['download-stopped', 'image', 'gave up the download at 5 of 10 bytes: nothing came for 3600 s'],
  ['no-space', 'image', 'it has no room for the image of 70 MiB'],
];

test('the words of an error that was stored without its fault name it', t => {
  for (const [fault, stage, error] of WORDS) {
    const [event] = stored({ at: 1, stage, error }).events;
    t.is(event?.fault, fault, error);
    t.is(event?.error, error);
  }
});

test('values and transfers are read from old words too', t => {
  const { events } = stored(
    { at: 1, stage: 'kernel', error: "the head's stored kernel has 5 of 40 bytes" },
    { at: 2, stage: 'kernel', detail: 'kernel in 0.2 s' },
    { at: 3, stage: 'kernel', detail: 'initramfs from byte 9 in 3.0 s, cut off after 1000 bytes' },
    { at: 4, stage: 'initramfs', detail: 'eth0, kernel in 0.2 s' },
    { at: 5, stage: 'image', error: 'the head refused the iSCSI login (24)' },
  );
  t.like(events[0], { fault: 'short-file', file: 'kernel', about: { have: 5, want: 40 }, by: undefined });
  t.like(events[1], { file: 'kernel', complete: true });
  t.like(events[2], { file: 'initramfs', complete: false });
  t.is(events[3]?.file, undefined);
  t.like(events[4], { fault: 'iscsi-refused', by: 'node' });
});

test('an event with a fault keeps it, whatever its words say', t => {
  const event = { at: 1, stage: 'image', error: 'too little memory: SHA-256', fault: 'no-link' } as const;
  t.deepEqual(stored(event).events, [event]);
});

test('an old initramfs cannot blame the head by its words', t => {
  t.deepEqual(factsOfNodesWords('image', 'took the offer of 10.54.0.9'), {});
  t.is(factsOfNodesWords('root', 'the image Img has no /sbin/init').fault, 'no-init');
});

/** A regular expression, or a comparison of pieces, on what was written for people. */
const READS_WORDS =
  /\/[a-z]*\.(?:test|exec)\([^)]*\b(?:detail|error|refusal|refused|reasonOf|message)\b|\b(?:detail|error|refusal|refused|message)\??\.(?:startsWith|endsWith|includes|match|matchAll|search)\(/;

/** SQLite has no code for this, and zod none that tells its own messages from those of a schema. */
const UNAVOIDABLE = [/no such table/, /\^\(Invalid\|.*\.test\(issue\.message\)/];

test('no rule of `why`, and nothing else that decides about a boot, reads words', t => {
  const path = join(packageRoot, 'src');
  for (const name of readdirSync(path, { recursive: true, encoding: 'utf8' })) {
    if (!name.endsWith('.ts') || name === 'boot/why-legacy.ts') continue;
    const lines = readFileSync(join(path, name), 'utf8').split('\n');
    for (const [index, line] of lines.entries())
      if (!UNAVOIDABLE.some(known => known.test(line))) t.notRegex(line, READS_WORDS, `src/${name}:${index + 1}`);
  }
  for (const name of readdirSync(join(packageRoot, 'src/boot'))) {
    if (!/^why(?!-legacy|-words)|^status|^timeline/.test(name)) continue;
    const text = readFileSync(join(packageRoot, 'src/boot', name), 'utf8');
    const words = text.split('\n').filter(line => /RegExp|\.test\(|\.exec\(|\.match\(/.test(line));
    t.deepEqual(
      words.filter(line => !ALLOWED.has(line.trim())),
      [],
      name,
    );
  }
});

/** Those that look at a name or make a sentence, and not at an event. */
const ALLOWED: ReadonlySet<string> = new Set([
  "({ file, name }) => !file.test(boot.loader ?? '') && (names.length === 0 || names.includes(name)),",
]);
