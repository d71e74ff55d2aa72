import { createHash, randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { requireAll } from '../support/require.ts';
import { type FakeHead, type FakeHeadOptions, startHead } from './fake-head.ts';
import { giveSession, makePlace, type Place, runParts, SHELLS } from './shells.ts';

const IMAGE = randomBytes(300_000);

async function nodeWithHead(
  t: ExecutionContext,
  options: FakeHeadOptions,
  client: 'busybox' | 'curl',
): Promise<{ place: Place; head: FakeHead }> {
  const head = await startHead({ image: IMAGE, ...options });
  t.teardown(() => head.stop());
  const place = await makePlace(t, client);
  await giveSession(place, {
    MUSTER_URL: `${head.url}/boot/v1/s1`,
    MUSTER_IMAGE: "Someone's image",
    MUSTER_IMAGE_SIZE: IMAGE.length,
    MUSTER_IMAGE_SHA256: createHash('sha256').update(IMAGE).digest('hex'),
    MUSTER_STYLE: 'rwram',
    MUSTER_FAILURE_SECS: 5,
  });
  return { place, head };
}

const FETCH = 'mount() { :; }; fetch_image && echo FETCHED';
const fetched = (place: Place) => readFile(join(place.run, 'private/image/root.squashfs'));
const pauses = async (place: Place) => (await readFile(join(place.run, 'pauses'), 'utf8').catch(() => '')).split('\n');

for (const shell of Object.keys(SHELLS)) {
  const title = `${shell}: a number from outside is decimal, whatever zeros stand in front of it`;
  test.serial(title, async t => {
    if (!requireAll(t, { programs: [SHELLS[shell]?.[0] ?? '', 'busybox'] })) return;
    const place = await makePlace(t);
    const texts = ["' 08'", '010', '000', '7', '123456789012345', '1234567890123456', "''", '-1', '0x10', "'Wed, 21'"];
    const script = `for text in ${texts.join(' ')}; do n=$(whole_number "$text"); echo "$((\${n:-1} * 1000))"; done`;
    const { stdout, stderr } = await runParts(shell, place, script);
    const wanted = [8, 10, 0, 7, 123456789012345, 1, 1, 1, 1, 1];
    t.deepEqual(
      stdout.trim().split('\n'),
      wanted.map(number => String(number * 1000)),
      stderr,
    );
  });
}

for (const client of ['busybox', 'curl'] as const) {
  for (const shell of Object.keys(SHELLS)) {
    const programs = [...new Set([SHELLS[shell]?.[0] ?? '', client, 'busybox'])];
    const title = (what: string) => `${shell}, ${client}: ${what}`;

    test.serial(title('a broken download goes on where it stopped, as often as it must'), async t => {
      if (!requireAll(t, { programs })) return;
      const tricks = [{ cutAfter: 100_000 }, { cutAfter: 50_000 }, { status: 500 }];
      const { place, head } = await nodeWithHead(t, { tricks }, client);
      const { stdout, stderr } = await runParts(shell, place, FETCH);
      t.is(stdout, 'FETCHED\n', stderr);
      t.true((await fetched(place)).equals(IMAGE));
      const starts = head.ranges.map(range => Number(/^bytes=(\d+)-$/.exec(range)?.[1] ?? 0));
      t.is(starts.length, 4);
      // What arrived before the reset may be less than was sent, and is never asked for again.
      t.true(
        starts[0] === 0 &&
          (starts[1] ?? 0) <= 100_000 &&
          (starts[2] ?? 0) >= (starts[1] ?? 0) &&
          starts[3] === starts[2],
      );
      t.like(head.reports.at(-1), { stage: 'image' });
      t.regex(head.reports.at(-1)?.['detail'] ?? '', /^300000 bytes in \d+ s, verified$/);
    });

    test.serial(title('a server without ranges sends the whole again, and the file is whole'), async t => {
      if (!requireAll(t, { programs })) return;
      const { place } = await nodeWithHead(t, { tricks: [{ cutAfter: 100_000 }, { wholeFile: true }] }, client);
      t.is((await runParts(shell, place, FETCH)).stdout, 'FETCHED\n');
      t.true((await fetched(place)).equals(IMAGE));
    });

    test.serial(title('503 with Retry-After is given its time, with jitter on top'), async t => {
      if (!requireAll(t, { programs })) return;
      const { place } = await nodeWithHead(t, { tricks: [{ status: 503, headers: { 'retry-after': '7' } }] }, client);
      t.is((await runParts(shell, place, FETCH)).stdout, 'FETCHED\n');
      const waits = (await pauses(place))
        .filter(Boolean)
        .map(Number)
        .filter(seconds => seconds >= 7);
      t.true(
        waits.some(seconds => seconds < 9.5),
        String(waits),
      );
    });

    test.serial(title('a silent connection is ended, and nothing of it is added later'), async t => {
      if (!requireAll(t, { programs })) return;
      const { place, head } = await nodeWithHead(t, { tricks: [{ silentAfter: 10_000 }] }, client);
      const watch = 'MUSTER_IDLE_SECS=1;';
      t.is((await runParts(shell, place, watch + FETCH)).stdout, 'FETCHED\n');
      t.true((await fetched(place)).equals(IMAGE));
      t.is(head.ranges.length, 2);
    });

    test.serial(
      title('bytes that are not the promised ones: one more try, then the end, with both digests'),
      async t => {
        if (!requireAll(t, { programs })) return;
        const { place, head } = await nodeWithHead(t, { image: Buffer.alloc(IMAGE.length) }, client);
        const { status, stdout, stderr, console } = await runParts(shell, place, FETCH);
        t.deepEqual({ status, stdout }, { status: 3, stdout: 'REBOOT\n' }, stderr);
        t.deepEqual(head.ranges, ['', '']);
        const [got, wanted] = [Buffer.alloc(IMAGE.length), IMAGE].map(bytes =>
          createHash('sha256').update(bytes).digest('hex').slice(0, 12),
        );
        t.regex(
          head.reports.at(-1)?.['error'] ?? '',
          new RegExp(`SHA-256 ${got}, and the head promised ${wanted}, also when`),
        );
        t.regex(console, /reboots in [5-7] seconds/);
      },
    );

    test.serial(title('a session that is over ends the boot at once'), async t => {
      if (!requireAll(t, { programs })) return;
      const { place, head } = await nodeWithHead(t, { tricks: [{ status: 410 }] }, client);
      const { status, console } = await runParts(shell, place, FETCH);
      t.is(status, 3);
      t.regex(console, /boot session is over \(HTTP 410\)/);
      t.like(head.reports.at(-1), { stage: 'image' });
      t.notRegex(console, /boot\/v1\/s1/, 'the session is not shown');
    });

    test.serial(
      title('a head that does not come back is given up after the patience, with the place where it stopped'),
      async t => {
        if (!requireAll(t, { programs })) return;
        const { place, head } = await nodeWithHead(t, {}, client);
        await head.stop();
        const { status, console } = await runParts(shell, place, FETCH, { MUSTER_PATIENCE_SECS: '0' });
        t.is(status, 3);
        t.regex(console, /gave up the download at 0 of 300000 bytes: nothing came for 0 s \(no answer/);
      },
    );
  }
}

test('a report has one line for each value, whatever its content', async t => {
  if (!requireAll(t, { programs: ['dash', 'busybox'] })) return;
  const { place, head } = await nodeWithHead(t, {}, 'busybox');
  const WORDS = 'it\'s a\ntoken=`forged` $HOME "x"\u0007';
  const { status } = await runParts('dash', place, 'report stage=image "error=$WORDS"', { WORDS });
  t.is(status, 0);
  t.like(head.reports[0], { stage: 'image', error: 'it\'s a token=`forged` $HOME "x"' });
  t.deepEqual(Object.keys(head.reports[0] ?? {}), ['stage', 'error', 'uptime']);
});

test('the memory check names both figures, before anything is fetched', async t => {
  if (!requireAll(t, { programs: Object.values(SHELLS).map(words => words[0] ?? '') })) return;
  const { place, head } = await nodeWithHead(t, {}, 'busybox');
  await writeFile(join(place.proc, 'meminfo'), 'MemTotal:  400000 kB\nMemAvailable:  204800 kB\n');
  const check = (style: string, mib: number) =>
    `MUSTER_STYLE=${style} MUSTER_IMAGE_SIZE=$((${mib} << 20)) MUSTER_IMAGE_UNPACKED=$((100 << 20)); choose_style; check_memory; echo ENOUGH`;
  for (const shell of Object.keys(SHELLS)) {
    t.is((await runParts(shell, place, check('rwram', 36))).stdout, 'ENOUGH\n');
    t.is((await runParts(shell, place, check('roram', 136))).stdout, 'ENOUGH\n');
    const { status, console } = await runParts(shell, place, check('rwram', 37));
    t.is(status, 3);
    t.regex(console, /rwram: it needs 201 MiB \(archive 37 \+ unpacked 100 \+ reserve 64\), and 200 MiB are free/);
    t.regex(
      (await runParts(shell, place, check('roram', 137))).console,
      /needs 201 MiB \(archive 137 \+ reserve 64\), and 200 MiB/,
    );
  }
  t.deepEqual(head.ranges, []);
});
