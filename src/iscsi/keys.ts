// The keys of RFC 7143 §13, one row each with its rule of negotiation.
import { parseNumber } from './text.ts';

/** What a login agreed on; the values here are the RFC's defaults. */
export interface Settings {
  headerDigest: boolean;
  dataDigest: boolean;
  /** Bytes of data that the initiator accepts in one PDU. */
  sendSegment: number;
  maxBurst: number;
  firstBurst: number;
  immediateData: boolean;
}

export const DEFAULT_SETTINGS: Settings = {
  headerDigest: false,
  dataDigest: false,
  sendSegment: 8192,
  maxBurst: 262144,
  firstBurst: 65536,
  immediateData: true,
};

/** The result of an offer: the value to answer with (none for a declaration), and what it sets. */
export interface Negotiated {
  answer?: string;
  set?: Partial<Settings>;
}

export interface KeyRow {
  name: string;
  /** The section of RFC 7143 that defines it. */
  section: string;
  /** May be sent after login too (RFC 7143 §13, "Use: ALL" or "FFPO"). */
  always?: boolean;
  /** Means nothing in a discovery session and is answered Irrelevant there (RFC 7143 §13, "Irrelevant when: SessionType=Discovery"). */
  normalOnly?: boolean;
  /** Undefined answers Reject: the value is not possible (RFC 7143 §6.2). */
  negotiate(offer: string): Negotiated | undefined;
}

const REJECT = 'Reject';

export const KEYS: readonly KeyRow[] = [
  row(
    'HeaderDigest',
    '13.1',
    list(['CRC32C', 'None'], chosen => ({ headerDigest: chosen === 'CRC32C' })),
  ),
  row(
    'DataDigest',
    '13.1',
    list(['CRC32C', 'None'], chosen => ({ dataDigest: chosen === 'CRC32C' })),
  ),
  row('MaxConnections', '13.2', smaller(1, 65535, 1), { normalOnly: true }),
  row('InitiatorName', '13.5', declared),
  row('TargetName', '13.4', declared, { always: true }),
  row('InitiatorAlias', '13.7', declared, { always: true }),
  row('SessionType', '13.21', declared),
  row('InitialR2T', '13.10', either(true), { normalOnly: true }),
  row(
    'ImmediateData',
    '13.11',
    both(true, value => ({ immediateData: value })),
    { normalOnly: true },
  ),
  row('MaxRecvDataSegmentLength', '13.12', segment, { always: true }),
  row(
    'MaxBurstLength',
    '13.13',
    smaller(512, 0xffffff, 1024 * 1024, value => ({ maxBurst: value })),
    { normalOnly: true },
  ),
  row(
    'FirstBurstLength',
    '13.14',
    smaller(512, 0xffffff, 65536, value => ({ firstBurst: value })),
    { normalOnly: true },
  ),
  row('DefaultTime2Wait', '13.15', larger(0, 3600, 0)),
  row('DefaultTime2Retain', '13.16', smaller(0, 3600, 0)),
  row('MaxOutstandingR2T', '13.17', smaller(1, 65535, 1), { normalOnly: true }),
  row('DataPDUInOrder', '13.18', either(true), { normalOnly: true }),
  row('DataSequenceInOrder', '13.19', either(true), { normalOnly: true }),
  row('ErrorRecoveryLevel', '13.20', smaller(0, 2, 0)),
  row('TaskReporting', '13.23', list(['RFC3720']), { normalOnly: true }),
  // Level 1 is RFC 7143 itself.
  row('iSCSIProtocolLevel', '13.24', smaller(0, 31, 1), { normalOnly: true }),
  row('X#NodeArchitecture', '13.26', declared, { always: true }),
  // A question in a Text request, answered by `control`; in login it means nothing.
  row('SendTargets', '13.3', () => undefined),
  // RFC 7143 §13.25: never NotUnderstood; No, or Reject for the intervals.
  row('IFMarker', '13.25', () => ({ answer: 'No' })),
  row('OFMarker', '13.25', () => ({ answer: 'No' })),
  row('IFMarkInt', '13.25', () => ({ answer: REJECT })),
  row('OFMarkInt', '13.25', () => ({ answer: REJECT })),
  // Declared by the target only: an initiator that sends them gets Reject.
  row('TargetAlias', '13.6', () => undefined),
  row('TargetAddress', '13.8', () => undefined),
  row('TargetPortalGroupTag', '13.9', () => undefined),
];

const BY_NAME = new Map(KEYS.map(key => [key.name, key]));

export interface Phase {
  discovery: boolean;
  /** Before the full feature phase. */
  login: boolean;
}

/** Decides on one key from an initiator (RFC 7143 §6.2). */
export function negotiate(name: string, offer: string, phase: Phase): Negotiated {
  const key = BY_NAME.get(name);
  if (!key) return { answer: 'NotUnderstood' };
  if (phase.discovery && key.normalOnly) return { answer: 'Irrelevant' };
  if (!phase.login && !key.always) return { answer: REJECT };
  return key.negotiate(offer) ?? { answer: REJECT };
}

function row(
  name: string,
  section: string,
  rule: KeyRow['negotiate'],
  more: Pick<KeyRow, 'always' | 'normalOnly'> = {},
): KeyRow {
  return { name, section, negotiate: rule, ...more };
}

/** A declaration gets no answer; whoever needs the value reads it elsewhere. */
function declared(): Negotiated {
  return {};
}

/** RFC 7143 §13.12: what the initiator accepts; at least 512. */
function segment(offer: string): Negotiated | undefined {
  const value = parseNumber(offer);
  return value !== undefined && value >= 512 && value <= 0xffffff ? { set: { sendSegment: value } } : undefined;
}

/** A list by preference: the first that muster also supports (RFC 7143 §6.2.1). */
function list(ours: readonly string[], set: (chosen: string) => Partial<Settings> = () => ({})): KeyRow['negotiate'] {
  return offer => {
    const chosen = offer.split(',').find(value => ours.includes(value));
    return chosen === undefined ? undefined : { answer: chosen, set: set(chosen) };
  };
}

/** A number; the result is the smaller one (RFC 7143 §6.2.2). */
function smaller(
  least: number,
  most: number,
  ours: number,
  set: (value: number) => Partial<Settings> = () => ({}),
): KeyRow['negotiate'] {
  return number(least, most, offer => Math.min(offer, ours), set);
}

/** A number; the result is the larger one (RFC 7143 §6.2.2). */
function larger(least: number, most: number, ours: number): KeyRow['negotiate'] {
  return number(
    least,
    most,
    offer => Math.max(offer, ours),
    () => ({}),
  );
}

function number(
  least: number,
  most: number,
  result: (offer: number) => number,
  set: (value: number) => Partial<Settings>,
): KeyRow['negotiate'] {
  return offer => {
    const value = parseNumber(offer);
    if (value === undefined || value < least || value > most) return undefined;
    const agreed = result(value);
    return { answer: String(agreed), set: set(agreed) };
  };
}

/** Yes when either side says Yes (OR, RFC 7143 §6.2.2). */
function either(ours: boolean, set: (value: boolean) => Partial<Settings> = () => ({})): KeyRow['negotiate'] {
  return boolean(offer => offer || ours, set);
}

/** Yes when both sides say Yes (AND, RFC 7143 §6.2.2). */
function both(ours: boolean, set: (value: boolean) => Partial<Settings>): KeyRow['negotiate'] {
  return boolean(offer => offer && ours, set);
}

function boolean(result: (offer: boolean) => boolean, set: (value: boolean) => Partial<Settings>): KeyRow['negotiate'] {
  return offer => {
    if (offer !== 'Yes' && offer !== 'No') return undefined;
    const agreed = result(offer === 'Yes');
    return { answer: agreed ? 'Yes' : 'No', set: set(agreed) };
  };
}
