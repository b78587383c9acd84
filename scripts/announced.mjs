/** A line, not a spinner: it is as good in a log. */
const SAID_EVERY_MS = 10_000

/**
 * Does work that may take minutes, and says on stderr what is being done, for how long, and that it
 * is done. Resolves and rejects as the work does.
 *
 * @template T
 * @param {string} what for example "building"
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function announced(what, work) {
  const start = Date.now()
  const seconds = () => Math.round((Date.now() - start) / 1000)
  say(`${what} …`)
  const clock = setInterval(() => say(`${what}: ${seconds()} s`), SAID_EVERY_MS)
  try {
    const result = await work()
    say(`${what}: done in ${seconds()} s`)
    return result
  } finally {
    clearInterval(clock)
  }
}

/** @param {string} text */
export function say(text) {
  process.stderr.write(`agent-vault: ${text}\n`)
}
