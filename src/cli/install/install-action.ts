// `muster install`, `scyld-install`: turns a bare machine into a head with something for nodes to boot. A second run changes nothing.
import { spawn } from 'node:child_process';
import { existsSync, openSync, readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { DAEMON } from '../../api/daemon.ts';
import { monotonicNow } from '../../clock.ts';
import { MusterError, reasonOf } from '../../errors.ts';
import { packageRoot } from '../../package-root.ts';
import { run, runOk } from '../../process/run.ts';
import { DEFAULT_CONFIG_FILE, INIT_OPTIONS, type InitActionOptions, init, planHead } from '../init-action.ts';
import { planFile } from '../init-file.ts';
import { askText, isInteractive } from '../questions.ts';
import { action, type Context } from '../table.ts';
import { isDebianLike, readOsRelease } from './head-distro.ts';
import { type InstallPlan, planPackages } from './head-packages.ts';

/** How long a started musterd may take to answer, in milliseconds. */
const START_MS = 60_000;
const LOG = '/var/log/musterd.log';

type InitRow = (typeof INIT_OPTIONS)[number];

function isOwn(row: InitRow): row is Exclude<InitRow, { flags: '--with-defaults' }> {
  return row.flags !== '--with-defaults';
}

export const installRun = action({
  name: 'install',
  summary: 'turn a bare machine into a head: packages, configuration, musterd, a distro, DefaultImage and DefaultBoot',
  // All but the last, which is this action's purpose.
  options: INIT_OPTIONS.filter(isOwn),
  examples: [
    'sudo muster install',
    'sudo muster install --interface eth1',
    'sudo muster install --cluster-conf cluster-conf --dry-run',
  ],
  async run(context) {
    const { given, terminal } = context;
    if (process.getuid?.() !== 0 && !given.dryRun)
      throw new MusterError('not-allowed', 'Installing a head requires root.', { hint: 'sudo muster install' });
    // Questions come first: the rest takes minutes, and nobody needs to watch it.
    const complete = withOptions(context, await askMissing(context));
    planFile(complete.given.config ?? DEFAULT_CONFIG_FILE, planHead(complete.given.options).config);
    await installPackages(context);
    if (given.dryRun) return await withDefaults(complete);
    const configured = await init(complete, true);
    if (configured !== 0) return configured;
    terminal.say(await startDaemon(context));
    return await withDefaults(complete);
  },
});

type InstallContext = Context<InitActionOptions>;

async function withDefaults(context: InstallContext): Promise<number> {
  return await init(withOptions(context, { ...context.given.options, withDefaults: true }));
}

/** The context has getters, which a copy would evaluate now. */
function withOptions(context: InstallContext, options: InitActionOptions): InstallContext {
  return Object.create(context, { given: { value: { ...context.given, options } } });
}

async function installPackages({ given, terminal }: Context): Promise<void> {
  const file = '/etc/os-release';
  const os = readOsRelease(existsSync(file) ? readFileSync(file, 'utf8') : '');
  const plan = planPackages(isThere, isDebianLike(os));
  const { installer, missing } = plan;
  if (missing.length === 0) return;
  if (!installer) {
    terminal.say(`No known package manager here; install these packages by hand: ${missing.join(', ')}`);
    return;
  }
  const line = [installer.program, ...installer.install, ...missing].join(' ');
  terminal.say(
    given.dryRun
      ? `would run: ${line}`
      : `installing ${missing.length === 1 ? 'the package' : `${missing.length} packages:`} ${missing.join(', ')}`,
  );
  if (given.dryRun) return;
  const problem = await tryInstall({ installer, missing });
  // A head without Internet works: a command that needs a missing package names it.
  if (problem !== undefined)
    terminal.say(`WARNING: these packages could not be installed: ${problem}\nInstall them later: ${line}`);
}

async function tryInstall({ installer, missing }: Required<InstallPlan>): Promise<string | undefined> {
  const env = { DEBIAN_FRONTEND: 'noninteractive' };
  for (const words of [installer.refresh, [...installer.install, ...missing]]) {
    if (!words) continue;
    const { status, stderr } = await run(installer.program, words, { env });
    if (status !== 0) return stderr.trim().split('\n').slice(-3).join('; ') || `status ${status}`;
  }
  return undefined;
}

function isThere(shows: string): boolean {
  if (shows.startsWith('/')) return existsSync(shows);
  const name = shows.slice(shows.indexOf('/') + 1);
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/bin', '/usr/sbin', '/bin', '/sbin'];
  return folders.some(folder => existsSync(join(folder, name)));
}

/** Asks for what `muster init` would refuse to guess, until the answers make a configuration. */
async function askMissing({ given }: InstallContext): Promise<InitActionOptions> {
  const { options } = given;
  const { interface: nic, address, clusterConf } = options;
  if (!isInteractive() || [nic, address, clusterConf].some(value => value !== undefined)) return options;
  const found = Object.entries(networkInterfaces()).flatMap(([name, list]) =>
    (list ?? []).filter(({ family, internal }) => family === 'IPv4' && !internal).map(({ cidr }) => `${name} ${cidr}`),
  );
  process.stderr.write(`Interfaces: ${found.join(', ') || 'none has an IPv4 address'}\n`);
  const usual = found.at(-1)?.split(' ')[0] ?? '';
  for (;;) {
    const chosen = await askText('Interface of the boot network', usual);
    const range = await askText('Addresses of nodes, FIRST or FIRST-LAST (empty: chosen from the network)', '');
    const answered = { ...options, interface: chosen, ...(range !== '' && { range }) };
    const problem = problemOf(answered);
    // At the end of input every answer is the default, so asking again would never end.
    if (problem === undefined || (chosen === usual && range === '')) return answered;
    process.stderr.write(`${problem}\n`);
  }
}

function problemOf(options: InitActionOptions): string | undefined {
  try {
    planHead(options);
    return undefined;
  } catch (error) {
    if (error instanceof MusterError) return reasonOf(error);
    throw error;
  }
}

/** Starts musterd unless it answers; returns what was done. Throws `not-ready` when it does not start. */
async function startDaemon({ client, given, socket }: Context): Promise<string> {
  const answers = async (): Promise<boolean> =>
    client.call(DAEMON.health).then(
      () => true,
      () => false,
    );
  if (await answers()) return 'musterd is already running';
  if (existsSync('/run/systemd/system')) {
    await runOk('systemctl', ['enable', '--now', 'musterd']);
    return 'started musterd.service, and enabled it for every boot of this machine';
  }
  const config = given.config ?? DEFAULT_CONFIG_FILE;
  const log = openSync(LOG, 'a', 0o640);
  const daemon = spawn(process.execPath, [join(packageRoot, 'dist/src/main.js'), '--config', config], {
    detached: true,
    stdio: ['ignore', log, log],
  });
  let failure: string | undefined;
  daemon.once('error', error => (failure = reasonOf(error)));
  daemon.once('exit', code => (failure = `it ended with status ${code}`));
  const deadline = monotonicNow() + START_MS;
  while (!(await answers())) {
    if (failure === undefined && monotonicNow() < deadline) await sleep(200);
    else
      throw new MusterError('not-ready', `musterd does not answer on ${socket}: ${failure ?? 'it takes too long'}.`, {
        hint: `The reason is at the end of ${LOG}. Correct it and run muster install again.`,
      });
  }
  daemon.unref();
  return `started musterd as process ${daemon.pid}, log ${LOG}; systemd is not running here, so start musterd again after each boot of this machine`;
}
