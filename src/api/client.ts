// The one client of the admin API: JSON over the Unix socket, streaming uploads, and errors as the daemon gave them.
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { Agent, type IncomingMessage, request } from 'node:http';
import { userInfo } from 'node:os';
import { pipeline, Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { ERRORS, type ErrorCode, MusterError, reasonOf, systemCode } from '../errors.ts';
import { maskCommand } from '../masking.ts';
import { type Data, type EndLine, type Given, type Operation, type Parts, type Reply, urlOf } from './operation.ts';
import { CAPTURE_TRAILERS, POWER } from './power.ts';
import { STORAGE, type UploadState } from './storage.ts';

export interface ClientOptions {
  socket: string;
  /** The command line, for the audit trail. */
  command?: string;
  /** The name for the audit trail; default: the login name. */
  user?: string;
  /** Receives each request and the status of its answer. */
  trace?: (text: string) => void;
}

export type Progress = (sent: number, total: number) => void;

/** The request's parts; optional if none is required. */
type Args<O extends Operation> = Partial<Given<O>> extends Given<O> ? [given?: Given<O>] : [given: Given<O>];

/** How often a broken upload is resumed before it fails. */
const UPLOAD_TRIES = 5;

/** The wait before the second try, in milliseconds; each further wait is longer by as much. */
const RETRY_MS = 200;

export class AdminClient {
  /** A connection for each request: on a Unix socket that costs almost nothing, and none is ever stale. */
  private readonly agent = new Agent();
  private readonly options: ClientOptions;

  constructor(options: ClientOptions) {
    this.options = options;
  }

  /** Returns the `data` of a successful answer; throws a refusal in the daemon's words. */
  async call<O extends Operation & { reply: 'json' }>(operation: O, ...[given]: Args<O>): Promise<Data<O>> {
    return readReply<Data<O>>(await this.whole(await this.ask(operation, given)));
  }

  /** Ends whatever is in progress, such as a stream of events. */
  async close(): Promise<void> {
    this.agent.destroy();
  }

  /** Sends a file, resumes it when the connection breaks, and compares the digests of both sides. */
  async upload(file: string, progress: Progress = () => {}): Promise<UploadState> {
    const found = await stat(file).catch((error: unknown) => {
      throw new MusterError('bad-value', `${file}: cannot be read: ${reasonOf(error)}`);
    });
    if (!found.isFile()) throw new MusterError('bad-value', `${file}: is not a file.`);
    let state = await this.call(STORAGE.beginUpload, { body: { size: found.size } });
    for (let attempt = 1; state.sha256 === undefined; ) {
      const before = state.offset;
      try {
        state = await this.sendFrom(file, state, progress);
      } catch (error) {
        attempt += 1;
        // Another connection still writes: it broke, and the head has not noticed yet.
        const isRefused = error instanceof MusterError && error.code !== 'conflict' && error.code !== 'broken-off';
        if (isRefused || attempt > UPLOAD_TRIES) throw error;
        await delay(attempt * RETRY_MS);
        state = await this.call(STORAGE.uploadState, { params: { id: state.id } });
        continue;
      }
      if (state.sha256 === undefined && state.offset === before) {
        await this.call(STORAGE.dropUpload, { params: { id: state.id } });
        throw new MusterError(
          'upload-incomplete',
          `${file}: became shorter while it was sent; nothing was stored. Retry.`,
        );
      }
    }
    // Few commands send files, and the library of digests loads slowly
    const { digestFile } = await import('../durable/digest.ts');
    const own = (await digestFile(file, { follow: true })).whole;
    if (own === state.sha256) return state;
    await this.call(STORAGE.dropUpload, { params: { id: state.id } });
    throw new MusterError(
      'bad-digest',
      `${file}: the head received other bytes than the file has now, so the file probably changed. Retry.`,
    );
  }

  /** Sends bytes that are in no file: secrets touch no disk of the caller. */
  async uploadBytes(bytes: Buffer): Promise<UploadState> {
    const { id } = await this.call(STORAGE.beginUpload, { body: { size: bytes.length } });
    const parts = { params: { id }, query: { offset: '0' } };
    const input = Readable.from([bytes]);
    const state = readReply<UploadState>(await this.whole(await this.ask(STORAGE.upload, parts, { input })));
    if (state.sha256 === createHash('sha256').update(bytes).digest('hex')) return state;
    await this.call(STORAGE.dropUpload, { params: { id } });
    throw new MusterError('bad-digest', 'The head received other bytes than were sent. Retry.');
  }

  /** Returns an answer of another type, such as the content of a stored file. */
  async download<O extends Operation>(
    operation: O,
    ...[given]: Args<O>
  ): Promise<{ body: Readable; size: number; sha256: string }> {
    const response = await this.answered(await this.ask(operation, given));
    const { headers } = response;
    return {
      body: response,
      size: Number(headers['content-length'] ?? 0),
      sha256: String(headers['x-muster-sha256'] ?? ''),
    };
  }

  /** Yields the lines of an answer as they arrive, until the signal. Throws if the answer breaks off or ends with an error. */
  async *lines<O extends Operation & { reply: 'lines' }>(
    operation: O,
    given: Given<O>,
    signal?: AbortSignal,
  ): AsyncGenerator<Data<O>> {
    const response = await this.answered(await this.ask(operation, given, signal ? { signal } : {}));
    let rest = '';
    response.setEncoding('utf8');
    try {
      for await (const chunk of response) {
        const lines = (rest + String(chunk)).split('\n');
        rest = lines.pop() ?? '';
        for (const line of lines) {
          const said = JSON.parse(line) as Data<O> | EndLine;
          if (!isEnd(said)) yield said;
          else if (said.type === 'end') return;
          else throw new MusterError(codeOf(said.code), said.reason);
        }
      }
    } catch (error) {
      throw signal?.aborted ? error : asConnectionError(error, this.options.socket);
    }
    throw new MusterError('not-running', 'musterd ended before it answered; the action may or may not be complete.');
  }

  /** Returns the files of a node as an archive; `ended` is the outcome of the packing, once the archive is read. */
  async capture(uid: string): Promise<{ output: Readable; ended: Promise<{ status: number; stderr: string }> }> {
    const output = await this.answered(await this.ask(POWER.capture, { query: { id: uid } }));
    const ended = new Promise<{ status: number; stderr: string }>((resolve, reject) => {
      output.once('error', error => reject(asConnectionError(error, this.options.socket)));
      output.once('close', () => {
        const [status, reason] = CAPTURE_TRAILERS.map(name => output.trailers[name.toLowerCase()]);
        if (status === undefined)
          reject(new MusterError('broken-off', 'musterd ended before the node was captured; nothing was kept.'));
        else resolve({ status: Number(status), stderr: decodeURIComponent(reason ?? '') });
      });
    });
    // It may fail before it is awaited.
    ended.catch(() => {});
    return { output, ended };
  }

  /** Sends `input` and returns the answer at the same time, until one of them ends. */
  async duplex<O extends Operation & { body: 'bytes' }>(
    operation: O,
    given: Given<O>,
    input: Readable,
  ): Promise<IncomingMessage> {
    return this.answered(await this.ask(operation, given, { input }));
  }

  /** Throws a refusal; the caller must read any other answer. */
  private async answered(response: IncomingMessage): Promise<IncomingMessage> {
    if (response.statusCode !== 200) readReply(await this.whole(response));
    return response;
  }

  private async whole(response: IncomingMessage): Promise<string> {
    return text(response).catch((error: unknown) => {
      throw asConnectionError(error, this.options.socket);
    });
  }

  private async sendFrom(file: string, state: UploadState, progress: Progress): Promise<UploadState> {
    // Sends no more bytes than announced, even if the file grows.
    const stream = createReadStream(file, { start: state.offset, end: state.size - 1, highWaterMark: 1 << 20 });
    let sent = state.offset;
    stream.on('data', chunk => {
      sent += chunk.length;
      progress(sent, state.size);
    });
    const parts = { params: { id: state.id }, query: { offset: String(state.offset) } };
    return readReply<UploadState>(await this.whole(await this.ask(STORAGE.upload, parts, { input: stream })));
  }

  private async ask(
    operation: Operation,
    parts: Parts = {},
    { input, signal }: { input?: Readable; signal?: AbortSignal } = {},
  ): Promise<IncomingMessage> {
    const { method } = operation;
    const path = urlOf(operation, parts);
    const body = input ?? (parts.body === undefined ? undefined : JSON.stringify(parts.body));
    const headers: Record<string, string> = { 'x-muster-user': this.options.user ?? loginName() };
    if (parts.ifMatch !== undefined) headers['if-match'] = parts.ifMatch;
    if (this.options.command) headers['x-muster-command'] = inHeader(this.options.command);
    if (body !== undefined) headers['content-type'] = input ? 'application/octet-stream' : 'application/json';
    try {
      const response = await this.send({ method, path, headers, ...(signal && { signal }) }, body);
      this.options.trace?.(`${method} ${path}: ${response.statusCode}`);
      return response;
    } catch (error) {
      // The caller that gave the signal knows.
      throw signal?.aborted ? error : asConnectionError(error, this.options.socket);
    }
  }

  /** The answer's head may take long: the daemon verifies a large upload first. */
  private async send(
    options: { method: string; path: string; headers: Record<string, string>; signal?: AbortSignal },
    body: string | Readable | undefined,
  ): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const sent = request({ ...options, socketPath: this.options.socket, agent: this.agent });
      sent.once('response', resolve);
      sent.on('error', reject);
      if (typeof body === 'object') {
        // Sends the head first: the other side may answer before the first byte.
        sent.flushHeaders();
        pipeline(body, sent, error => error && reject(error));
      } else sent.end(body);
    });
  }
}

/** Returns a command as header text of at most 4096 characters. Masked before it is cut, and cut before it is encoded, so that no character is split. */
function inHeader(command: string): string {
  const text = maskCommand(command).replace(/\p{Cs}/gu, '?');
  const encoded = encodeURIComponent(text);
  return encoded.length <= 4096 ? encoded : encodeURIComponent(Array.from(text).slice(0, 340).join(''));
}

function isEnd(line: unknown): line is EndLine {
  const type = (line as { type?: unknown }).type;
  return type === 'end' || type === 'error';
}

function readReply<T>(text: string): T {
  const reply = JSON.parse(text) as Reply<T>;
  if (reply.success) return reply.data;
  const code = codeOf(reply.code);
  // The framework answers requests that reach no route, with its own text.
  const reason = reply.reason ?? (reply as { message?: string }).message ?? `musterd answered ${text.slice(0, 200)}`;
  throw new MusterError(code, reason, reply.hint ? { hint: reply.hint } : {});
}

/** A newer musterd may send a code that is unknown here. */
function codeOf(code: string): ErrorCode {
  return Object.hasOwn(ERRORS, code) ? (code as ErrorCode) : 'internal';
}

function asConnectionError(error: unknown, socket: string): unknown {
  const code = systemCode(error);
  if (code === 'ENOENT' || code === 'ECONNREFUSED') {
    const remedy =
      "Start it ('systemctl start musterd', or 'musterd --config FILE'), or name its socket with --socket or MUSTER_SOCKET.";
    return new MusterError('not-running', `musterd is not running: nothing answers on ${socket}. ${remedy}`, {
      cause: error as Error,
    });
  }
  if (code === 'EACCES' || code === 'EPERM') {
    return new MusterError('not-allowed', `You may not use ${socket}: join the group 'muster', or become root.`, {
      cause: error as Error,
    });
  }
  if (code === 'ECONNRESET' || code === 'EPIPE') {
    return new MusterError(
      'broken-off',
      `musterd ended before it answered on ${socket}. When it runs again, 'muster log' shows whether the change was made.`,
      { cause: error as Error },
    );
  }
  return error;
}

/** Returns the login name; a number when the user database has none. */
function loginName(): string {
  try {
    return userInfo().username;
  } catch {
    return `uid ${process.getuid?.() ?? '?'}`;
  }
}
