// The admin API as a process of its own, to be killed.
import { startWorld } from './world.ts';

await startWorld(process.argv[2] ?? '');
process.stdout.write('ready\n');
