import { rmSync, statSync } from "node:fs"
import { join } from "node:path"

/**
 * A call that changes a file, told from all others: the n-th of its kind at its place. `isLast`:
 * the program makes no other before another one does.
 *
 * @typedef {{ call: string, place: string, nth: number, program: string, isLast: boolean }} Point
 */

/**
 * What becomes of the call. `stays`: from then on the disk refuses all that such a disk refuses.
 *
 * @typedef {{ name: string, act: string, stays?: true }} Fault
 */

const ERRORS = { EIO: "5", EACCES: "13", ENOSPC: "28" }
/** Calls that may fail for want of space. */
const TAKES_SPACE = new Set("open mkdir write link symlink rename fsync fallocate".split(" "))
/** Calls that name a path, and so may be forbidden. */
const NAMES_A_PATH = new Set("open mkdir link symlink rename unlink rmdir chmod utimens".split(" "))

/**
 * The points of a run, from the shim's log.
 *
 * @param {string} log
 * @returns {Point[]}
 */
export function pointsOf(log) {
  /** @type {Map<string, number>} */
  const seen = new Map()
  const lines = log.split("\n").filter((line) => line !== "")
  const calls = lines.map((line) => line.split("\t"))
  return calls.map(([call = "", place = "", program = ""], at) => {
    const nth = (seen.get(`${call} ${place}`) ?? 0) + 1
    seen.set(`${call} ${place}`, nth)
    return { call, place, nth, program, isLast: calls[at + 1]?.[2] !== program }
  })
}

/**
 * What can happen at a point.
 *
 * @param {Point} point
 * @returns {Fault[]}
 */
export function faultsAt({ call, program, isLast }) {
  return [
    ...refusals("EIO"),
    ...(TAKES_SPACE.has(call) ? refusals("ENOSPC") : []),
    ...(NAMES_A_PATH.has(call) ? refusals("EACCES") : []),
    ...(call === "write" ? TORN : []),
    ...kills("killed", "kill-all", isLast),
    // The program that started it goes on.
    ...(program.startsWith("git") ? kills("git killed", "kill", isLast) : []),
  ]
}

/** @type {Fault[]} */
const TORN = [
  { name: "torn", act: "torn" },
  { name: "half, then full", act: "short", stays: true },
]

/**
 * After a call is before the next one of the same program.
 *
 * @param {string} name
 * @param {string} act
 * @param {boolean} isLast
 * @returns {Fault[]}
 */
function kills(name, act, isLast) {
  const before = { name: `${name} before`, act }
  return isLast ? [before, { name: `${name} after`, act: `${act}-after` }] : [before]
}

/**
 * @param {keyof typeof ERRORS} error
 * @returns {Fault[]}
 */
function refusals(error) {
  const act = ERRORS[error]
  return [
    { name: `${error} once`, act },
    { name: `${error} from then on`, act, stays: true },
  ]
}

/**
 * The environment of a command that meets a fault.
 *
 * @param {import("./machine.mjs").Machine} machine
 * @param {string} shim
 * @param {Pick<Point, "call" | "place" | "nth">} point
 * @param {Omit<Fault, "name">} fault
 */
export function struck(machine, shim, { call, place, nth }, { act, stays }) {
  rmSync(countOf(machine), { force: true })
  return {
    LD_PRELOAD: shim,
    FAULTS_ROOTS: machine.roots,
    FAULTS_CALL: call,
    FAULTS_PLACE: place,
    FAULTS_NTH: String(nth),
    FAULTS_DO: act,
    FAULTS_COUNT: countOf(machine),
    ...(stays ? { FAULTS_STAYS: "1" } : {}),
  }
}

/**
 * How often the call was made.
 *
 * @param {import("./machine.mjs").Machine} machine
 */
export function timesReached(machine) {
  return statSync(countOf(machine), { throwIfNoEntry: false })?.size ?? 0
}

/** @param {import("./machine.mjs").Machine} machine */
function countOf({ folder }) {
  return join(folder, "count")
}
