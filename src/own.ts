// Objects used as maps with keys from outside: `constructor` and `toString` are not entries.

/** Returns the object's own entry; undefined also for what every object inherits. */
export function own<T>(record: Readonly<Record<string, T>>, key: string): T | undefined {
  return Object.hasOwn(record, key) ? record[key] : undefined;
}
