// The boot plane over TLS, started when something secret has to be served for the first time.
import type { TlsFacts } from '../boot/plane/session-values.ts';
import { reasonOf } from '../errors.ts';
import type { BootPlaneServer } from '../http/boot-plane.ts';
import type { Log } from '../log.ts';
import type { Refused } from '../refused.ts';
import { hasHeadCertificate, loadHeadCertificate } from '../tls/head-certificate.ts';

export class SecretPlane {
  private readonly stateFolder: string;
  private readonly port: number;
  private readonly log: Log;
  private server: Pick<BootPlaneServer, 'startTls'> | undefined;
  private starting: Promise<TlsFacts> | undefined;
  /** What a node needs to reach it; none before it listens. */
  facts: TlsFacts | undefined;

  constructor(options: { stateFolder: string; port: number; log: Log }) {
    this.stateFolder = options.stateFolder;
    this.port = options.port;
    this.log = options.log;
  }

  /** Names the server that answers; it listens on the same addresses. */
  servedBy(server: Pick<BootPlaneServer, 'startTls'>): void {
    this.server = server;
  }

  /** Listens after a restart if it did before: enrolled systems and those with secrets come back to it. */
  async resume(): Promise<void> {
    if (!hasHeadCertificate(this.stateFolder)) return;
    const answer = await this.ready();
    if ('refused' in answer) this.log.warn({}, `http: ${answer.refused}`);
  }

  /** Listens, unless it does already. A failure is tried again at the next call. */
  async ready(): Promise<{ tls: TlsFacts } | Refused> {
    this.starting ??= this.start();
    try {
      this.facts = await this.starting;
      return { tls: this.facts };
    } catch (error) {
      this.starting = undefined;
      return {
        refused: `the head cannot serve over TLS (https.port ${this.port}): ${reasonOf(error)}`,
      };
    }
  }

  private async start(): Promise<TlsFacts> {
    if (!this.server) throw new Error('the boot plane does not listen yet');
    const pair = await loadHeadCertificate(this.stateFolder);
    const port = await this.server.startTls(pair, this.port);
    this.log.info({ port }, 'http: secrets of nodes are served over TLS');
    return { port, pin: pair.pin };
  }
}
