// Requests that came before their turn, because a lower CmdSN is missing: limited by the command window in number, and in bytes.
import { serialBefore } from './serial.ts';

export interface EarlyRequest {
  /** What it holds, in bytes. */
  bytes: number;
  kind: 'command' | 'control';
  run(): void;
}

export class EarlyRequests {
  private readonly byCmdSn = new Map<number, EarlyRequest>();
  private readonly limit: number;
  private held = 0;

  /** @param limit bytes that they may hold in total */
  constructor(limit: number) {
    this.limit = limit;
  }

  /** Keeps a request; a second one with its number is ignored (RFC 7143 §4.2.2.1). Returns false when there is no room. */
  add(cmdSn: number, request: EarlyRequest): boolean {
    if (this.byCmdSn.has(cmdSn)) return true;
    if (this.held + request.bytes > this.limit) return false;
    this.set(cmdSn, request);
    return true;
  }

  /** Returns the request with the next turn, or undefined. */
  take(cmdSn: number): EarlyRequest | undefined {
    const request = this.byCmdSn.get(cmdSn);
    if (!request) return undefined;
    this.byCmdSn.delete(cmdSn);
    this.held -= request.bytes;
    return request;
  }

  /** Puts a request that holds nothing at a number, whether there is one or not. */
  replace(cmdSn: number, run: () => void): void {
    this.take(cmdSn);
    this.set(cmdSn, { bytes: 0, kind: 'control', run });
  }

  /** The numbers of SCSI commands that come before this one. */
  commandsBefore(cmdSn: number): number[] {
    return [...this.byCmdSn].flatMap(([own, { kind }]) =>
      kind === 'command' && serialBefore(own, cmdSn) ? [own] : [],
    );
  }

  clear(): void {
    this.byCmdSn.clear();
    this.held = 0;
  }

  private set(cmdSn: number, request: EarlyRequest): void {
    this.byCmdSn.set(cmdSn, request);
    this.held += request.bytes;
  }
}
