import { existsSync } from "node:fs"
import { join } from "node:path"
import { isDelivered } from "./access.mjs"
import { keyFile } from "./operations.mjs"

/**
 * @typedef {import("./machine.mjs").Machine} Machine
 * @typedef {import("./operations.mjs").Operation} Operation
 * @typedef {import("./trial.mjs").Broken} Broken
 * @typedef {import("./trial.mjs").Aftermath} Aftermath
 */

/** Words that deny what was made, or lead somebody to make it twice. */
const DENIES = /repeat the command|nothing (?:was|is|has been) (?:made|changed|committed)/i
/** Words that say that a change stands. */
const AFFIRMS = /\bcommitted\b|\bis (?:made|done|in the vault)\b|^Done\b/im
/** A program that was taken by surprise. */
const SURPRISE = /^BUG\b|agent-vault: BUG|\n\s+at .*\(?node:|Unhandled|uncaught/

/**
 * What the command said, held against what is: exit 0 means done, and what is done is said.
 *
 * @param {Machine} machine
 * @param {Operation} operation
 * @param {Aftermath} aftermath
 * @returns {Broken[]}
 */
export function untruths(machine, operation, { ended, base }) {
  const { code, said, hangs } = ended
  const promise = "told truthfully"
  if (hangs) return [{ promise, what: "the command hangs" }]
  if (code === null) return []
  /** @type {Broken[]} */
  const broken = []
  if (SURPRISE.test(said) || code === 70) broken.push({ promise, what: "it tells of a bug" })
  const isDone = happened(machine, operation, base)
  if (code === 0 && !isDone) broken.push({ promise, what: "exit 0, and it is not done" })
  if (code === 0 && !operation.done.test(said)) broken.push({ promise, what: "exit 0, unsaid" })
  if (code !== 0 && !isDone && operation.done.test(said)) {
    broken.push({ promise, what: "it says that it is done, and it is not" })
  }
  if (code !== 0 && isDone && operation.commits !== false) {
    if (DENIES.test(said)) broken.push({ promise, what: "it is committed, and denied" })
    if (!AFFIRMS.test(said) && !operation.done.test(said)) {
      broken.push({ promise, what: "it is committed, and that is not said" })
    }
  }
  if (isDone && operation.delivers && operation.commits !== false) {
    const hasKey = isDelivered(machine, operation.delivers)
    if (!hasKey && !said.includes("agent recover")) {
      broken.push({ promise: "the key exists", what: "not delivered, and no way to it is said" })
    }
  }
  return broken
}

/**
 * Whether an operation happened, as the history and the key files tell.
 *
 * @param {Machine} machine
 * @param {Operation} operation
 * @param {string} base
 */
function happened(machine, operation, base) {
  if (operation.isDone) return operation.isDone(machine)
  if (operation.commits !== false) return machine.commitsSince(base) > 0
  if (operation.delivers) return existsSync(keyFile(machine, operation.delivers))
  return !existsSync(join(machine.repo, ".git/agent-vault/journal.json"))
}
