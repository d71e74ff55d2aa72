// The progress of a login, as plain values, and its ports to the outside.
import type { ChapExchange } from './chap.ts';
import type { Admission, Chap, ChapAccount, TargetDirectory, Visitor } from './directory.ts';
import { DEFAULT_SETTINGS, type Settings } from './keys.ts';
import type { IscsiLimits } from './limits.ts';
import type { LoginStatus } from './login-status.ts';
import type { LoginRequest } from './pdus/login.ts';
import type { Pair } from './text.ts';

/** A session made by a login. */
export interface Established extends Visitor {
  /** None for a discovery session. */
  target?: string;
  admission?: Admission;
  /** The answer to SendTargets. */
  targets: readonly string[];
  /** Where this session arrived, `address:port`: SendTargets names it for every target. */
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
  /** Where the peer arrived, `address:port`. */
  portal: string;
  random(bytes: number): Buffer;
  /** Gives the new session its handle; ends the older one that it replaces (RFC 7143 §6.3.5). */
  claim(session: Omit<Established, 'tsih'>): { tsih: number } | Refused;
}

export interface Refused {
  status: LoginStatus;
  reason: string;
}

export interface LoginState {
  initiator: string;
  target: string;
  discovery: boolean;
  targets: readonly string[];
  admission: Admission | undefined;
  chap: Chap | undefined;
  /** Further accounts, and how the login changes when one is proven. */
  others: readonly { chap: ChapAccount; become(): void }[];
  exchange: ChapExchange | undefined;
  proven: boolean;
  admitted: boolean;
  declared: boolean;
  settings: Settings;
  /** The text of this request and of the partial ones before it. */
  pieces: Buffer[];
  keys: ReadonlyMap<string, string>;
  answers: Pair[];
  stage: number | undefined;
  transit: boolean;
  session: Established | undefined;
  first: LoginRequest | undefined;
  /** Sequence number of the next answer; the session continues from it. */
  statSn: number;
}

export function newLogin(): LoginState {
  return {
    initiator: '',
    target: '',
    discovery: false,
    targets: [],
    admission: undefined,
    chap: undefined,
    others: [],
    exchange: undefined,
    proven: false,
    admitted: false,
    declared: false,
    settings: { ...DEFAULT_SETTINGS },
    pieces: [],
    keys: new Map(),
    answers: [],
    stage: undefined,
    transit: false,
    session: undefined,
    first: undefined,
    statSn: 0,
  };
}
