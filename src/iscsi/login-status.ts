// Login status codes: class and detail (RFC 7143 §11.13.5).

export const LOGIN_STATUS = {
  success: 0x0000,
  'initiator-error': 0x0200,
  'authentication-failed': 0x0201,
  'not-authorized': 0x0202,
  'not-found': 0x0203,
  'unsupported-version': 0x0205,
  'too-many-connections': 0x0206,
  'missing-parameter': 0x0207,
  'session-type-not-supported': 0x0209,
  'no-such-session': 0x020a,
  'target-error': 0x0300,
  'service-unavailable': 0x0301,
  'out-of-resources': 0x0302,
} as const;

export type LoginStatus = keyof typeof LOGIN_STATUS;
