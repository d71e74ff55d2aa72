// Maps with several values for a key.

/** Adds a value to those of a key. */
export function append<Key, T>(map: Map<Key, T[]>, key: Key, value: T): void {
  const values = map.get(key);
  if (values) values.push(value);
  else map.set(key, [value]);
}
