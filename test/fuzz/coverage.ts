// Which code an input reached, told by V8 itself: block coverage of the files of src, taken after each input.
import { type Profiler, Session } from 'node:inspector';

export class Coverage {
  private readonly session = new Session();
  private readonly seen = new Set<string>();

  constructor() {
    this.session.connect();
    this.post('Profiler.enable');
    this.post('Profiler.startPreciseCoverage', { callCount: false, detailed: true });
  }

  /** Whether the code that ran since the last call took a way that none took before. */
  isNew(): boolean {
    let found = false;
    for (const { url, functions } of this.take()) {
      if (!url.includes('/dist/src/')) continue;
      for (const { functionName, ranges } of functions) {
        const way = ranges.map(range => `${range.startOffset}-${range.endOffset}:${range.count > 0 ? 1 : 0}`).join(',');
        const key = `${url} ${functionName} ${way}`;
        if (this.seen.has(key)) continue;
        this.seen.add(key);
        found = true;
      }
    }
    return found;
  }

  get ways(): number {
    return this.seen.size;
  }

  close(): void {
    this.post('Profiler.stopPreciseCoverage');
    this.session.disconnect();
  }

  private take(): Profiler.ScriptCoverage[] {
    let taken: Profiler.ScriptCoverage[] = [];
    // The callback is called before `post` comes back: the session is of this very thread
    this.session.post('Profiler.takePreciseCoverage', (error, answer) => {
      if (!error) taken = answer.result;
    });
    return taken;
  }

  private post(method: 'Profiler.enable' | 'Profiler.stopPreciseCoverage'): void;
  private post(method: 'Profiler.startPreciseCoverage', parameters: object): void;
  private post(method: string, parameters: object = {}): void {
    this.session.post(method, parameters, error => {
      if (error) throw error;
    });
  }
}
