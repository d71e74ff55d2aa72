// What a server in another process says, line by line, and the wait for one of it.

/** Events in the order of coming. */
export class Events<Event> {
  readonly all: Event[] = [];
  private wake: (() => void)[] = [];

  add(event: Event): void {
    this.all.push(event);
    for (const wake of this.wake.splice(0)) wake();
  }

  /**
   * The first that matches, as soon as it is there; throws with all of them when it does not come.
   * @param from those before this place do not count
   */
  async until(match: (event: Event) => boolean, timeoutMs: number, from = 0): Promise<Event> {
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      const found = this.all.slice(from).find(match);
      if (found) return found;
      const left = deadline - Date.now();
      if (left <= 0) throw new Error(`the server never said it; it said ${JSON.stringify(this.all)}`);
      await new Promise<void>(resolve => {
        const timer = setTimeout(resolve, left);
        this.wake.push(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
  }
}
