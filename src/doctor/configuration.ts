// Which configuration is checked: the named one, else the one that the daemon on the socket uses. A decision.
import { type Config, defaultConfig } from '../config.ts';
import { reasonOf } from '../errors.ts';
import { type Finding, finding } from './finding.ts';

export interface Choice {
  /** The file that the administrator named. */
  named: string | undefined;
  /** The file at its usual place, if it exists. */
  usual: string | undefined;
  /** The daemon's configuration, as it reports it: its file (null for the defaults) and the values in use. */
  running: { file: string | null; values: Config } | undefined;
  /** The queried socket. */
  socket: string;
}

export interface Chosen {
  config: Config;
  /** The file it was read from; none for the defaults and for values that only the daemon has. */
  file: string | undefined;
  finding: Finding;
}

/** @param load reads a file; throws for a named file, since nothing else can be meant */
export function chooseConfiguration(choice: Choice, load: (file: string) => Config): Chosen {
  const { named, usual, running, socket } = choice;
  if (named !== undefined) return ofNamed(named, load(named), running, socket);
  if (running) return ofRunning(running, load);
  const config = usual === undefined ? defaultConfig() : load(usual);
  const what = usual ?? 'the defaults';
  if (config['paths.socket'] === socket) return { config, file: usual, finding: say('ok', `Checked ${what}.`) };
  const text = `musterd on ${socket} does not report its configuration; checked ${what}, which ${usual ? 'is' : 'are'} for a musterd on ${config['paths.socket']}.`;
  return {
    config,
    file: usual,
    finding: say('warn', text, 'muster doctor --config FILE, with the file of that musterd'),
  };
}

const say = finding('configuration');

function ofNamed(file: string, config: Config, running: Choice['running'], socket: string): Chosen {
  const isAnother = running !== undefined && running.file !== file;
  const text = `Checked ${file}, as requested; musterd on ${socket} is running with ${running?.file ?? 'the defaults'}.`;
  const remedy = 'muster doctor without --config checks the configuration in use.';
  return { config, file, finding: isAnother ? say('warn', text, remedy) : say('ok', `Checked ${file}.`) };
}

function ofRunning({ file, values }: NonNullable<Choice['running']>, load: (file: string) => Config): Chosen {
  if (file === null)
    return {
      config: values,
      file: undefined,
      finding: say('ok', 'Checked the defaults, the configuration musterd is running with.'),
    };
  try {
    return {
      config: load(file),
      file,
      finding: say('ok', `Checked ${file}, the configuration musterd is running with.`),
    };
  } catch (error) {
    const reason = reasonOf(error).split('\n')[0] ?? '';
    const text = `Checked the configuration musterd is running with, not its file. ${reason}`;
    return { config: values, file: undefined, finding: say('warn', text, `musterd --check --config ${file}`) };
  }
}
