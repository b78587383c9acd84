import { rmSync, statSync } from "node:fs"
import { join } from "node:path"

/**
 * A call that changes a file, told from all others: the n-th of its kind at its place.
 *
 * @typedef {{ call: string, place: string, nth: number, program: string }} Point
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
  return log
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const [call = "", place = "", program = ""] = line.split("\t")
      const nth = (seen.get(`${call} ${place}`) ?? 0) + 1
      seen.set(`${call} ${place}`, nth)
      return { call, place, nth, program }
    })
}

/**
 * What can happen at a point.
 *
 * @param {Point} point
 * @returns {Fault[]}
 */
export function faultsAt({ call, program }) {
  const errors = [
    ...refusals("EIO"),
    ...(TAKES_SPACE.has(call) ? refusals("ENOSPC") : []),
    ...(NAMES_A_PATH.has(call) ? refusals("EACCES") : []),
  ]
  /** @type {Fault[]} */
  const torn = [
    { name: "torn", act: "torn" },
    { name: "half, then full", act: "short", stays: true },
  ]
  /** @type {Fault[]} */
  const kills = [
    { name: "killed before", act: "kill-all" },
    { name: "killed after", act: "kill-all-after" },
  ]
  /** @type {Fault[]} */
  const alone = [
    { name: "git killed before", act: "kill" },
    { name: "git killed after", act: "kill-after" },
  ]
  return [
    ...errors,
    ...(call === "write" ? torn : []),
    ...kills,
    ...(program.startsWith("git") ? alone : []),
  ]
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
 * @param {Omit<Point, "program">} point
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
