// Secrets of every shape, and commands that have one in them.
import fc from 'fast-check';

/** What a leak is searched by: letters that nothing else has, and that no encoding changes. */
const core = fc.string({ unit: fc.constantFrom(...'bcdfghjklmnp'), minLength: 12, maxLength: 12 });
/** Signs that end words, passwords, URIs or quotes for one reader or another. */
const noise = fc.string({ unit: fc.constantFrom(...':@/,?#&=%25\'" \\;|$`<[]{}é'), maxLength: 4 });
export const secret = fc.record({ core, before: noise, behind: noise });
export type Secret = { core: string; text: string };

const NAMES = [
  'bmc_pw',
  'api_key',
  'apiKey',
  'cred',
  'cred.bmc',
  'API_TOKEN',
  'dbPassword',
  'root-pwd',
  'client_secret',
];

/** Each makes the words of one command. What the head refuses counts too: its error is searched. */
export const SHAPES: readonly ((text: string, n: number) => string[])[] = [
  text => ['node', '-i', 'n0', 'update', `power_uri=ipmi:///admin:${text}@10.0.0.9`],
  (text, n) => [
    'node',
    '-i',
    'n0',
    'update',
    `description=${'x'.repeat(n)}`,
    `power_uri=ipmi:///admin:${text}@10.0.0.9`,
  ],
  (text, n) => ['node', '-i', 'n0', 'update', `description=${'é'.repeat(n)}`, `power_uri=redfish://u:${text}@bmc`],
  text => ['node', '-i', 'n0', 'update', `power_uri=ipmi://root:${text}@kvm/a:b@10.0.0.9,vbox:///n0`],
  // Without the host, what follows an `@` would be taken for it.
  text => ['node', '-i', 'n0', 'update', `power_uri=ipmi:///admin:${text.replaceAll('@', '')}`],
  text => ['node', '-i', 'n0', 'update', `mac=redfish://u:${text}@bmc`],
  text => ['node', '-i', 'nowhere', 'update', `power_uri=ipmi:///admin:${text}@10.0.0.9`],
  text => ['node', '-i', 'n0', `power_uri=ipmi:///admin:${text}@10.0.0.9`],
  text => [`power_uri=ipmi:///admin:${text.replaceAll('@', '')}`],
  text => ['node', '-i', 'n0', 'update', '--password', text],
  text => ['node', '-i', 'n0', 'update', `--password=${text}`],
  text => ['node', 'ls', '--user', `root:${text}`],
  text => ['node', 'ls', `--user=root:${text}`],
  (text, n) => ['node', '-i', 'n0', 'set', `${NAMES[n % NAMES.length]}=${text}`],
  (text, n) => ['attrib', '-i', 'DefaultAttribs', 'set', `${NAMES[n % NAMES.length]}=${text}`, '--dry-run', '--json'],
  (text, n) => ['attrib', '-i', 'DefaultAttribs', 'set', `note=${'y'.repeat(n)}`, `lock=${text}`],
  text => ['node', '-i', 'n0', 'set', `lock=${text}`, '--json'],
  text => ['node', '-i', 'n0', 'exec', '--', 'echo', text],
  text => ['node', '-i', 'n0', 'exec', `echo root:${text} | chpasswd`],
  text => ['node', '-i', 'n0', 'exec', '--fanout', '1', `PASS=${text} run`],
  text => ['node', '-i', 'n0', 'exec', `--stdin=${text}`, 'chpasswd'],
  text => ['node', '-i', 'n0', 'exec', '--stdin', text, '--json', '--', 'chpasswd'],
  text => ['nodectl', '-i', 'n0', 'exec', 'mysql', `-p${text}`],
  text => ['boot', 'explain', 'n0', '--update', `bmc_pw=${text}`, '--json'],
  // A login, and behind it a name of a secret in the same word
  text => ['repo', 'create', `urls=https://u:${inUrl(text)}@h/?token=x`],
  text => ['node', '-i', 'n0', 'update', `cmdline=inst.repo=http://u:${inUrl(text)}@h/ rd.password=x`],
  text => ['boot', 'explain', 'n0', '--update', `power_uri=ipmi:///admin:${text}@10.0.0.9`],
];

/** Blanks and quotes end a URL for everybody who reads one in a text. */
function inUrl(text: string): string {
  return text.replace(/[\s"]/g, '');
}
