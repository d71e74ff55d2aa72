// Requests about the session and not about its disk: NOP, Text, task management, Logout.
import type { Frame } from './frame.ts';
import { negotiate } from './keys.ts';
import { NO_TAG } from './opcodes.ts';
import { isUnitZero } from './pdus/command.ts';
import {
  type ControlRequest,
  decodeControl,
  encodeLogoutResponse,
  encodeNopIn,
  encodeTaskManagementResponse,
  encodeTextResponse,
  FUNCTION,
  FUNCTION_RESPONSE,
  LOGOUT_REASON,
  LOGOUT_RESPONSE,
  REJECT,
} from './pdus/control.ts';
import type { ControlGround, TextExchange } from './session-ground.ts';
import { encodeText, type Pair, parseText, TextError } from './text.ts';

/** NOP-Out (RFC 7143 §11.18): with a task tag a ping, with its data returned; without one an answer to ours. */
export function nopOut(session: ControlGround, { header, data }: Frame): void {
  const request = decodeControl(header);
  if (request.tag === NO_TAG) return;
  const echo = Buffer.from(data.subarray(0, session.established.settings.sendSegment));
  session.inOrder(
    request.cmdSn,
    request.immediate,
    () => {
      session.counters.ended(request.immediate);
      session.ports.out.append(encodeNopIn(request.tag, NO_TAG, session.counters), echo);
      session.counters.nextStatus();
    },
    echo.length,
  );
}

/** The tag by which an initiator continues an exchange: there is one at a time. */
const TEXT_TAG = 2;

/** Text (RFC 7143 §11.10): SendTargets and the few keys that may be negotiated after login. */
export function text(session: ControlGround, { header, data }: Frame): void {
  const request = decodeControl(header);
  const part = Buffer.from(data);
  const kept = Buffer.from(header);
  session.inOrder(
    request.cmdSn,
    request.immediate,
    () => {
      session.counters.ended(request.immediate);
      // RFC 7143 §11.10.4: without the tag it is a new exchange, and the rest of an older one is dropped.
      const exchange: TextExchange = request.otherTag === NO_TAG ? { kind: 'none' } : session.text;
      session.text = { kind: 'none' };
      if (request.otherTag !== NO_TAG && (request.otherTag !== TEXT_TAG || exchange.kind === 'none')) {
        session.reject(REJECT.invalidField, kept);
        return;
      }
      const isAskingForMore = exchange.kind === 'answering' && part.length === 0 && !request.continues;
      if (isAskingForMore) {
        sendPart(session, request, exchange.rest);
        return;
      }
      const received = exchange.kind === 'collecting' ? Buffer.concat([exchange.received, part]) : part;
      if (received.length > session.ports.limits.textBytes) {
        session.reject(REJECT.protocol, kept);
        return;
      }
      if (request.continues) {
        // RFC 7143 §6.1: an empty response answers partial text until it is complete.
        session.text = { kind: 'collecting', received };
        sendText(session, request, Buffer.alloc(0), TEXT_TAG);
        return;
      }
      answerText(session, request, received, kept);
    },
    part.length,
  );
}

function answerText(session: ControlGround, request: ControlRequest, received: Buffer, header: Buffer): void {
  try {
    sendPart(session, request, encodeText(answersTo(session, parseText(received))));
  } catch (error) {
    if (!(error instanceof TextError)) throw error;
    session.reject(REJECT.protocol, header);
  }
}

/** Sends as much of an answer as fits one PDU; the initiator requests the rest. */
function sendPart(session: ControlGround, request: ControlRequest, answer: Buffer): void {
  const room = Math.min(session.established.settings.sendSegment, 65536);
  const isWhole = answer.length <= room;
  if (!isWhole) session.text = { kind: 'answering', rest: answer.subarray(room) };
  sendText(session, request, answer.subarray(0, room), isWhole ? NO_TAG : TEXT_TAG);
}

function sendText(session: ControlGround, request: ControlRequest, data: Buffer, transferTag: number): void {
  session.ports.out.append(encodeTextResponse(request.tag, transferTag, session.counters), data);
  session.counters.nextStatus();
}

function answersTo(session: ControlGround, keys: ReadonlyMap<string, string>): Pair[] {
  const pairs: Pair[] = [];
  for (const [name, value] of keys) {
    if (name === 'SendTargets') {
      pairs.push(...sendTargets(session, value));
      continue;
    }
    const { answer, set } = negotiate(name, value, { discovery: !session.unit, login: false });
    Object.assign(session.established.settings, set);
    if (answer !== undefined) pairs.push([name, answer]);
  }
  return pairs;
}

/**
 * SendTargets (RFC 7143 appendix C): All in a discovery session, a name, or nothing for this session's own target. The address is
 * the one that the initiator connected to: libiscsi does not list targets without one.
 */
function sendTargets(session: ControlGround, value: string): Pair[] {
  const { targets, portal } = session.established;
  if (value === 'All' && session.unit) return [['SendTargets', 'Reject']];
  const wanted = value === 'All' || value === '' ? targets : targets.filter(name => name === value);
  const address: Pair = ['TargetAddress', `${portal},1`];
  return wanted.flatMap((name): Pair[] => [['TargetName', name], address]);
}

/** Task Management Function Request (RFC 7143 §11.5). */
export function taskManagement(session: ControlGround, { header }: Frame): void {
  const request = decodeControl(header);
  const unitZero = isUnitZero(header);
  session.inOrder(request.cmdSn, request.immediate, () => {
    const answer = (outcome: number) => {
      session.counters.ended(request.immediate);
      session.ports.out.append(encodeTaskManagementResponse(request.tag, outcome, session.counters));
      session.counters.nextStatus();
      session.ports.out.flush();
      if (request.function === FUNCTION.targetColdReset && outcome === FUNCTION_RESPONSE.complete) {
        // RFC 7143 §11.5.1: a cold reset ends the sessions.
        session.ports.end('dropped', 'it reset the target');
      }
    };
    const done = manage(session, request, unitZero);
    if (typeof done === 'number') answer(done);
    else
      done.then(
        () => answer(FUNCTION_RESPONSE.complete),
        () => answer(FUNCTION_RESPONSE.notSupported),
      );
  });
}

/** Returns a response at once, or a promise if the disk has to finish first. */
function manage(session: ControlGround, request: ControlRequest, unitZero: boolean): number | Promise<void> {
  const { tasks } = session;
  switch (request.function) {
    case FUNCTION.abortTask: {
      const task = tasks.get(request.otherTag);
      if (task) return session.abort([task]);
      // RFC 7143 §11.6.1 b, c: a command that has not arrived yet never runs; a number outside the window names nothing.
      const isCancelled = session.cancel(request.refCmdSn, request.cmdSn);
      return isCancelled ? FUNCTION_RESPONSE.complete : FUNCTION_RESPONSE.noSuchTask;
    }
    case FUNCTION.abortTaskSet:
    case FUNCTION.clearTaskSet:
      return unitZero ? abortAll(session, request) : FUNCTION_RESPONSE.noSuchUnit;
    case FUNCTION.unitReset:
      return unitZero ? reset(session, request, 'tasks') : FUNCTION_RESPONSE.noSuchUnit;
    case FUNCTION.targetWarmReset:
      return reset(session, request, 'tasks');
    case FUNCTION.targetColdReset:
      return reset(session, request, 'session');
    case FUNCTION.taskReassign:
      return FUNCTION_RESPONSE.reassignNotSupported;
    default:
      return FUNCTION_RESPONSE.notSupported;
  }
}

/**
 * Ends the tasks of this session, and on a writable disk those of every other. A read-only disk is shared by all nodes and has no
 * state to reset: there no initiator can disturb another.
 */
async function reset(session: ControlGround, request: ControlRequest, how: 'tasks' | 'session'): Promise<void> {
  const { unit, nexus } = session;
  if (unit && !unit.device.readOnly) unit.resetOthers(nexus, how);
  nexus.attend('bus-device-reset');
  await abortAll(session, request);
}

/** Ends all tasks of the session that came before the request, including those that wait for their turn. */
function abortAll(session: ControlGround, request: ControlRequest): Promise<void> {
  session.cancelEarly(request.cmdSn);
  return session.abort(session.tasks.all());
}

/** Logout (RFC 7143 §11.14): the answer, and then the end of the connection, the session's only one. */
export function logout(session: ControlGround, { header }: Frame): void {
  const request = decodeControl(header);
  const cid = header.readUInt16BE(20);
  session.inOrder(request.cmdSn, request.immediate, () => {
    session.counters.ended(request.immediate);
    const outcome = logoutOutcome(request.function, cid, session.established.cid);
    session.ports.out.append(encodeLogoutResponse(request.tag, outcome, session.counters));
    session.counters.nextStatus();
    if (outcome === LOGOUT_RESPONSE.success) session.ports.end('logout', 'it logged out');
  });
}

function logoutOutcome(reason: number, cid: number, ours: number): number {
  if (reason === LOGOUT_REASON.recovery) return LOGOUT_RESPONSE.recoveryNotSupported;
  if (reason === LOGOUT_REASON.connection && cid !== ours) return LOGOUT_RESPONSE.noSuchConnection;
  return LOGOUT_RESPONSE.success;
}
