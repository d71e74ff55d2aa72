// Libraries that few commands need, loaded at first use: a command line starts often and runs briefly.
import { createRequire } from 'node:module';

const load = createRequire(import.meta.url);

export function yamlLibrary(): typeof import('yaml') {
  return load('yaml') as typeof import('yaml');
}

export function progressLibrary(): typeof import('cli-progress') {
  return load('cli-progress') as typeof import('cli-progress');
}
