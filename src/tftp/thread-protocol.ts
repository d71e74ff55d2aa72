// Messages between the event loop and the thread of the TFTP server.
import type { TftpLook } from '../boot/evidence.ts';
import type { ThreadBasics } from '../thread.ts';
import type { ContentAnswer } from './contents.ts';
import type { Client } from './datagrams.ts';
import type { Request } from './packet.ts';
import type { Listeners, Note } from './report.ts';
import type { ServerOptions } from './server.ts';

/** The initial data of the thread. */
export interface ThreadData extends ThreadBasics {
  options: ServerOptions;
  /** Those of `Counts`. */
  counts: Float64Array;
  /** One shared number: the lines and notes that the event loop has not read yet. */
  unheard: Int32Array;
}

export type ToThread = { kind: 'answer'; id: number; answer: ContentAnswer } | { kind: 'stop' };

export type FromThread =
  | { kind: 'listening' }
  | { kind: 'ask'; id: number; request: Request; client: Client; mostBlock: number }
  | { kind: 'line'; line: Parameters<Listeners['line']> }
  | { kind: 'progress'; client: Client; look: TftpLook | undefined }
  | { kind: 'note'; client: Client; note: Note };
