// Lists ordered by number, searched by bisection.

interface Numbered {
  number: number;
}

/** Returns the index of an item in a list ordered by number, or the index where it belongs. */
export function position(list: readonly Numbered[], item: Numbered): number {
  let [low, high] = [0, list.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((list[middle]?.number ?? 0) < item.number) low = middle + 1;
    else high = middle;
  }
  return low;
}

export function insert<Item extends Numbered>(list: Item[], item: Item): void {
  list.splice(position(list, item), 0, item);
}

/** Removes the item; does nothing when it is not in the list. */
export function remove<Item extends Numbered>(list: Item[], item: Item): void {
  const index = position(list, item);
  if (list[index] === item) list.splice(index, 1);
}
