#!/usr/bin/env node
// musterd: reads its configuration, starts, and stops on SIGTERM or SIGINT.
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { type Config, defaultConfig, loadConfig } from './config.ts';
import { logDestination } from './daemon/journal.ts';
import { applyReload } from './daemon/reload.ts';
import { type ServiceManager, serviceManager } from './daemon/service-manager.ts';
import { type Daemon, startDaemon } from './daemon.ts';
import { MusterError, reasonOf } from './errors.ts';
import { createLog } from './log.ts';
import { version } from './package-root.ts';

const DEFAULT_FILE = '/etc/muster/muster.toml';

const HELP = `Usage: musterd [--config FILE] [--check]

The boot-path server: DHCP, TFTP, HTTP boot and the admin socket of one head.

  --config FILE  configuration (TOML); ${DEFAULT_FILE} when it exists, else the defaults
  --check        read the configuration, say whether it is right, and end
  --version      print the version
  --help         print this

Examples:
  musterd
  musterd --config /etc/muster/muster.toml --check
`;

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      config: { type: 'string' },
      check: { type: 'boolean' },
      version: { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help || values.version) {
    process.stdout.write(values.help ? HELP : `musterd ${version}\n`);
    return 0;
  }
  const file = values.config ?? (existsSync(DEFAULT_FILE) ? DEFAULT_FILE : undefined);
  const config = file === undefined ? defaultConfig() : loadConfig(file);
  if (values.check) {
    process.stdout.write(`${file ?? 'the defaults'}: OK\n`);
    return 0;
  }
  const log = createLog(config['log.level'], logDestination(process.env, process.stderr));
  // Node's default is a line on standard error
  process.removeAllListeners('warning').on('warning', ({ name, message }) => log.warn({ name }, message));
  const manager = serviceManager(process.env, log);
  const serving = `serving ${config['head.address']}, HTTP on port ${config['http.port']}`;
  // From here on, so that a signal during the start leaves nothing half started.
  const told = new Promise<string>(resolve => {
    for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, () => resolve(name));
  });
  let daemon: Daemon | undefined;
  process.on('SIGHUP', () => {
    void reload(file, config, log, manager, serving, () => daemon);
  });
  daemon = await startDaemon(config, log, file === undefined ? undefined : resolve(file));
  await manager.ready(serving);
  const signal = await told;
  log.info({ signal }, 'musterd stops');
  await Promise.all([manager.stopping(), daemon.stop()]);
  return 0;
}

/** SIGHUP: reads the file again. A wrong file changes nothing; keys that need a restart are named. */
async function reload(
  file: string | undefined,
  config: Config,
  log: ReturnType<typeof createLog>,
  manager: ServiceManager,
  serving: string,
  running: () => Daemon | undefined,
): Promise<void> {
  await manager.reloading();
  let status = serving;
  try {
    const next = file === undefined ? defaultConfig() : loadConfig(file);
    const daemon = running();
    const { changed, needRestart } = applyReload(config, next, other => daemon?.problems(other) ?? []);
    log.level = config['log.level'];
    daemon?.reloaded();
    log.info({ changed, file }, 'configuration read again');
    if (needRestart.length > 0) {
      status = `${serving}; restart for ${needRestart.join(', ')}`;
      log.warn({ keys: needRestart, file }, `restart musterd for the new values of ${needRestart.join(', ')}`);
    }
  } catch (error) {
    status = `${serving}; the changed configuration is wrong and is not in use`;
    log.error({ file, reason: reasonOf(error) }, 'configuration is wrong; the old one stays in use');
  }
  await manager.ready(status);
}

process.exitCode = await main().catch((error: unknown) => {
  // A wrong option of the command line is Node's own error, with its own code.
  const usage = error instanceof TypeError && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS');
  process.stderr.write(`musterd: ${reasonOf(error)}\n${usage ? HELP : ''}`);
  if (!(error instanceof MusterError) && !usage) process.stderr.write(`${(error as Error).stack ?? ''}\n`);
  return error instanceof MusterError ? error.exit : usage ? 2 : 1;
});
