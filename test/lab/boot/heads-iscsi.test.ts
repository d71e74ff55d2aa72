// A node whose root is on iSCSI, and two heads that both have it: the head that serves the root is killed, loses its power, and comes
// and goes, while the node reads all of its /usr again and again. No read fails, and each pass reads the same bytes.
import test, { type ExecutionContext } from 'ava';
import type { Machine } from '../../../lab/machine.ts';
import { HEADS, SERVICE, type TwoHeads, type WiredHead, withTwoHeads } from '../../support/two-heads.ts';
import { until } from '../../support/until.ts';
import { runInside } from '../console.ts';

/** How often the serving head comes and goes. */
const FLAPS = Number(process.env['MUSTER_LAB_FLAPS'] ?? 4);
/** The longest time that a read may take, in seconds. */
const MOST_STALL = 15;
/** A pass takes about 10 s of an idle machine. */
const SLOW = { milliseconds: 300_000, every: 500 };
/** Memory of the node, where also its busybox is: what runs from it goes on while the root stands still. */
const MEMORY = '/run/muster';

/** Reads /usr again and again, a line for each pass. */
const READER = `while :; do
echo 3 > /proc/sys/vm/drop_caches
find /usr -xdev -type f -print0 | LC_ALL=C sort -z | xargs -0 cat | sha256sum >> ${MEMORY}/sums
done
`;

/** Reads a block of the disk five times a second, and keeps the longest time that one took, in hundredths of a second. */
const TICKER = `worst=0 at=0
while :; do
[ ! -e ${MEMORY}/again ] || { worst=0; : > ${MEMORY}/worst; ./busybox rm ${MEMORY}/again; }
read a x < /proc/uptime
./busybox dd if=/dev/sda of=/dev/null bs=4096 count=1 skip=$at iflag=direct 2> ${MEMORY}/dd || ./busybox cat ${MEMORY}/dd >> ${MEMORY}/failed
read b x < /proc/uptime
took=$(( (\${b%.*} - \${a%.*}) * 100 + 1\${b#*.} - 1\${a#*.} ))
if [ $took -gt $worst ]; then worst=$took; echo $worst > ${MEMORY}/worst; fi
echo $at > ${MEMORY}/ticks
at=$(((at + 977) % 20000))
./busybox sleep 0.2
done
`;

async function put(node: Machine, name: string, text: string): Promise<void> {
  const bytes = Buffer.from(text).toString('base64');
  await runInside(node, `echo ${bytes} | base64 -d > ${MEMORY}/${name}`);
}

async function inside(node: Machine, command: string): Promise<string> {
  return (await runInside(node, command)).output.trim();
}

/** Returns how many passes are done. */
const passes = async (node: Machine): Promise<number> => Number(await inside(node, `wc -l < ${MEMORY}/sums`));

/** The head that the node's route leads to. */
const servedBy = async (node: Machine): Promise<string> =>
  /via (\S+)/.exec(await inside(node, `${MEMORY}/agent/busybox ip route get ${SERVICE}`))?.[1] ?? '';

/** Returns the longest stall since the last call, in seconds. */
async function worstStall(node: Machine): Promise<number> {
  const worst = Number(await inside(node, `cat ${MEMORY}/worst; : > ${MEMORY}/again`));
  await until(
    'the ticker begins again',
    async () => (await inside(node, `ls ${MEMORY}/again 2> /dev/null | wc -l`)) === '0',
  );
  return worst / 100;
}

async function startReading(node: Machine): Promise<void> {
  await put(node, 'reader', READER);
  await put(node, 'ticker', TICKER);
  await runInside(
    node,
    `cd ${MEMORY}/agent && { setsid ./busybox sh ../ticker & setsid sh ../reader & } < /dev/null > /dev/null 2>&1`,
  );
  await until('the first pass', async () => (await passes(node)) >= 1, SLOW);
}

/** Does something to the head that serves the root; returns when the other one serves it and a whole pass has been read from it. */
async function lose(
  t: ExecutionContext,
  lab: TwoHeads,
  what: string,
  deed: (head: WiredHead) => Promise<void>,
): Promise<WiredHead> {
  const { heads, node } = lab;
  const was = await servedBy(node);
  const [serving, other] = was === heads[0].address ? heads : [heads[1], heads[0]];
  await worstStall(node);
  await deed(serving);
  await until(`${what}: the other head serves`, async () => (await servedBy(node)) === other.address, SLOW);
  const before = await passes(node);
  await until('a whole pass', async () => (await passes(node)) >= before + 2, SLOW);
  const stall = await worstStall(node);
  t.log(`${what}: a read took ${stall.toFixed(1)} s at most`);
  t.true(stall > 1 && stall <= MOST_STALL, `${what}: ${stall} s`);
  return serving;
}

test.serial('two heads, iscsi: the node goes to the other head, and no read fails', async t => {
  await withTwoHeads(t, async lab => {
    const { node } = lab;
    await lab.bootUp();
    t.is(await servedBy(node), HEADS[0]);
    t.is(await inside(node, 'cat /sys/class/iscsi_connection/*/persistent_address'), SERVICE);
    t.is(
      await inside(node, 'cat /sys/class/iscsi_session/*/recovery_tmo /sys/block/sda/device/scsi_disk/*/max_retries'),
      'off\n-1',
    );
    await startReading(node);

    const killed = await lose(t, lab, 'kill -9', async ({ head }) => head.crash());
    await killed.head.start();
    const dark = await lose(t, lab, 'its link is cut', async head => head.cut());
    await dark.mend();

    const serving = (await servedBy(node)) === lab.heads[0].address ? lab.heads[0] : lab.heads[1];
    const before = await passes(node);
    await serving.flap(FLAPS);
    await until('a whole pass', async () => (await passes(node)) >= before + 2, SLOW);
    const stall = await worstStall(node);
    t.log(`${FLAPS} times away for 3 s and back for 3 s: a read took ${stall.toFixed(1)} s at most`);
    t.true(stall <= MOST_STALL, `${stall} s`);

    const sums = new Set((await inside(node, `cat ${MEMORY}/sums`)).split('\n').map(line => line.slice(0, 64)));
    t.is(sums.size, 1, [...sums].join(' '));
    t.is(await inside(node, `cat ${MEMORY}/failed 2> /dev/null`), '');
    t.notRegex(await inside(node, 'dmesg'), /I\/O error|SQUASHFS error|rejecting I\/O/);
    t.log(await inside(node, 'dmesg | grep -E "muster:|iscsi|connection" | tail -40'));
  });
});
