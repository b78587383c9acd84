/** Things by a key that each has, in their order; what has none is left out. */
export function groupedBy<T, K>(
  things: Iterable<T>,
  keyOf: (thing: T) => K | undefined,
): Map<K, T[]> {
  const groups = new Map<K, T[]>()
  for (const thing of things) {
    const key = keyOf(thing)
    if (key === undefined) continue
    const own = groups.get(key)
    if (own === undefined) groups.set(key, [thing])
    else own.push(thing)
  }
  return groups
}
