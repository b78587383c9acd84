/**
 * Numbers from 0 to less than 1, the same for the same seed: mulberry32, over FNV-1a of a text.
 *
 * @param {number | string} seed
 */
export function seeded(seed) {
  let state = typeof seed === "string" ? hashOf(seed) : seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** @param {string} text */
function hashOf(text) {
  let hash = 2166136261
  for (const letter of text) hash = Math.imul(hash ^ letter.charCodeAt(0), 16777619)
  return hash
}
