// The machine: its interface, loaders, programs, disk, clock, permissions, group.
import { existsSync, statfsSync, statSync } from 'node:fs';
import { userInfo } from 'node:os';
import { dirname, join } from 'node:path';
import { accounts } from '../accounts.ts';
import { findLoaders, GRUB_FILES } from '../boot/loaders.ts';
import type { LoaderName } from '../config-values.ts';
import { loaderMismatches } from '../daemon/boot-files.ts';
import { findInterface } from '../daemon/preflight.ts';
import { reasonOf } from '../errors.ts';
import { linkReader } from '../evidence/links.ts';
import { run } from '../process/run.ts';
import { parseSubnet } from '../wire/ip.ts';
import { type Finding, finding, type Patient } from './finding.ts';

/** Returns the interface of the boot network; undefined when there is none. */
export function bootInterface({ config }: Patient): string | undefined {
  const network = parseSubnet(config['head.address']);
  try {
    return network && findInterface(config, network);
  } catch {
    return undefined;
  }
}

export async function checkInterface({ config }: Patient): Promise<Finding> {
  const say = finding('interface');
  const network = parseSubnet(config['head.address']);
  if (!network)
    return say('fail', `head.address '${config['head.address']}' is no address with a prefix.`, 'Correct it.');
  let nic: string;
  try {
    nic = findInterface(config, network);
  } catch (error) {
    const device = config['head.interface'] || 'INTERFACE';
    return say('fail', reasonOf(error), `ip address add ${config['head.address']} dev ${device}, and make it last.`);
  }
  if (nic === 'lo')
    return say('warn', `${network.address} is on the loopback: no node can reach it.`, 'Set head.address.');
  if (!(await linkReader())(nic)?.hasCarrier)
    return say('warn', `${nic} has ${network.address} and no link.`, `Plug it in, or: ip link set ${nic} up`);
  return say('ok', `${nic} has ${network.address}/${network.prefix}, and a link.`);
}

/** The packages with the loaders of each kind of firmware. */
const LOADER_PACKAGES: readonly { name: LoaderName; firmware: string }[] = [
  { name: 'bios', firmware: 'BIOS' },
  { name: 'efi64', firmware: '64-bit UEFI' },
];

export function checkLoaders({ config }: Patient): Finding[] {
  const say = finding('loaders');
  const gone = Object.entries(config.loaders).filter(([, path]) => !existsSync(path));
  const found = findLoaders(config.loaders, existsSync);
  const lacking = LOADER_PACKAGES.filter(({ name }) => found[name] === undefined);
  const install =
    'Install the package ipxe (Debian) or ipxe-bootimgs-x86 (RHEL), or name a file in [loaders]; then restart musterd.';
  const findings = [
    ...gone.map(([name, path]) => say('fail', `loaders.${name}: ${path} is not there.`, 'Correct the path.')),
    ...lacking.map(({ firmware }) => say('fail', `No iPXE for ${firmware} was found.`, install)),
    ...loaderMismatches(found).map(({ name, text }) =>
      say('fail', `loaders.${name}: ${text}.`, `Correct loaders.${name}, or take it out; then restart musterd.`),
    ),
  ];
  if (findings.length > 0) return findings;
  return [
    say(
      'ok',
      `iPXE: ${Object.entries(found)
        .map(([name, path]) => `${name} ${path}`)
        .join(', ')}.`,
    ),
  ];
}

/** Programs that commands or styles need, and what fails without them. */
const PROGRAMS: readonly { program: string; for: string; debian: string; rhel: string }[] = [
  {
    program: 'unsquashfs',
    for: 'muster mkramfs and the sizes of images',
    debian: 'squashfs-tools',
    rhel: 'squashfs-tools',
  },
  {
    program: 'grub-mkimage',
    for: `_boot_loader=grub (${GRUB_FILES.efi64}) and local disks`,
    debian: 'grub-common grub-efi-amd64-bin',
    rhel: 'grub2-tools grub2-efi-x64-modules',
  },
];

export async function checkPrograms(): Promise<Finding> {
  const say = finding('programs');
  const missing: (typeof PROGRAMS)[number][] = [];
  for (const row of PROGRAMS) {
    const names = [row.program, row.program.replace(/^grub-/, 'grub2-')];
    if (!names.some(name => FOLDERS.some(folder => existsSync(join(folder, name))))) missing.push(row);
  }
  if (missing.length === 0) return say('ok', `${PROGRAMS.map(({ program }) => program).join(', ')} are there.`);
  return say(
    'warn',
    `${missing.map(row => `${row.program} is missing (${row.for})`).join('; ')}.`,
    `apt-get install ${missing.map(row => row.debian).join(' ')} (Debian); dnf install ${missing.map(row => row.rhel).join(' ')} (RHEL)`,
  );
}

const FOLDERS = ['/usr/bin', '/bin', '/usr/sbin', '/sbin', '/usr/local/bin', '/usr/local/sbin'];

/** An upload needs room for a whole image; the database always needs some. Bytes. */
const LITTLE = 5 * 2 ** 30;
const TOO_LITTLE = 256 * 2 ** 20;

export function checkDisk({ config }: Patient): Finding {
  const say = finding('disk');
  const folder = existing(config['paths.state']);
  const { bavail, bsize, files, ffree } = statfsSync(folder);
  const free = bavail * bsize;
  const text = `${(free / 2 ** 30).toFixed(1)} GiB are free for ${config['paths.state']}.`;
  const remedy =
    "'muster storage gc' removes what nothing refers to; else enlarge the file system, or move paths.state.";
  if (free < TOO_LITTLE) return say('fail', text, remedy);
  if (files > 0 && ffree / files < 0.01) return say('fail', `${folder} has no inodes left.`, remedy);
  return free < LITTLE ? say('warn', text, remedy) : say('ok', text);
}

/** The day this was written: an earlier clock is certainly wrong. Milliseconds since 1970. */
const WRITTEN = Date.UTC(2026, 10, 1);

export async function checkClock(now = Date.now()): Promise<Finding> {
  const say = finding('clock');
  const remedy =
    'Install chrony (or systemctl enable --now systemd-timesyncd): nodes and logs take their time from the head.';
  if (now < WRITTEN) return say('fail', `The clock says ${new Date(now).toISOString()}.`, remedy);
  const answer = await run('timedatectl', ['show', '--property=NTPSynchronized', '--value'], { timeoutMs: 5000 }).catch(
    () => undefined,
  );
  if (answer?.stdout.trim() === 'yes') return say('ok', 'The clock is synchronised.');
  if (answer?.stdout.trim() === 'no') return say('warn', 'The clock is not synchronised.', remedy);
  return say(
    'skip',
    `The clock says ${new Date(now).toISOString()}; whether it is synchronised, only systemd could tell.`,
  );
}

export function checkPermissions(patient: Patient): Finding[] {
  const say = finding('permissions');
  const { config, file, isRoot } = patient;
  const findings: Finding[] = [];
  if (file !== undefined && (statSync(file).mode & 0o022) !== 0)
    findings.push(say('fail', `${file} can be changed by others.`, `chmod 644 ${file}`));
  const state = config['paths.state'];
  if (!existsSync(state)) {
    findings.push(say('skip', `${state} is not there yet; musterd makes it.`));
    return findings;
  }
  const { uid, gid, mode } = statSync(state);
  if ((mode & 0o077) !== 0) findings.push(say('fail', `${state} is open to others.`, `chmod 700 ${state}`));
  const daemon = patient.health && ownerOf(patient.health.pid);
  const foreign = isRoot
    ? ['muster.db', 'muster.db-wal', 'lock.db', 'head.key', 'blobs', 'uploads'].filter(name => {
        const path = join(state, name);
        return existsSync(path) && statSync(path).uid !== uid;
      })
    : [];
  if (foreign.length > 0) {
    const names = foreign.join(', ');
    findings.push(
      say(
        'fail',
        `In ${state}, ${names} belong to another user than the folder; musterd cannot write them.`,
        `chown -R ${uid}:${gid} ${state}`,
      ),
    );
  }
  if (daemon !== undefined && daemon !== uid)
    findings.push(
      say(
        'warn',
        `musterd runs as uid ${daemon}, and ${state} belongs to uid ${uid}.`,
        'Run it by its unit: systemctl start musterd',
      ),
    );
  return findings.length > 0 ? findings : [say('ok', `${state} is closed to others.`)];
}

export function checkGroup({ config }: Patient, groups = process.getgroups?.() ?? []): Finding {
  const say = finding('group');
  const group = accounts('group').find(({ name }) => name === 'muster');
  if (!group)
    return say(
      'warn',
      "There is no group 'muster': only root can use the command line.",
      'groupadd --system muster, then restart musterd.',
    );
  const { id: gid, fields } = group;
  const members = fields[3] ?? '';
  const socket = config['paths.socket'];
  if (existsSync(socket) && statSync(socket).gid !== gid)
    return say('warn', `${socket} does not belong to the group muster.`, 'systemctl restart musterd');
  if (process.getuid?.() === 0) return say('ok', `Members of the group muster: ${members || 'none but root'}.`);
  const { username } = userInfo();
  if (groups.includes(gid)) return say('ok', `${username} is in the group muster.`);
  if (members.split(',').includes(username))
    return say(
      'fail',
      `${username} is in the group muster, but this session began before that.`,
      'Log out and in again.',
    );
  return say('fail', `${username} is not in the group muster.`, `usermod -aG muster ${username}, then log in again.`);
}

function ownerOf(pid: number): number | undefined {
  try {
    return statSync(`/proc/${pid}`).uid;
  } catch {
    return undefined;
  }
}

/** Returns the folder, or the nearest existing one above it. */
function existing(folder: string): string {
  return existsSync(folder) ? folder : existing(dirname(folder));
}
