// Reads AVA's TAP output: what passed, what failed with its text, what was skipped with its reason.

const RESULT = /^(not )?ok \d+ - (.*?)(?: # (SKIP|TODO)\b.*)?$/;

export class TapReading {
  total = 0;
  failed = 0;
  /** Whether the closing line came; without it the run was cut off. */
  complete = false;
  #report;
  #arrived;
  #current;

  /**
   * @param {(name: string, outcome: 'passed' | 'failed' | 'skipped', text: string) => void} report once a result's text is whole
   * @param {(name: string) => void} arrived as soon as there is a result
   */
  constructor(report, arrived = () => {}) {
    this.#report = report;
    this.#arrived = arrived;
  }

  line(text) {
    const match = RESULT.exec(text);
    if (match) {
      this.end();
      this.#arrived(match[2]);
      this.#current = { name: match[2], bad: Boolean(match[1]), mark: match[3], text: [] };
    } else if (/^1\.\.\d+$/.test(text)) {
      this.end();
      this.complete = true;
    } else if (this.#current && /^(# {3}| {2})/.test(text)) {
      this.#current.text.push(text.replace(/^# {3}|^ {2}/, ''));
    }
  }

  /** Reports the last result, which is complete only now. */
  end() {
    const current = this.#current;
    if (!current) return;
    this.#current = undefined;
    const text = current.text.filter(line => line !== '---' && line !== '...').join('\n');
    const skipped = current.mark !== undefined || (!current.bad && /^SKIP\b/m.test(text));
    const outcome = skipped ? 'skipped' : current.bad ? 'failed' : 'passed';
    this.total += 1;
    if (outcome === 'failed') this.failed += 1;
    this.#report(current.name, outcome, current.mark === 'TODO' ? 'not written yet' : text);
  }
}
