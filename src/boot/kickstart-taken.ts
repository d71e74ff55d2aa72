// Turns the answers that an installer left on one node into a kickstart file for all nodes: values of that node or of the head become
// placeholders. Pure.
import { type KickstartValues, PLACEHOLDER } from './kickstart.ts';

export const ANSWER_KINDS = ['kickstart', 'preseed', 'autoinstall'] as const;
export type AnswerKind = (typeof ANSWER_KINDS)[number];

/** The ending of a file's name decides which installer it is for. */
export const ENDINGS: Readonly<Record<AnswerKind, string>> = {
  kickstart: 'ks',
  preseed: 'preseed',
  autoinstall: 'yaml',
};

export interface TakenAnswers {
  text: string;
  /** `line 5: <node[hostname]> for n0`. */
  changes: string[];
}

interface Rule {
  find: RegExp;
  /** Replaces the match after its first group, which stays. */
  becomes: string;
}

/** @param values those of the node that the answers come from */
export function takeAnswers(kind: AnswerKind, text: string, values: KickstartValues): TakenAnswers {
  const rules = rulesFor(kind, values);
  const changes: string[] = [];
  const lines = text.replace(/\r\n/g, '\n').replace(/\n*$/, '').split('\n');
  const taken = lines.map((line, index) => {
    // The installer's own text may look like a placeholder
    let now = line.replace(PLACEHOLDER, whole => (whole.startsWith('\\') ? whole : `\\${whole}`));
    for (const { find, becomes } of rules)
      now = now.replace(find, (whole: string, group: string | number) => {
        // Without a group, this argument is the offset of the match
        const before = typeof group === 'string' ? group : '';
        changes.push(`line ${index + 1}: ${becomes} for ${whole.slice(before.length)}`);
        return `${before}${becomes}`;
      });
    return now;
  });
  const whole = `${taken.join('\n')}\n`;
  const end = whole.includes('<installed_url()>') ? '' : endFor(kind, whole);
  if (end !== '') changes.push('at the end: the agent is installed, and the end reported to the head');
  return { text: whole + end, changes };
}

/** In order: the first rule that fits a place takes it. */
function rulesFor(kind: AnswerKind, { dictionaries, functions }: KickstartValues): Rule[] {
  const word = (dictionary: string, key: string): string => dictionaries[dictionary]?.get(key) ?? '';
  const [ip, mac] = [word('node', 'ip'), word('node', 'mac')];
  const head = word('head', 'url');
  const tree = functions.get('root_url')?.value ?? '';
  const session = `${literal(head)}/boot/v1/[0-9a-f]{32}`;
  const rules: Rule[] = [
    { find: /d=\$\(mktemp -d\) && curl .*? \| sh \$d\/enroll \S+ [\w/+=]+/g, becomes: '<enroll()>' },
    { find: new RegExp(`${session}/installed\\b`, 'g'), becomes: '<installed_url()>' },
    { find: new RegExp(`${session}/report\\b`, 'g'), becomes: '<report_url()>' },
    { find: new RegExp(session, 'g'), becomes: '<session_url()>' },
    ...(tree === '' ? [] : [{ find: new RegExp(`${literal(tree)}(?=/?["'\\s]|/?$)`, 'g'), becomes: '<root_url()>' }]),
    { find: new RegExp(`${literal(head)}(?![\\w.])`, 'g'), becomes: '<head[url]>' },
    ...hostRules(kind, word),
    { find: new RegExp(`(?<![0-9a-f:])${literal(mac)}(?![0-9a-f:])`, 'gi'), becomes: '<node[mac]>' },
    { find: new RegExp(`(?<![\\d.])${literal(ip)}(?![\\d.]*\\d)`, 'g'), becomes: '<node[ip]>' },
  ];
  return rules;
}

/** Rules for host names and network settings. They apply only to the installer's own settings: elsewhere, the same word means something else. */
function hostRules(kind: AnswerKind, word: (dictionary: string, key: string) => string): Rule[] {
  const places: Readonly<Record<AnswerKind, (setting: Setting) => string | undefined>> = {
    kickstart: ({ anaconda }) => anaconda && `^(\\s*network\\s.*--${anaconda}[= ]["']?)`,
    preseed: ({ netcfg }) => netcfg && `^(\\s*\\S+\\s+netcfg/${netcfg}\\s+string\\s+)`,
    autoinstall: ({ cloud }) => cloud && `^(\\s+${cloud}:\\s*["']?)`,
  };
  return SETTINGS.flatMap(setting => {
    const [dictionary, key] = setting.value;
    const [value, place] = [word(dictionary, key), places[kind](setting)];
    if (value === '' || place === undefined) return [];
    return [{ find: new RegExp(`${place}${literal(value)}(?![\\w-])`), becomes: `<${dictionary}[${key}]>` }];
  });
}

interface Setting {
  value: readonly [dictionary: string, key: string];
  /** The option of the command `network`. */
  anaconda?: string;
  /** The name below `netcfg/`. */
  netcfg?: string;
  /** The key of autoinstall. */
  cloud?: string;
}

const SETTINGS: readonly Setting[] = [
  { value: ['node', 'hostname'], anaconda: 'hostname', netcfg: '(?:get_)?hostname', cloud: 'hostname' },
  { value: ['head', 'netmask'], anaconda: 'netmask', netcfg: 'get_netmask' },
  { value: ['head', 'router'], anaconda: 'gateway', netcfg: 'get_gateway' },
  { value: ['head', 'dns'], anaconda: 'nameserver' },
  { value: ['head', 'domain'], netcfg: 'get_domain' },
];

/** `agent` is left out where the file installs the agent already. */
const ENDS: Readonly<Record<AnswerKind, { has: RegExp; agent?: string; end: string }>> = {
  kickstart: {
    has: /^%post --erroronfail\ncurl .*<installed_url\(\)>/m,
    agent: `
# Added by muster: installs its agent.
%post --log=/root/muster-enroll.log
<enroll()>
%end
`,
    end: `
# Added by muster: reports the end to the head.
%post --erroronfail
curl --silent --show-error --fail --request POST <installed_url()>
%end
`,
  },
  preseed: {
    has: /\spreseed\/late_command\s+string\s+\S/,
    end: `
# Added by muster: installs its agent, and reports the end to the head.
d-i preseed/late_command string in-target sh -c '<enroll()>' || true; wget -q -O /dev/null <installed_url()>
`,
  },
  autoinstall: {
    has: /^ {2}late-commands:/m,
    end: `  # Added by muster: installs its agent, and reports the end to the head.
  late-commands:
    - curtin in-target -- sh -c '<enroll()>' || true
    - curl --silent --show-error --fail --request POST <installed_url()>
`,
  },
};

/** Returns the commands that report the end; an empty text where the file already has other commands for it. */
function endFor(kind: AnswerKind, text: string): string {
  const { has, agent = '', end } = ENDS[kind];
  if (kind === 'autoinstall' && !/^autoinstall:/m.test(text)) return '';
  if (has.test(text)) return '';
  return text.includes('<enroll()>') ? end : agent + end;
}

function literal(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&');
}
