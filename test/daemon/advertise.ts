// The router advertiser alone, for a test inside a network namespace: node advertise.js FOLDER INTERFACE
import { join } from 'node:path';
import { defaultConfig, networksOf } from '../../src/config.ts';
import { startRouterAdvertiser } from '../../src/daemon/router-advertiser.ts';
import type { Stops } from '../../src/daemon/state.ts';
import { createLog } from '../../src/log.ts';

const [folder = '', device = ''] = process.argv.slice(2);
const config = { ...defaultConfig(), 'head.interface': device, 'paths.state': join(folder, 'state') };
const stops: Stops = [];
await startRouterAdvertiser({ config, networks: networksOf(config), log: createLog('debug', process.stdout) }, stops);
process.once('SIGTERM', async () => {
  for (const stop of stops) await stop();
  process.exit(0);
});
