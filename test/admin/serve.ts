// The admin API as a process of its own, to be killed.
import { startWorld } from './world.ts';

const [folder = '', network = '10.54.0.1/24'] = process.argv.slice(2);
await startWorld(folder, { network });
process.stdout.write('ready\n');
