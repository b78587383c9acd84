import { readFileSync, readdirSync, rmSync, statSync, utimesSync } from "node:fs"
import { join } from "node:path"
import { lostAccess, placesOf, unhealed, untruths } from "./invariants.mjs"
import { struck, timesReached } from "./points.mjs"

/**
 * @typedef {import("./machine.mjs").Machine} Machine
 * @typedef {import("./machine.mjs").Ended} Ended
 * @typedef {import("./operations.mjs").Operation} Operation
 * @typedef {import("./points.mjs").Point} Point
 * @typedef {import("./points.mjs").Fault} Fault
 */

/**
 * A trial: an operation, one fault at one point of it, and the command that comes next.
 *
 * @typedef {{ operation: Operation, point: Point, fault: Fault, next: "repair" | "change" }} Case
 */

/**
 * What broke in a trial: which promise, and what is wrong.
 *
 * @typedef {{ promise: string, what: string }} Broken
 */

/**
 * What a trial found. `isReached` is false if the point did not come up: chance decides whether two
 * objects share a folder, and so which calls there are.
 *
 * @typedef {{ isReached: boolean, ended: Ended, broken: Broken[] }} Found
 */

/**
 * A defect that is put into a trial, to see that it is caught: what a command finds in its
 * environment, and what befalls the machine after it.
 *
 * @typedef {{ env?: (machine: Machine) => NodeJS.ProcessEnv, after?: (machine: Machine) => void }} Plant
 */

/** How often a point is looked for. */
const ATTEMPTS = 4

/**
 * @param {Machine} machine
 * @param {Case} trial
 * @param {string} shim
 * @param {ReadonlySet<string>} known the files that undisturbed runs leave
 * @param {Plant} [plant]
 * @returns {Promise<Found>}
 */
export async function tryOut(machine, trial, shim, known, plant) {
  for (let left = ATTEMPTS; ; left--) {
    const found = await tryOnce(machine, trial, shim, known, plant)
    if (found.isReached || left === 1) return found
  }
}

/**
 * @param {Machine} machine
 * @param {Case} trial
 * @param {string} shim
 * @param {ReadonlySet<string>} known
 * @param {Plant} [plant]
 * @returns {Promise<Found>}
 */
async function tryOnce(machine, trial, shim, known, plant) {
  const { operation, point, fault, next } = trial
  machine.restore(operation.name)
  const base = machine.git("rev-parse", "HEAD")
  const env = { ...plant?.env?.(machine), ...struck(machine, shim, point, fault) }
  const ended = await machine.run(operation.args(machine), env)
  plant?.after?.(machine)
  if (timesReached(machine) < point.nth) return { isReached: false, ended, broken: [] }
  return {
    isReached: true,
    ended,
    broken: await judge(machine, operation, { ended, base, next, known }),
  }
}

/**
 * What is broken after an operation.
 *
 * @param {Machine} machine
 * @param {Operation} operation
 * @param {import("./invariants.mjs").Aftermath} aftermath
 * @returns {Promise<Broken[]>}
 */
async function judge(machine, operation, aftermath) {
  letTimePass(machine)
  /** @type {Broken[]} */
  const broken = []
  for (const look of [untruths, unhealed, lostAccess]) {
    try {
      broken.push(...(await look(machine, operation, aftermath)))
    } catch (error) {
      // Git itself cannot read what is there.
      broken.push({ promise: "the repository is whole", what: String(error) })
    }
  }
  return broken
}

/**
 * People do not type the next command within a second; this saves the trial that second.
 *
 * @param {Machine} machine
 */
function letTimePass({ repo }) {
  const git = join(repo, ".git")
  const before = Date.now() / 1000 - 60
  for (const name of readdirSync(git, { recursive: true, encoding: "utf8" })) {
    if (!/^agent-vault\/|\.lock$/.test(name)) continue
    const file = join(git, name)
    if (statSync(file).isFile()) utimesSync(file, before, before)
  }
}

/**
 * What an undisturbed run does: its log, and the files that it and the next command leave.
 *
 * @param {Machine} machine
 * @param {Operation} operation
 * @param {"repair" | "change"} next
 * @param {string} shim
 * @param {Plant} [plant]
 */
export async function undisturbed(machine, operation, next, shim, plant) {
  machine.restore(operation.name)
  const base = machine.git("rev-parse", "HEAD")
  const places = placesOf(machine)
  const log = join(machine.folder, "log")
  rmSync(log, { force: true })
  const env = { LD_PRELOAD: shim, FAULTS_ROOTS: machine.roots, FAULTS_LOG: log }
  const ended = await machine.run(operation.args(machine), { ...plant?.env?.(machine), ...env })
  plant?.after?.(machine)
  if (ended.code !== 0) throw new Error(`${operation.name} fails undisturbed:\n${ended.said}`)
  if (!operation.done.test(ended.said)) throw new Error(`${operation.name} says:\n${ended.said}`)
  const broken = await judge(machine, operation, { ended, base, next, known: undefined })
  return { log: readFileSync(log, "utf8"), broken, places: [...places, ...placesOf(machine)] }
}
