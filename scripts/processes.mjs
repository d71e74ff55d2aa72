// Processes of this machine, as /proc shows them.
import { readdirSync, readFileSync } from 'node:fs';

/** The processes with this value of an environment variable: everything that a test started, unless it was given another. */
export function withVariable(name, value) {
  const setting = `${name}=${value}`;
  return pids().filter(pid => text(`/proc/${pid}/environ`).split('\0').includes(setting));
}

/** The id with its command line, for people. */
export function nameOf(pid) {
  const words = text(`/proc/${pid}/cmdline`).split('\0').join(' ').trim();
  return `${pid} ${/^State:\s+(\S)/m.exec(text(`/proc/${pid}/status`))?.[1] ?? '-'} ${words}`.slice(0, 200);
}

function pids() {
  return readdirSync('/proc')
    .filter(name => /^\d+$/.test(name))
    .map(Number);
}

/** Empty for a process that has ended. */
function text(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
