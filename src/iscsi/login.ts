// Login, request by request (RFC 7143 §6.3): checks each one, collects its text, and answers; `login-verbs` does the rest.
import { reasonOf } from '../errors.ts';
import { type Established, type LoginPorts, type LoginState, newLogin, type Refused } from './login-state.ts';
import type { LoginStatus } from './login-status.ts';
import { VERBS, wrong } from './login-verbs.ts';
import { decodeLoginRequest, encodeLoginResponse, type LoginRequest, STAGE } from './pdus/login.ts';
import { serialAdd } from './serial.ts';
import { encodeText, TextError } from './text.ts';

/** The answer to one request, and the state of login after it. */
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
  readonly state: LoginState = newLogin();
  private requests = 0;

  constructor(ports: LoginPorts) {
    this.ports = ports;
  }

  /** @param header of a Login Request @param data its text */
  async receive(header: Buffer, data: Buffer): Promise<LoginStep> {
    const request = decodeLoginRequest(header);
    this.requests += 1;
    this.state.answers = [];
    this.state.transit = false;
    try {
      const refused = this.outOfOrder(request) ?? this.gather(request, data) ?? (await this.advance(request));
      return this.reply(request, refused);
    } catch (error) {
      if (error instanceof TextError) {
        return this.reply(request, { status: 'initiator-error', reason: error.message });
      }
      // The directory failed, or we did: the status says that the peer is not to blame, the note says why.
      return this.reply(request, { status: 'target-error', reason: `login failed: ${reasonOf(error)}` });
    }
  }

  private async advance(request: LoginRequest): Promise<Refused | undefined> {
    // RFC 7143 §6.1: an empty response answers partial text until it is complete.
    if (request.continues) return undefined;
    for (const verb of VERBS) {
      const refused = await verb(this.state, request, this.ports);
      if (refused) return refused;
    }
    this.state.pieces = [];
    return undefined;
  }

  /** Returns what is wrong with a request (RFC 7143 §11.12). */
  private outOfOrder(request: LoginRequest): Refused | undefined {
    if (request.versionMin > 0)
      return { status: 'unsupported-version', reason: `it wants version ${request.versionMin}` };
    if (this.requests > this.ports.limits.loginRequests) return wrong('its login does not come to an end');
    if (request.continues && request.transit) return wrong('both C and T are set (RFC 7143 §11.12.2)');
    if (request.stage !== STAGE.security && request.stage !== STAGE.operational)
      return wrong(`no stage ${request.stage}`);
    const { first } = this.state;
    if (!first) {
      this.state.first = request;
      this.state.stage = request.stage;
      // One connection per session: another cannot join (RFC 7143 §6.3.1, table of TSIH and CID).
      if (request.tsih !== 0)
        return { status: 'no-such-session', reason: 'it wants to join a session; each has one connection' };
      return undefined;
    }
    const same =
      request.isid === first.isid && request.tag === first.tag && request.cid === first.cid && request.tsih === 0;
    if (!same) return wrong('ISID, TSIH, CID or task tag changed within its login (RFC 7143 §11.12)');
    if (request.stage !== this.state.stage)
      return wrong(`it is in stage ${request.stage} and we are in ${this.state.stage}`);
    return undefined;
  }

  private gather(_request: LoginRequest, data: Buffer): Refused | undefined {
    this.state.pieces.push(Buffer.from(data));
    const total = this.state.pieces.reduce((sum, piece) => sum + piece.length, 0);
    return total > this.ports.limits.textBytes
      ? wrong(`more than ${this.ports.limits.textBytes} bytes of text`)
      : undefined;
  }

  private reply(request: LoginRequest, refused: Refused | undefined): LoginStep {
    const expCmdSn = this.state.first?.cmdSn ?? request.cmdSn;
    const header = encodeLoginResponse({
      transit: this.state.transit && !refused,
      stage: request.stage,
      nextStage: request.nextStage,
      isid: request.isid,
      tsih: this.state.session?.tsih ?? request.tsih,
      tag: request.tag,
      statSn: this.state.statSn,
      expCmdSn,
      maxCmdSn: serialAdd(expCmdSn, this.ports.limits.window - 1),
      status: refused ? refused.status : 'success',
    });
    this.state.statSn = serialAdd(this.state.statSn, 1);
    if (refused) return { header, data: Buffer.alloc(0), outcome: { kind: 'failed', ...refused } };
    const data = encodeText(this.state.answers);
    if (this.state.transit) this.state.stage = request.nextStage;
    if (!this.state.session) return { header, data, outcome: { kind: 'more' } };
    return { header, data, outcome: { kind: 'done', session: { ...this.state.session, statSn: this.state.statSn } } };
  }
}
