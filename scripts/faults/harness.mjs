import { mkdirSync, mkdtempSync, rmSync } from "node:fs"
import { availableParallelism, tmpdir } from "node:os"
import { join } from "node:path"
import { seeded } from "../seeded.mjs"
import { Machine } from "./machine.mjs"
import { OPERATIONS, makeVault } from "./operations.mjs"
import { faultsAt, pointsOf } from "./points.mjs"
import { tryOut, undisturbed } from "./trial.mjs"

/**
 * @typedef {import("./operations.mjs").Operation} Operation
 * @typedef {import("./trial.mjs").Case} Case
 * @typedef {import("./trial.mjs").Found} Found
 * @typedef {import("./trial.mjs").Plant} Plant
 * @typedef {import("./points.mjs").Point} Point
 * @typedef {import("./points.mjs").Fault} Fault
 */

/**
 * What is to be tried.
 *
 * @typedef {object} Request
 * @property {string} shim the path of the shim
 * @property {readonly string[]} [operations] all, if none is named
 * @property {number} [seed]
 * @property {number} [sample] how many trials of each operation; all, if it is not given
 * @property {number} [from] how many of each operation to leave out, that an earlier run has made
 * @property {number} [workers]
 * @property {(trial: Case, found: Found, done: number, all: number) => void} [onTrial]
 * @property {(point: Point, fault: Fault) => boolean} [only] which of the trials
 * @property {Plant} [plant] a defect to be caught
 * @property {AbortSignal} [signal] ends it after the trials that run
 * @property {boolean} [readers] whether an agent reads all the while
 */

/**
 * What was tried of one operation: its points, what can happen at all of them, and how many of
 * the trials held, or never came to their point.
 *
 * @typedef {object} Figures
 * @property {string} operation
 * @property {number} points
 * @property {number} cases
 * @property {number} trials
 * @property {number} held
 * @property {number} unreached
 */

/**
 * Tries operations, every fault at every point or a sample of them.
 *
 * @param {Request} request
 * @returns {Promise<Figures[]>}
 */
export async function tryFaults(request) {
  const folder = mkdtempSync(join(tmpdir(), "agent-vault-faults-"))
  try {
    const machines = await prepare(folder, request)
    const [first] = machines
    if (first === undefined) return []
    const plans = []
    for (const operation of chosen(request)) plans.push(await plan(first, operation, request))
    await work(machines, plans, request)
    return plans.map(({ figures }) => figures)
  } finally {
    rmSync(folder, { recursive: true, force: true, maxRetries: 3 })
  }
}

/** @param {Request} request */
function chosen({ operations = [] }) {
  const unknown = operations.filter((name) => !OPERATIONS.some((each) => each.name === name))
  if (unknown.length > 0) throw new Error(`no such operation: ${unknown.join(", ")}`)
  return OPERATIONS.filter(({ name }) => operations.length === 0 || operations.includes(name))
}

/**
 * A machine for each worker, with the templates of the operations.
 *
 * @param {string} folder
 * @param {Request} request
 */
function prepare(folder, request) {
  const { workers = availableParallelism(), shim } = request
  const folders = Array.from({ length: workers }, (_, index) => join(folder, String(index)))
  return Promise.all(folders.map((each) => machineFor(each, chosen(request), shim)))
}

/**
 * A machine with the templates of some operations.
 *
 * @param {string} folder
 * @param {readonly Operation[]} operations
 * @param {string} shim
 */
export async function machineFor(folder, operations, shim) {
  mkdirSync(folder, { recursive: true })
  const machine = new Machine(folder)
  await makeVault(machine)
  machine.save("vault")
  for (const operation of operations) {
    machine.restore("vault")
    await operation.prepare?.(machine, shim)
    machine.save(operation.name)
  }
  return machine
}

/**
 * What is to be tried of one operation, and what came of it so far.
 *
 * @typedef {{ operation: Operation, trials: Case[], known: ReadonlySet<string>, figures: Figures }} Plan
 */

/**
 * @param {Machine} machine
 * @param {Operation} operation
 * @param {Request} request
 * @returns {Promise<Plan>}
 */
async function plan(machine, operation, request) {
  const { seed = 1, sample, from = 0, only = () => true } = request
  const known = new Set(["repo/unrelated"])
  let log = ""
  for (const next of /** @type {const} */ (["repair", "change"])) {
    const run = await undisturbed(machine, operation, next, request)
    log = run.log
    for (const place of run.places) known.add(place)
    if (run.broken.length > 0) {
      throw new Error(`${operation.name} breaks undisturbed: ${JSON.stringify(run.broken)}`)
    }
  }
  const points = pointsOf(log)
  const all = points.flatMap((point) =>
    faultsAt(point)
      .filter((fault) => only(point, fault))
      .map((fault) => ({ point, fault })),
  )
  const random = seeded(`${seed} ${operation.name}`)
  /** @type {Case[]} */
  const order = shuffled(all, random).map((each, index) => ({
    operation,
    ...each,
    next: index % 3 === 2 ? "change" : "repair",
  }))
  const trials = order.slice(from, sample === undefined ? undefined : from + sample)
  const figures = {
    operation: operation.name,
    points: points.length,
    cases: all.length,
    trials: 0,
    held: 0,
    unreached: 0,
  }
  return { operation, trials, known, figures }
}

/**
 * @param {Machine[]} machines
 * @param {Plan[]} plans
 * @param {Request} request
 */
async function work(machines, plans, request) {
  const queue = interleaved(plans)
  const all = queue.length
  let done = 0
  await Promise.all(
    machines.map(async (machine) => {
      while (request.signal?.aborted !== true) {
        const next = queue.shift()
        if (next === undefined) return
        const { trial, known, figures } = next
        const found = await tryOut(machine, trial, request, known)
        if (found.isReached) figures.trials++
        else figures.unreached++
        if (found.isReached && found.broken.length === 0) figures.held++
        request.onTrial?.(trial, found, ++done, all)
      }
    }),
  )
}

/**
 * One of each operation after the other, so that a run that is stopped has seen of all.
 *
 * @param {Plan[]} plans
 */
function interleaved(plans) {
  const longest = Math.max(0, ...plans.map(({ trials }) => trials.length))
  return Array.from({ length: longest }, (_, at) => at).flatMap((at) =>
    plans.flatMap(({ trials, known, figures }) => {
      const trial = trials[at]
      return trial === undefined ? [] : [{ trial, known, figures }]
    }),
  )
}

/**
 * @template T
 * @param {readonly T[]} items
 * @param {() => number} random
 */
function shuffled(items, random) {
  return items
    .map((item) => ({ item, at: random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ item }) => item)
}
