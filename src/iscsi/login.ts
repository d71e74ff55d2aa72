// Login, request by request (RFC 7143 §6.3): what must be so for each, its text gathered, and the answer; `login-verbs` does the rest.
import { reasonOf } from '../errors.ts';
import type { ChapExchange } from './chap.ts';
import type { Admission, Chap, ChapAccount, TargetDirectory, Visitor } from './directory.ts';
import { DEFAULT_SETTINGS, type Settings } from './keys.ts';
import type { IscsiLimits } from './limits.ts';
import type { LoginStatus } from './login-status.ts';
import { VERBS, wrong } from './login-verbs.ts';
import { decodeLoginRequest, encodeLoginResponse, type LoginRequest, STAGE } from './pdus/login.ts';
import { serialAdd } from './serial.ts';
import { encodeText, type Pair, TextError } from './text.ts';

/** A session that login has made. */
export interface Established extends Visitor {
  /** None for a discovery session. */
  target?: string;
  admission?: Admission;
  /** What SendTargets is answered with. */
  targets: readonly string[];
  /** Where this session came in, `address:port`: SendTargets names it for every target. */
  portal: string;
  settings: Settings;
  isid: string;
  tsih: number;
  cid: number;
  /** The next numbers. */
  expCmdSn: number;
  statSn: number;
}

export interface LoginPorts {
  directory: TargetDirectory;
  limits: IscsiLimits;
  /** The peer's address without its port. */
  address: string;
  /** Where the peer came in, `address:port`. */
  portal: string;
  random(bytes: number): Buffer;
  /** Gives the new session its handle; ends an older one that it takes the place of (RFC 7143 §6.3.5). */
  claim(session: Omit<Established, 'tsih'>): { tsih: number } | Refused;
}

export interface Refused {
  status: LoginStatus;
  reason: string;
}

/** The answer to one request, and how login stands after it. */
export interface LoginStep {
  header: Buffer;
  data: Buffer;
  outcome:
    | { kind: 'more' }
    | { kind: 'failed'; reason: string; status: LoginStatus }
    | { kind: 'done'; session: Established };
}

export class Login {
  readonly ports: LoginPorts;
  initiator = '';
  target = '';
  discovery = false;
  targets: readonly string[] = [];
  admission: Admission | undefined;
  chap: Chap | undefined;
  /** Further accounts, and what the login becomes for one that is proven. */
  others: readonly { chap: ChapAccount; become(): void }[] = [];
  exchange: ChapExchange | undefined;
  proven = false;
  admitted = false;
  declared = false;
  settings: Settings = { ...DEFAULT_SETTINGS };
  /** The text of this request and of those before it that said `continues`. */
  pieces: Buffer[] = [];
  keys: ReadonlyMap<string, string> = new Map();
  answers: Pair[] = [];
  stage: number | undefined;
  transit = false;
  session: Established | undefined;
  first: LoginRequest | undefined;
  private requests = 0;
  private statSn = 0;

  constructor(ports: LoginPorts) {
    this.ports = ports;
  }

  /** Whose login this is, as far as it is known. */
  get visitor(): Visitor {
    return { initiator: this.initiator, address: this.ports.address };
  }

  /** @param header of a Login Request @param data its text */
  async receive(header: Buffer, data: Buffer): Promise<LoginStep> {
    const request = decodeLoginRequest(header);
    this.requests += 1;
    this.answers = [];
    this.transit = false;
    try {
      const refused = this.outOfOrder(request) ?? this.gather(request, data) ?? (await this.advance(request));
      return this.reply(request, refused);
    } catch (error) {
      if (error instanceof TextError) {
        return this.reply(request, { status: 'initiator-error', reason: error.message });
      }
      // The directory failed, or we did: the peer learns that it is not to blame, the note learns why.
      return this.reply(request, { status: 'target-error', reason: `login failed: ${reasonOf(error)}` });
    }
  }

  /** Sequence number of the next answer, which the session goes on with. */
  get nextStatSn(): number {
    return this.statSn;
  }

  private async advance(request: LoginRequest): Promise<Refused | undefined> {
    // RFC 7143 §6.1: text that goes on is answered by an empty response until it is whole.
    if (request.continues) return undefined;
    for (const verb of VERBS) {
      const refused = await verb(this, request);
      if (refused) return refused;
    }
    this.pieces = [];
    return undefined;
  }

  /** What must be so for every request (RFC 7143 §11.12). */
  private outOfOrder(request: LoginRequest): Refused | undefined {
    if (request.versionMin > 0)
      return { status: 'unsupported-version', reason: `it wants version ${request.versionMin}` };
    if (this.requests > this.ports.limits.loginRequests) return wrong('its login does not come to an end');
    if (request.continues && request.transit) return wrong('both C and T are set (RFC 7143 §11.12.2)');
    if (request.stage !== STAGE.security && request.stage !== STAGE.operational)
      return wrong(`no stage ${request.stage}`);
    const { first } = this;
    if (!first) {
      this.first = request;
      this.stage = request.stage;
      // One connection a session: another one cannot join (RFC 7143 §6.3.1, table of TSIH and CID).
      if (request.tsih !== 0)
        return { status: 'no-such-session', reason: 'it wants to join a session; each has one connection' };
      return undefined;
    }
    const same =
      request.isid === first.isid && request.tag === first.tag && request.cid === first.cid && request.tsih === 0;
    if (!same) return wrong('ISID, TSIH, CID or task tag changed within its login (RFC 7143 §11.12)');
    if (request.stage !== this.stage) return wrong(`it is in stage ${request.stage} and we are in ${this.stage}`);
    return undefined;
  }

  private gather(_request: LoginRequest, data: Buffer): Refused | undefined {
    this.pieces.push(Buffer.from(data));
    const total = this.pieces.reduce((sum, piece) => sum + piece.length, 0);
    return total > this.ports.limits.textBytes
      ? wrong(`more than ${this.ports.limits.textBytes} bytes of text`)
      : undefined;
  }

  private reply(request: LoginRequest, refused: Refused | undefined): LoginStep {
    const expCmdSn = this.first?.cmdSn ?? request.cmdSn;
    const header = encodeLoginResponse({
      transit: this.transit && !refused,
      stage: request.stage,
      nextStage: request.nextStage,
      isid: request.isid,
      tsih: this.session?.tsih ?? request.tsih,
      tag: request.tag,
      statSn: this.statSn,
      expCmdSn,
      maxCmdSn: serialAdd(expCmdSn, this.ports.limits.window - 1),
      status: refused ? refused.status : 'success',
    });
    this.statSn = serialAdd(this.statSn, 1);
    if (refused) return { header, data: Buffer.alloc(0), outcome: { kind: 'failed', ...refused } };
    const data = encodeText(this.answers);
    if (this.transit) this.stage = request.nextStage;
    if (!this.session) return { header, data, outcome: { kind: 'more' } };
    return { header, data, outcome: { kind: 'done', session: { ...this.session, statSn: this.statSn } } };
  }
}
