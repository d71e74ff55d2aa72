// The kinds of PDU (RFC 7143 §11.2.1.2).

/** From the initiator. */
export const REQUEST = {
  nopOut: 0x00,
  command: 0x01,
  taskManagement: 0x02,
  login: 0x03,
  text: 0x04,
  dataOut: 0x05,
  logout: 0x06,
  snack: 0x10,
} as const;

/** From the target. */
export const RESPONSE = {
  nopIn: 0x20,
  command: 0x21,
  taskManagement: 0x22,
  login: 0x23,
  text: 0x24,
  dataIn: 0x25,
  logout: 0x26,
  readyToTransfer: 0x31,
  async: 0x32,
  reject: 0x3f,
} as const;

/** A tag that names nothing (RFC 7143 §11.2.1.8). */
export const NO_TAG = 0xffffffff;

/** Byte 1, bit 7: the last PDU of a sequence. */
export const FINAL = 0x80;
/** Byte 1, bit 6 of Text and Login: the text goes on in the next PDU. */
export const CONTINUE = 0x40;
/** Byte 0, bit 6: delivered at once, outside the command window (RFC 7143 §11.2.1.1). */
export const IMMEDIATE = 0x40;
