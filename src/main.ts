#!/usr/bin/env node
// musterd: reads its configuration, starts, and stops when it is told to.
import { existsSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { defaultConfig, loadConfig } from './config.ts';
import { startDaemon } from './daemon.ts';
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
    process.stdout.write(`${file ?? 'the defaults'}: right\n`);
    return 0;
  }
  const log = createLog(config['log.level']);
  const daemon = await startDaemon(config, log);
  const signal = await new Promise<string>(resolve => {
    for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, () => resolve(name));
  });
  log.info({ signal }, 'musterd stops');
  await daemon.stop();
  return 0;
}

process.exitCode = await main().catch((error: unknown) => {
  // A wrong option of the command line is Node's own error, with a code of its own.
  const usage = error instanceof TypeError && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS');
  process.stderr.write(`musterd: ${reasonOf(error)}\n${usage ? HELP : ''}`);
  if (!(error instanceof MusterError) && !usage) process.stderr.write(`${(error as Error).stack ?? ''}\n`);
  return error instanceof MusterError ? error.exit : usage ? 2 : 1;
});
