// What of an environment would change what is measured.

/**
 * The same without what slows or speeds each Node, and so changes each ratio: certificates that it
 * reads at its start, options, caches and traces of its own, how many threads it has, and libraries
 * that are loaded before it.
 *
 * @param {NodeJS.ProcessEnv} env
 * @returns {NodeJS.ProcessEnv}
 */
export function undistorted(env) {
  const kept = Object.entries(env).filter(
    ([name]) => !/^(?:NODE_|UV_|LD_|DYLD_|MALLOC_)/.test(name),
  )
  return Object.fromEntries(kept)
}
