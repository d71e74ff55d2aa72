// The path of the script that packs a node.
import { join } from 'node:path';
import { packageRoot } from '../package-root.ts';

export const PACK_NODE = join(packageRoot, 'node-scripts', 'pack-node');
