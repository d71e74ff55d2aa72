// IPMI by ipmitool, on the head or on a server of the URI. The password is passed by environment, never on the command line.
import { MusterError } from '../../errors.ts';
import type { PowerUri } from '../../model/power-uri.ts';
import type { RunResult } from '../../process/run.ts';
import type { ConsoleProgram, NextBoot, PowerDriver, PowerState } from '../driver.ts';
import { lastLine, type Tools } from '../tools.ts';
import { WordTarget } from '../word-target.ts';

export const ipmi: PowerDriver = {
  scheme: 'ipmi',
  open: (uri, tools) => new IpmiTarget(uri, tools),
};

/** RMCP+ cipher suites in the order they are tried: SHA-256 with AES, then SHA-1 with AES for older BMCs (IPMI 2.0 table 22-20). */
const CIPHERS = ['17', '3'] as const;

/** ipmitool's environment variables for `-E` and `-K`. */
const PASSWORD = 'IPMITOOL_PASSWORD';
const KEY = 'IPMI_KGKEY';

/**
 * ipmitool takes a key by environment as bytes, and on its command line in hexadecimal, where everybody sees it. A shell turns
 * the octal codes into bytes; its built-in printf does not appear in a process list.
 */
const CODES = 'MUSTER_KG_CODES';
const WITH_KEY = [
  'sh',
  '-c',
  `${KEY}=$(printf "$${CODES}."); ${KEY}=\${${KEY}%.}; export ${KEY}; unset ${CODES}; exec "$@"`,
  'sh',
];

class IpmiTarget extends WordTarget {
  readonly name: string;
  private readonly uri: PowerUri;
  private readonly tools: Tools;

  constructor(uri: PowerUri, tools: Tools) {
    super();
    this.uri = uri;
    this.tools = tools;
    this.name = `BMC ${uri.host}`;
  }

  async status(): Promise<PowerState> {
    const said = await this.ask('status');
    const state = /Chassis Power is (on|off)/i.exec(said)?.[1]?.toLowerCase();
    if (state === 'on' || state === 'off') return state;
    throw new MusterError('power-failed', `${this.name} reported neither on nor off: ${lastLine(said)}`);
  }

  override async bootNext(device: NextBoot, efi = false): Promise<void> {
    await this.send('chassis', 'bootdev', device, ...(efi ? ['options=efiboot'] : []));
  }

  console(): ConsoleProgram {
    if (this.uri.server)
      throw new MusterError(
        'power-failed',
        `${this.name}: a console through the server ${this.uri.server.host} is not possible; log in there.`,
      );
    // `~` begins ipmitool's own commands; nobody types Ctrl-^.
    const command = this.command(this.cipher(), ['-e', '\u001e', 'sol', 'activate']);
    const env = Object.fromEntries(this.secrets().map(({ name, value }) => [name, value]));
    return { command, env, package: 'ipmitool' };
  }

  protected async ask(word: string): Promise<string> {
    return this.send('chassis', 'power', word);
  }

  private async send(...command: string[]): Promise<string> {
    const cipher = this.cipher();
    const result = await this.run(cipher, command);
    if (result?.status === 0) return result.stdout;
    if (result && this.isOlder(result) && cipher === CIPHERS[0] && this.uri.options['cipher'] === undefined) {
      this.tools.ports.learned.add(this.older());
      return this.send(...command);
    }
    throw this.failure(result);
  }

  private async run(cipher: string, words: readonly string[]): Promise<RunResult | undefined> {
    // -v: without it a wrong password and a dead BMC have the same message.
    const [program = '', ...args] = this.command(cipher, ['-v', ...words]);
    const result = await this.tools.run(program, args, {
      server: this.uri.server,
      secrets: this.secrets(),
      package: 'ipmitool',
    });
    if (result?.status === 127 && program !== 'ipmitool')
      throw new MusterError('tool-missing', "The program 'ipmitool' is not installed; install the package ipmitool.");
    return result;
  }

  private command(cipher: string, words: readonly string[]): string[] {
    const { host = '', port, user, options } = this.uri;
    const kind = options['interface'] ?? 'lanplus';
    return [
      ...(this.key?.kind === 'bytes' ? WITH_KEY : []),
      'ipmitool',
      ...['-I', kind, '-H', host],
      ...(port === undefined ? [] : ['-p', String(port)]),
      // Without a name it is the nameless user.
      ...(user === undefined ? [] : ['-U', user]),
      '-E',
      ...(this.key ? ['-K'] : []),
      ...(kind === 'lanplus' ? ['-C', cipher] : []),
      ...(options['privilege'] ? ['-L', options['privilege'].toUpperCase()] : []),
      ...words,
    ];
  }

  /** The key K_g of the BMC (IPMI 2.0 §13.31): as text, or as bytes by their octal codes. */
  private get key(): { kind: 'text' | 'bytes'; value: string } | undefined {
    const given = this.uri.options['kg'];
    if (given === undefined) return undefined;
    if (!/^0x/i.test(given)) return { kind: 'text', value: given };
    const codes = [...Buffer.from(given.slice(2), 'hex')].map(byte => `\\${byte.toString(8).padStart(3, '0')}`);
    return { kind: 'bytes', value: codes.join('') };
  }

  private secrets(): { name: string; value: string }[] {
    const { key } = this;
    return [
      { name: PASSWORD, value: this.uri.password ?? '' },
      ...(key ? [{ name: key.kind === 'text' ? KEY : CODES, value: key.value }] : []),
    ];
  }

  private cipher(): string {
    return this.uri.options['cipher'] ?? (this.tools.ports.learned.has(this.older()) ? CIPHERS[1] : CIPHERS[0]);
  }

  /** The fact learned about a BMC that does not know the newer suite. */
  private older(): string {
    return `ipmi ${this.uri.host}:${this.uri.port ?? 623} older cipher`;
  }

  private isOlder({ stderr }: RunResult): boolean {
    return /no matching cipher suite|invalid (authentication|integrity|confidentiality) algorithm/i.test(stderr);
  }

  private get user(): string {
    return this.uri.user === undefined ? 'the user without a name' : `the user '${this.uri.user}'`;
  }

  private wrongKey(): MusterError {
    const words = this.key
      ? "the key of ?kg= is not the BMC's; the password is right (RAKP 4)"
      : 'it wants its key K_g; the password is right (RAKP 4). Append the key to the URI: ?kg=KEY';
    return new MusterError('bmc-refused', `${this.name} refused ${this.user}: ${words}`);
  }

  private failure(result: RunResult | undefined): MusterError {
    const seconds = this.tools.timeoutMs / 1000;
    if (!result) return new MusterError('bmc-silent', `${this.name} did not answer in ${seconds} s`);
    const said = result.stderr || result.stdout;
    if (/RAKP 2 HMAC is invalid|unauthorized name|Invalid user name|password verification|Unauthorized/i.test(said))
      return new MusterError('bmc-refused', `${this.name} refused ${this.user}: wrong name or password`);
    // IPMI 2.0 §13.22: the password was right, but the check with the key K_g failed.
    if (/RAKP 4 message|RAKP 3 message|integrity check value/i.test(said)) return this.wrongKey();
    if (/invalid role|unauthorized role|privilege/i.test(said))
      return new MusterError(
        'bmc-refused',
        `${this.name} gives ${this.user} too low a privilege (?privilege=operator asks for less)`,
      );
    if (/insufficient resources|node busy|session limit/i.test(said))
      return new MusterError('bmc-busy', `${this.name} is busy: ${lastLine(said)}`);
    if (this.isOlder(result))
      return new MusterError('bmc-refused', `${this.name} speaks none of the cipher suites; ?cipher=N names another`);
    if (/Address lookup|could not open socket/i.test(said))
      return new MusterError('bmc-silent', `${this.name} cannot be reached: ${lastLine(said)}`);
    if (/Unable to establish|no response|timed? ?out/i.test(said))
      return new MusterError('bmc-silent', `${this.name} did not answer`);
    return new MusterError('power-failed', `${this.name} reported: ${lastLine(said) || `status ${result.status}`}`);
  }
}
