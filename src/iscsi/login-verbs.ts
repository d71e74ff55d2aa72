// What login does with a request once its text is complete (RFC 7143 §6.3): the verbs in order, each continues or refuses.
import { ChapExchange } from './chap.ts';
import type { Refusal, Visitor } from './directory.ts';
import { negotiate } from './keys.ts';
import { MAX_RECEIVE_SEGMENT } from './limits.ts';
import type { Established, LoginPorts, LoginState, Refused } from './login-state.ts';
import { type LoginRequest, STAGE } from './pdus/login.ts';
import { parseText } from './text.ts';

type Verb = (
  login: LoginState,
  request: LoginRequest,
  ports: LoginPorts,
) => Promise<Refused | undefined> | Refused | undefined;

/** The order in which a request with complete text is processed. */
export const VERBS: readonly Verb[] = [
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

/** The initiator broke the rules of login. */
export function wrong(reason: string): Refused {
  return { status: 'initiator-error', reason };
}

function readText(login: LoginState): undefined {
  login.keys = parseText(Buffer.concat(login.pieces));
  login.pieces = [];
}

/** The first request says who it is and what it wants (RFC 7143 §6.3, §13.4, §13.5, §13.21). */
function introduce(login: LoginState): Refused | undefined {
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

/** RFC 7143 §4.2.7: up to 223 bytes. Names are compared, logged and printed, so only the allowed characters. */
function isName(name: string): boolean {
  return /^(iqn|eui|naa)\.[a-zA-Z0-9.\-:_]{1,219}$/.test(name);
}

/** Asks once whether this initiator may log in at all. */
async function admit(
  login: LoginState,
  _request: LoginRequest,
  { directory, address }: LoginPorts,
): Promise<Refused | undefined> {
  if (login.admitted) return undefined;
  const visitor: Visitor = { initiator: login.initiator, address };
  if (login.discovery) {
    const answer = await directory.discover(visitor);
    if (isRefusal(answer)) return { status: answer.status ?? 'not-authorized', reason: answer.refused };
    login.targets = answer.targets;
    login.chap = answer.chap;
    login.others = (answer.others ?? []).map(({ chap, targets }) => ({
      chap,
      become: () => {
        login.targets = targets;
      },
    }));
  } else {
    const answer = await directory.authorize({ ...visitor, target: login.target });
    if (isRefusal(answer)) return { status: answer.status ?? 'not-authorized', reason: answer.refused };
    login.admission = answer;
    login.targets = [login.target];
    login.chap = answer.chap;
    login.others = (answer.others ?? []).map(other => ({
      chap: other.chap,
      become: () => {
        login.admission = { ...other, ...(answer.release && { release: answer.release }) };
      },
    }));
    // RFC 7143 §13.9: in the first answer after the target is known.
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
function chooseAuthentication(login: LoginState, request: LoginRequest, ports: LoginPorts): Refused | undefined {
  if (request.stage !== STAGE.security) {
    // RFC 7143 §6.3: an initiator that skips the security stage has proven nothing.
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
  if (login.chap) {
    const others = login.others.map(({ chap }) => chap);
    login.exchange = new ChapExchange(login.chap, ports.random, others);
  }
  login.answers.push(['AuthMethod', wanted]);
  return undefined;
}

function authenticate(login: LoginState, request: LoginRequest): Refused | undefined {
  if (request.stage !== STAGE.security || !login.exchange || login.proven) return undefined;
  const answer = login.exchange.receive(login.keys);
  if ('refused' in answer) return { status: 'authentication-failed', reason: answer.refused };
  login.answers.push(...answer.answers);
  login.proven = answer.done;
  const { proven } = login.exchange;
  login.others.find(({ chap }) => chap === proven)?.become();
  return undefined;
}

/** Keys of `chooseAuthentication` and `authenticate` only. */
const SECURITY_KEYS = ['AuthMethod', 'CHAP_A', 'CHAP_I', 'CHAP_C', 'CHAP_N', 'CHAP_R'];

function negotiateKeys(login: LoginState, request: LoginRequest): Refused | undefined {
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

/** Declares what muster accepts, once, in the operational stage (RFC 7143 §13.12). */
function declareOurs(login: LoginState, request: LoginRequest): undefined {
  if (login.declared || request.stage !== STAGE.operational) return;
  login.declared = true;
  login.answers.push(['MaxRecvDataSegmentLength', String(MAX_RECEIVE_SEGMENT)]);
}

/** Moves to the next stage if the initiator wants to and nothing is missing (RFC 7143 §11.13.3). */
function moveOn(login: LoginState, request: LoginRequest): Refused | undefined {
  if (!request.transit) return undefined;
  const { stage, nextStage } = request;
  if (nextStage <= stage || nextStage === 2) return wrong(`no way from stage ${stage} to stage ${nextStage}`);
  login.transit = login.proven;
  return undefined;
}

function establish(login: LoginState, request: LoginRequest, ports: LoginPorts): Refused | undefined {
  if (!login.transit || request.nextStage !== STAGE.fullFeature) return undefined;
  const session: Omit<Established, 'tsih'> = {
    initiator: login.initiator,
    address: ports.address,
    ...(login.discovery ? {} : { target: login.target, admission: login.admission }),
    targets: login.targets,
    portal: ports.portal,
    settings: login.settings,
    isid: request.isid,
    cid: request.cid,
    expCmdSn: login.first?.cmdSn ?? request.cmdSn,
    statSn: login.statSn,
  };
  const claimed = ports.claim(session);
  if (!('tsih' in claimed)) return claimed;
  login.session = { ...session, tsih: claimed.tsih };
  return undefined;
}
