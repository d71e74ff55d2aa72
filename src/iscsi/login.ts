// Login, request by request (RFC 7143 §6.3): a list of verbs, each of which goes on or refuses with its reason.
import { reasonOf } from '../errors.ts';
import { ChapExchange } from './chap.ts';
import type { Admission, Chap, Refusal, TargetDirectory, Visitor } from './directory.ts';
import { DEFAULT_SETTINGS, negotiate, type Settings } from './keys.ts';
import { type IscsiLimits, MAX_RECEIVE_SEGMENT } from './limits.ts';
import type { LoginStatus } from './login-status.ts';
import { decodeLoginRequest, encodeLoginResponse, type LoginRequest, STAGE } from './pdus/login.ts';
import { serialAdd } from './serial.ts';
import { encodeText, type Pair, parseText, TextError } from './text.ts';

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
  outcome: { kind: 'more' } | { kind: 'failed'; reason: string } | { kind: 'done'; session: Established };
}

type Verb = (login: Login, request: LoginRequest) => Promise<Refused | undefined> | Refused | undefined;

/** The order in which a request with complete text is looked at. */
const VERBS: readonly Verb[] = [
  readText,
  introduce,
  admit,
  chooseAuthentication,
  authenticate,
  negotiateKeys,
  declareOurs,
  moveOn,
  establish,
];

export class Login {
  readonly ports: LoginPorts;
  initiator = '';
  target = '';
  discovery = false;
  targets: readonly string[] = [];
  admission: Admission | undefined;
  chap: Chap | undefined;
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
    if (refused) return { header, data: Buffer.alloc(0), outcome: { kind: 'failed', reason: refused.reason } };
    const data = encodeText(this.answers);
    if (this.transit) this.stage = request.nextStage;
    if (!this.session) return { header, data, outcome: { kind: 'more' } };
    return { header, data, outcome: { kind: 'done', session: { ...this.session, statSn: this.statSn } } };
  }
}

function wrong(reason: string): Refused {
  return { status: 'initiator-error', reason };
}

function readText(login: Login): undefined {
  login.keys = parseText(Buffer.concat(login.pieces));
  login.pieces = [];
}

/** The first request says who it is and what it wants (RFC 7143 §6.3, §13.4, §13.5, §13.21). */
function introduce(login: Login): Refused | undefined {
  if (login.initiator !== '') return undefined;
  const { keys } = login;
  const initiator = keys.get('InitiatorName') ?? '';
  if (initiator === '') return { status: 'missing-parameter', reason: 'it does not say its InitiatorName' };
  if (!isName(initiator)) return wrong('its InitiatorName is no iSCSI name (RFC 7143 §4.2.7)');
  const type = keys.get('SessionType') ?? 'Normal';
  if (type !== 'Normal' && type !== 'Discovery')
    return { status: 'session-type-not-supported', reason: 'unknown SessionType' };
  login.discovery = type === 'Discovery';
  const target = keys.get('TargetName') ?? '';
  if (!login.discovery && target === '')
    return { status: 'missing-parameter', reason: 'it does not say its TargetName' };
  if (target !== '' && !isName(target)) return { status: 'not-found', reason: 'its TargetName is no iSCSI name' };
  login.initiator = initiator;
  login.target = login.discovery ? '' : target;
  return undefined;
}

/** RFC 7143 §4.2.7: up to 223 bytes. What is in it is compared, logged and printed, so only what names are made of. */
function isName(name: string): boolean {
  return /^(iqn|eui|naa)\.[a-zA-Z0-9.\-:_]{1,219}$/.test(name);
}

/** Asks once whether this initiator may come in at all. */
async function admit(login: Login): Promise<Refused | undefined> {
  if (login.admitted) return undefined;
  const { directory } = login.ports;
  if (login.discovery) {
    const answer = await directory.discover(login.visitor);
    if (isRefusal(answer)) return { status: answer.status ?? 'not-authorized', reason: answer.refused };
    login.targets = answer.targets;
    login.chap = answer.chap;
  } else {
    const answer = await directory.authorize({ ...login.visitor, target: login.target });
    if (isRefusal(answer)) return { status: answer.status ?? 'not-authorized', reason: answer.refused };
    login.admission = answer;
    login.targets = [login.target];
    login.chap = answer.chap;
    // RFC 7143 §13.9: with the first answer after the target is known.
    login.answers.push(['TargetPortalGroupTag', '1']);
  }
  login.admitted = true;
  login.proven = login.chap === undefined;
  return undefined;
}

function isRefusal(answer: object): answer is Refusal {
  return 'refused' in answer;
}

/** AuthMethod, in the security stage (RFC 7143 §12.1). */
function chooseAuthentication(login: Login, request: LoginRequest): Refused | undefined {
  if (request.stage !== STAGE.security) {
    // RFC 7143 §6.3: who leaves the security stage out has proven nothing.
    return login.proven ? undefined : { status: 'authentication-failed', reason: 'it does not authenticate itself' };
  }
  const offer = login.keys.get('AuthMethod');
  if (offer === undefined) return undefined;
  if (login.exchange) return wrong('AuthMethod comes twice (RFC 7143 §6.2)');
  const wanted = login.chap ? 'CHAP' : 'None';
  if (!offer.split(',').includes(wanted)) {
    const reason = login.chap ? 'CHAP is demanded and it does not offer it' : 'it demands CHAP and no account is set';
    return { status: 'authentication-failed', reason };
  }
  if (login.chap) login.exchange = new ChapExchange(login.chap, login.ports.random);
  login.answers.push(['AuthMethod', wanted]);
  return undefined;
}

function authenticate(login: Login, request: LoginRequest): Refused | undefined {
  if (request.stage !== STAGE.security || !login.exchange || login.proven) return undefined;
  const answer = login.exchange.receive(login.keys);
  if ('refused' in answer) return { status: 'authentication-failed', reason: answer.refused };
  login.answers.push(...answer.answers);
  login.proven = answer.done;
  return undefined;
}

/** Keys of `chooseAuthentication` and `authenticate`, and of no other verb. */
const SECURITY_KEYS = ['AuthMethod', 'CHAP_A', 'CHAP_I', 'CHAP_C', 'CHAP_N', 'CHAP_R'];

function negotiateKeys(login: Login, request: LoginRequest): Refused | undefined {
  for (const [name, offer] of login.keys) {
    if (SECURITY_KEYS.includes(name)) {
      if (request.stage !== STAGE.security) return wrong(`${name} outside the security stage (RFC 7143 §12)`);
      continue;
    }
    const { answer, set } = negotiate(name, offer, { discovery: login.discovery, login: true });
    Object.assign(login.settings, set);
    if (answer !== undefined) login.answers.push([name, answer]);
  }
  // RFC 7143 §13.14: a first burst is no longer than a burst.
  login.settings.firstBurst = Math.min(login.settings.firstBurst, login.settings.maxBurst);
  return undefined;
}

/** Declares what muster takes, once, in the operational stage (RFC 7143 §13.12). */
function declareOurs(login: Login, request: LoginRequest): undefined {
  if (login.declared || request.stage !== STAGE.operational) return;
  login.declared = true;
  login.answers.push(['MaxRecvDataSegmentLength', String(MAX_RECEIVE_SEGMENT)]);
}

/** Goes to the next stage when the initiator wants to and nothing is missing (RFC 7143 §11.13.3). */
function moveOn(login: Login, request: LoginRequest): Refused | undefined {
  if (!request.transit) return undefined;
  const { stage, nextStage } = request;
  if (nextStage <= stage || nextStage === 2) return wrong(`no way from stage ${stage} to stage ${nextStage}`);
  login.transit = login.proven;
  return undefined;
}

function establish(login: Login, request: LoginRequest): Refused | undefined {
  if (!login.transit || request.nextStage !== STAGE.fullFeature) return undefined;
  const session: Omit<Established, 'tsih'> = {
    ...login.visitor,
    ...(login.discovery ? {} : { target: login.target, admission: login.admission }),
    targets: login.targets,
    portal: login.ports.portal,
    settings: login.settings,
    isid: request.isid,
    cid: request.cid,
    expCmdSn: login.first?.cmdSn ?? request.cmdSn,
    statSn: login.nextStatSn,
  };
  const claimed = login.ports.claim(session);
  if (!('tsih' in claimed)) return claimed;
  login.session = { ...session, tsih: claimed.tsih };
  return undefined;
}
