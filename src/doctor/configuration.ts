// Which configuration is judged: the one that was named, else the one that the daemon at the socket runs on. A decision.
import { type Config, defaultConfig } from '../config.ts';
import { reasonOf } from '../errors.ts';
import { type Finding, finding } from './finding.ts';

export interface Choice {
  /** The file that the administrator named. */
  named: string | undefined;
  /** The file at its usual place, when it is there. */
  usual: string | undefined;
  /** What the daemon runs on, as it says itself: its file (null for the defaults) and the values in use. */
  running: { file: string | null; values: Config } | undefined;
  /** The socket that was asked. */
  socket: string;
}

export interface Chosen {
  config: Config;
  /** The file that it was read from; none for the defaults and for what only the daemon could tell. */
  file: string | undefined;
  finding: Finding;
}

/** @param load reads a file; its error is passed on for a file that was named, since nothing else can be meant */
export function chooseConfiguration(choice: Choice, load: (file: string) => Config): Chosen {
  const { named, usual, running, socket } = choice;
  if (named !== undefined) return ofNamed(named, load(named), running, socket);
  if (running) return ofRunning(running, load);
  const config = usual === undefined ? defaultConfig() : load(usual);
  const what = usual ?? 'The defaults';
  if (config['paths.socket'] === socket)
    return { config, file: usual, finding: say('ok', `${what} ${verb(usual)} judged.`) };
  const text = `musterd on ${socket} does not tell its configuration; ${usual ?? 'the defaults'} ${verb(usual)} judged, which ${usual ? 'is' : 'are'} of a musterd on ${config['paths.socket']}.`;
  return {
    config,
    file: usual,
    finding: say('warn', text, 'muster doctor --config FILE, with the file of that musterd'),
  };
}

const say = finding('configuration');
const verb = (file: string | undefined): string => (file === undefined ? 'were' : 'was');

function ofNamed(file: string, config: Config, running: Choice['running'], socket: string): Chosen {
  const isAnother = running !== undefined && running.file !== file;
  const text = `${file} was judged, as you said; musterd on ${socket} runs on ${running?.file ?? 'the defaults'}.`;
  const remedy = 'muster doctor without --config judges what it runs on.';
  return { config, file, finding: isAnother ? say('warn', text, remedy) : say('ok', `${file} was judged.`) };
}

function ofRunning({ file, values }: NonNullable<Choice['running']>, load: (file: string) => Config): Chosen {
  if (file === null)
    return { config: values, file: undefined, finding: say('ok', 'The defaults were judged, on which musterd runs.') };
  try {
    return { config: load(file), file, finding: say('ok', `${file} was judged, on which musterd runs.`) };
  } catch (error) {
    const reason = reasonOf(error).split('\n')[0] ?? '';
    const text = `What musterd has in use was judged, and not its file. ${reason}`;
    return { config: values, file: undefined, finding: say('warn', text, `musterd --check --config ${file}`) };
  }
}
