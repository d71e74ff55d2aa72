// What a target has done so far, for the metrics.

export interface Traffic {
  /** SCSI commands that were answered. */
  commands: number;
  /** Bytes of their data, to initiators and from them. */
  readBytes: number;
  writtenBytes: number;
}

export function noTraffic(): Traffic {
  return { commands: 0, readBytes: 0, writtenBytes: 0 };
}

/** Adds to the first. */
export function addTraffic(sum: Traffic, more: Traffic): void {
  sum.commands += more.commands;
  sum.readBytes += more.readBytes;
  sum.writtenBytes += more.writtenBytes;
}
