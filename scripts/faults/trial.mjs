import { readFileSync, readdirSync, rmSync, statSync, utimesSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { lostAccess, read, tornReads } from "./access.mjs"
import { placesOf, unhealed } from "./healing.mjs"
import { struck, timesReached } from "./points.mjs"
import { untruths } from "./truth.mjs"

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
 * How an operation ended, the commit before it, the command that comes next, and the files that
 * undisturbed runs leave, if they are known.
 *
 * @typedef {object} Aftermath
 * @property {Ended} ended
 * @property {string} base
 * @property {"repair" | "change"} next
 * @property {ReadonlySet<string> | undefined} known
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
 * How trials are made: with which shim, which defect, and whether an agent reads all the while.
 *
 * @typedef {{ shim: string, plant?: Plant, readers?: boolean }} Conditions
 */

/**
 * @param {Machine} machine
 * @param {Case} trial
 * @param {Conditions} conditions
 * @param {ReadonlySet<string>} known the files that undisturbed runs leave
 * @returns {Promise<Found>}
 */
export async function tryOut(machine, trial, conditions, known) {
  for (let left = ATTEMPTS; ; left--) {
    const found = await tryOnce(machine, trial, conditions, known)
    if (found.isReached || left === 1) return found
  }
}

/**
 * @param {Machine} machine
 * @param {Case} trial
 * @param {Conditions} conditions
 * @param {ReadonlySet<string>} known
 * @returns {Promise<Found>}
 */
async function tryOnce(machine, trial, { shim, plant, readers }, known) {
  const { operation, point, fault, next } = trial
  machine.restore(operation.name)
  const base = machine.git("rev-parse", "HEAD")
  const env = { ...plant?.env?.(machine), ...struck(machine, shim, point, fault) }
  const running = machine.run(operation.args(machine), env)
  const seen = readers ? await readUntil(running, machine) : []
  const ended = await running
  plant?.after?.(machine)
  if (timesReached(machine) < point.nth) return { isReached: false, ended, broken: [] }
  const broken = [
    ...tornReads(operation, seen),
    ...(await judge(machine, operation, { ended, base, next, known })),
  ]
  return { isReached: true, ended, broken }
}

/**
 * What an agent reads until some work is done.
 *
 * @param {Promise<unknown>} work
 * @param {Machine} machine
 */
async function readUntil(work, machine) {
  const isDone = work.then(() => true)
  /** @type {Set<string>} */
  const seen = new Set()
  do seen.add(await read(machine, "ci", "stripe/api-key"))
  while (!(await Promise.race([isDone, sleep(15, false)])))
  return seen
}

/**
 * What is broken after an operation.
 *
 * @param {Machine} machine
 * @param {Operation} operation
 * @param {Aftermath} aftermath
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
 * @param {Conditions} conditions
 */
export async function undisturbed(machine, operation, next, { shim, plant }) {
  machine.restore(operation.name)
  const base = machine.git("rev-parse", "HEAD")
  const places = placesOf(machine)
  const log = join(machine.folder, "log")
  rmSync(log, { force: true })
  const env = { LD_PRELOAD: shim, FAULTS_ROOTS: machine.roots, FAULTS_LOG: log }
  const ended = await machine.run(operation.args(machine), { ...plant?.env?.(machine), ...env })
  plant?.after?.(machine)
  const broken = await judge(machine, operation, { ended, base, next, known: undefined })
  return { log: readFileSync(log, "utf8"), broken, places: [...places, ...placesOf(machine)] }
}
