// A bounded map, for what is learned from outside: how much of it there is, others decide.

/** Keeps the entries that were set last. */
export class Latest<K, V> extends Map<K, V> {
  private readonly most: number;

  constructor(most: number) {
    super();
    this.most = most;
  }

  /** Makes the entry the newest; the oldest leaves when there are too many. */
  override set(key: K, value: V): this {
    this.delete(key);
    super.set(key, value);
    const [oldest] = this.size > this.most ? this.keys() : [];
    if (oldest !== undefined) this.delete(oldest);
    return this;
  }
}
