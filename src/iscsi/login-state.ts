// How far a login has come, as plain values; and what it has to do with the outside.
import type { ChapExchange } from './chap.ts';
import type { Admission, Chap, ChapAccount, TargetDirectory, Visitor } from './directory.ts';
import { DEFAULT_SETTINGS, type Settings } from './keys.ts';
import type { IscsiLimits } from './limits.ts';
import type { LoginStatus } from './login-status.ts';
import type { LoginRequest } from './pdus/login.ts';
import type { Pair } from './text.ts';

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

export interface LoginState {
  initiator: string;
  target: string;
  discovery: boolean;
  targets: readonly string[];
  admission: Admission | undefined;
  chap: Chap | undefined;
  /** Further accounts, and what the login becomes for one that is proven. */
  others: readonly { chap: ChapAccount; become(): void }[];
  exchange: ChapExchange | undefined;
  proven: boolean;
  admitted: boolean;
  declared: boolean;
  settings: Settings;
  /** The text of this request and of those before it that said `continues`. */
  pieces: Buffer[];
  keys: ReadonlyMap<string, string>;
  answers: Pair[];
  stage: number | undefined;
  transit: boolean;
  session: Established | undefined;
  first: LoginRequest | undefined;
  /** Sequence number of the next answer, which the session goes on with. */
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
