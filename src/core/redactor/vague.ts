/** A shorter value says too little. */
const SHORTEST = 8

/**
 * A value that stands in many texts by chance: a short number, or a word such as `postgres`. Where
 * what holds a value is stopped, to look for it would teach people to overrule that.
 */
export function isVague(value: Uint8Array): boolean {
  const text = Buffer.from(value).toString("latin1").trim()
  return text.length < SHORTEST || /^(?:\d{1,11}|[a-z]{1,15}|[A-Z]?[a-z]{1,14})$/.test(text)
}
