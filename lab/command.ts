// `muster lab` and `npm start`: a virtual cluster boots while the administrator watches, and runs until Ctrl-C.
import { realpathSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join, relative, resolve } from 'node:path';
import { monotonicNow } from '../src/clock.ts';
import { MusterError, reasonOf } from '../src/errors.ts';
import { type WantedAccelerator, wantedAccelerator } from './accelerator.ts';
import { COMMAND } from './cluster.ts';
import { eventLine } from './event-line.ts';
import { FIRMWARES, type Firmware } from './firmware.ts';
import { LAB_DEFAULTS, type Lab, startLab } from './lab.ts';

/** The options as texts, as the command line gives them. */
export interface LabCommandOptions {
  once?: boolean;
  nodes?: string;
  firmware?: string;
  style?: string;
  memory?: string;
  accel?: string;
  keepLogs?: string;
}

type Print = (line: string) => void;

/** How the lines begin that name what a failed run leaves; the path follows. */
export const LEFT = {
  console: 'lab: the complete console: ',
  logs: 'lab: the node consoles and the log of musterd are in ',
} as const;

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Runs the lab; returns the exit status: 0, or 1 when a node did not come up. */
export async function labCommand(given: LabCommandOptions, print: Print): Promise<number> {
  const options = readOptions(given);
  const aborted = new AbortController();
  const onSignal = (name: NodeJS.Signals): void => aborted.abort(name);
  for (const name of SIGNALS) process.on(name, onSignal);
  const begun = monotonicNow();
  const logs = options.logs ?? (await mkdtemp(join(tmpdir(), 'muster-logs-')));
  let lab: Lab | undefined;
  let isWell = false;
  try {
    const step = (text: string): void => print(`lab: ${text}`);
    lab = await startLab({ ...options, logs, onStep: step, signal: aborted.signal });
    step(`ready after ${seconds(monotonicNow() - begun)}: a private network, musterd, ${count(lab)} switched off`);
    const up = await bootAll(lab, options, print, aborted.signal);
    isWell = up;
    if (given.once) return up ? 0 : 1;
    if (up) print(nextSteps(lab));
    await until(aborted.signal);
    return 0;
  } catch (error) {
    if (!aborted.signal.aborted) throw error;
    isWell = true;
    // An interrupted `--once` run is incomplete.
    return given.once ? 130 : 0;
  } finally {
    if (lab) {
      print('lab: stopping');
      await lab.stop();
    }
    // Keeps the logs that explain a failure; a successful run needs none.
    if (isWell && !options.logs) await rm(logs, { recursive: true, force: true });
    else print(`${LEFT.logs}${logs}`);
    for (const name of SIGNALS) process.off(name, onSignal);
  }
}

interface Options {
  firmware: Firmware;
  style: string;
  nodes: number;
  memory: number;
  accelerator: WantedAccelerator;
  logs?: string;
}

function readOptions(given: LabCommandOptions): Options {
  const firmware = given.firmware ?? LAB_DEFAULTS.firmware;
  if (!FIRMWARES.includes(firmware as Firmware)) {
    throw new MusterError('bad-usage', `--firmware: there is no '${firmware}'; there are ${FIRMWARES.join(', ')}.`);
  }
  const style = given.style ?? LAB_DEFAULTS.style;
  if (!['rwram', 'roram', 'iscsi', 'disked'].includes(style)) {
    throw new MusterError('bad-usage', `--style: the lab has no '${style}'; it has rwram, roram, iscsi and disked.`);
  }
  return {
    firmware: firmware as Firmware,
    style,
    nodes: wholeNumber('--nodes', given.nodes, LAB_DEFAULTS.nodes, 1, 64),
    memory: wholeNumber('--memory', given.memory, LAB_DEFAULTS.memory, 256, 1 << 20),
    accelerator: wantedAccelerator(given.accel),
    ...(given.keepLogs && { logs: resolve(given.keepLogs) }),
  };
}

function wholeNumber(option: string, text: string | undefined, otherwise: number, least: number, most: number): number {
  const value = text === undefined ? otherwise : Number(text);
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw new MusterError('bad-usage', `${option}: '${text}' is not a whole number from ${least} to ${most}.`);
}

/** Boots all nodes at once and prints lines with their names; returns whether all came up. */
async function bootAll(lab: Lab, options: Options, print: Print, signal: AbortSignal): Promise<boolean> {
  const { firmware, style, memory } = options;
  print(`lab: power on: ${lab.nodes.map(node => node.name).join(', ')} (${firmware}, ${style}, ${memory} MiB)`);
  const results = await Promise.all(lab.nodes.map(async node => bootOne(lab, node.index, print, signal)));
  return results.every(Boolean);
}

async function bootOne(lab: Lab, index: number, print: Print, signal: AbortSignal): Promise<boolean> {
  // Events have wall clock time; durations use the monotonic clock.
  const [began, powered] = [monotonicNow(), Date.now()];
  const { name, serial } = lab.node(index);
  const seen = new Set<string>();
  for await (const step of lab.boot(index, { signal })) {
    if ('event' in step) {
      const line = eventLine(name, step.event, powered);
      // Firmware repeats itself; people need each line once.
      if (!seen.has(line.slice(line.indexOf('s') + 1))) print(line);
      seen.add(line.slice(line.indexOf('s') + 1));
    } else if (step.end === 'up') {
      print(`${name} is up, ${seconds(monotonicNow() - began)} after power-on.`);
      return true;
    } else {
      print(reasonOf(await lab.failure(index, step.reason)));
      print(`${LEFT.console}${serial.log}`);
    }
  }
  return false;
}

function nextSteps(lab: Lab): string {
  const node = lab.node().name;
  const line = (words: string): string => `  ${commandName()} ${words} --socket ${lab.socket}`;
  return [
    '',
    'The cluster runs until Ctrl-C. In another terminal, try:',
    line(`node -i ${node} timeline`),
    line(`node -i ${node} status --long`),
    line(`node -i ${node} explain`),
    line(`node -i ${node} reboot`),
    line(`node -i ${node} exec uname -a`),
    line(`node console ${node}`),
    `The console of ${node}: ${lab.node().serial.log}`,
  ].join('\n');
}

/** Returns what the administrator types to run this program: `muster`, or its path in a checkout. */
function commandName(): string {
  const called = process.argv[1] ?? '';
  if (basename(called) === 'muster') return 'muster';
  const path = relative(process.cwd(), realpathSync(COMMAND));
  return path.startsWith('..') ? COMMAND : `./${path}`;
}

function count(lab: Lab): string {
  return lab.nodes.length === 1 ? '1 node' : `${lab.nodes.length} nodes`;
}

function seconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(1)} s`;
}

async function until(signal: AbortSignal): Promise<void> {
  // A timer keeps the process alive; a daemon behind a socket does not.
  const alive = setInterval(() => {}, 1 << 30);
  try {
    if (!signal.aborted)
      await new Promise<void>(done => signal.addEventListener('abort', () => done(), { once: true }));
  } finally {
    clearInterval(alive);
  }
}
