import { readFileSync } from "node:fs"
import { join } from "node:path"
import { saidBy } from "./machine.mjs"

/**
 * @typedef {import("./machine.mjs").Machine} Machine
 * @typedef {import("./operations.mjs").Operation} Operation
 * @typedef {import("./trial.mjs").Broken} Broken
 * @typedef {import("./trial.mjs").Aftermath} Aftermath
 */

/**
 * Whether the next command makes everything whole, and nothing is left behind.
 *
 * @param {Machine} machine
 * @param {Operation} operation
 * @param {Aftermath} aftermath
 * @returns {Promise<Broken[]>}
 */
export async function unhealed(machine, operation, { base, next, known }) {
  const broken = []
  const made = machine.commitsSince(base)
  if (made > 1) broken.push({ promise: "old or new", what: `${made} commits` })
  for (const args of nextCommands(machine, operation, next)) {
    const { code, said } = await machine.run(args)
    // An `init` that completes an earlier one says that the vault is there.
    const isFine = code === 0 || (operation.name === "init" && /: EXISTS: /.test(said))
    if (!isFine) {
      broken.push({ promise: "the next command heals", what: `${args.join(" ")}: ${code} ${said}` })
    }
  }
  operation.finish?.(machine)
  if (machine.hasVault()) {
    const checked = await machine.run(["check"])
    if (!isSound(checked.said)) broken.push({ promise: "check passes", what: checked.said })
  }
  broken.push(...gitTroubles(machine, operation))
  broken.push(...leftovers(machine, known))
  return broken
}

/**
 * What `check` may say of a sound vault: that values are exposed after a loss, that a wish waits
 * for `apply`, and that an `init` which was killed had not pinned the owner yet.
 */
const EXPECTED = /^(?:attention +(?:EXPOSED|PENDING)\b|Self-consistent only)/

/**
 * @param {string} said by `check`
 */
function isSound(said) {
  const lines = said.split("\n").filter((line) => !line.startsWith(" ") && line !== "")
  const findings = lines.filter((line) => !EXPECTED.test(line))
  return findings.length === 1 && findings[0]?.startsWith("Checked ") === true
}

/**
 * @param {Machine} machine
 * @param {Operation} operation
 * @param {"repair" | "change"} next
 */
function nextCommands(machine, operation, next) {
  const again = operation.again?.(machine)
  // What awaits the user's own commit is not complete before it is asked for again.
  if (operation.commits === false && again) return next === "repair" ? [["repair"], again] : [again]
  if (next === "repair") return [["repair"]]
  if (again) return [again]
  if (operation.name === "init" && !machine.hasVault()) return [operation.args(machine)]
  if (operation.name === "apply" && isPending(machine)) return [operation.args(machine)]
  return [["set", "later/key", "--generate"]]
}

/**
 * Whether the user's wish still waits: then no other change may come first.
 *
 * @param {Machine} machine
 */
function isPending(machine) {
  const manifest = ".agent-vault/manifest.yaml"
  const there = readFileSync(join(machine.repo, manifest), "utf8").trimEnd()
  return machine.git("show", `HEAD:${manifest}`) !== there
}

/**
 * @param {Machine} machine
 * @param {Operation} operation
 * @returns {Broken[]}
 */
function gitTroubles(machine, operation) {
  // What waits for `apply` is the user's own edit.
  const waiting = operation.name === "apply" && isPending(machine)
  const status = waiting ? "M .agent-vault/manifest.yaml" : ""
  /** @type {[promise: string, expected: string, look: () => string][]} */
  const looks = [
    ["git fsck passes", "", () => fsck(machine)],
    ["git status is clean", status, () => machine.git("status", "--porcelain").trim()],
    ["an unrelated commit passes", "unrelated", () => unrelatedCommit(machine)],
  ]
  return looks.flatMap(([promise, expected, look]) => {
    try {
      const said = look()
      return said === expected ? [] : [{ promise, what: said }]
    } catch (error) {
      return [{ promise, what: saidBy(error) }]
    }
  })
}

/** @param {Machine} machine */
function fsck(machine) {
  return machine.git("fsck", "--strict", "--no-dangling", "--no-progress")
}

/**
 * Commits a file as the user would, and says what the commit holds.
 *
 * @param {Machine} machine
 */
function unrelatedCommit(machine) {
  machine.commit("unrelated")
  return machine.git("show", "--format=", "--name-only", "HEAD")
}

/** What readers noted meanwhile stays, as it should. */
const NOTED = /\/audit\/agents\/[^/]+\.jsonl(?:\.turn)?$/

/**
 * Files that an undisturbed run does not leave.
 *
 * @param {Machine} machine
 * @param {ReadonlySet<string> | undefined} known
 * @returns {Broken[]}
 */
function leftovers(machine, known) {
  const promise = "nothing is left behind"
  const left = placesOf(machine)
    .filter((place) => !NOTED.test(place))
    .filter(
      (place) => /\.tmp-|\.lock$|\/tmp_/.test(place) || (known !== undefined && !known.has(place)),
    )
  return [...new Set(left)].map((place) => ({ promise, what: place }))
}

/**
 * Every file of a machine, without what chance chose; of Git's objects only what is no object.
 *
 * @param {Machine} machine
 */
export function placesOf(machine) {
  return machine
    .files()
    .filter(
      (path) => !/^(?:repo\/\.git|remote\.git)\/objects\//.test(path) || /\/tmp_[^/]*$/.test(path),
    )
    .map((path) => path.replace(/[0-9a-f]{8,}/g, "#").replace(/\d+/g, "N"))
}
