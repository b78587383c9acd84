import { existsSync, readFileSync, rmSync } from "node:fs"
import { join } from "node:path"
import { keyFile } from "./operations.mjs"

/**
 * @typedef {import("./machine.mjs").Machine} Machine
 * @typedef {import("./machine.mjs").Ended} Ended
 * @typedef {import("./operations.mjs").Operation} Operation
 * @typedef {import("./trial.mjs").Broken} Broken
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

const library = new URL("../../dist/lib/npm.cjs", import.meta.url).href

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
  if (operation.commits !== false) return commitsSince(machine, base) > 0
  if (operation.delivers) return existsSync(keyFile(machine, operation.delivers))
  return !existsSync(join(machine.repo, ".git/agent-vault/journal.json"))
}

/**
 * @param {Machine} machine
 * @param {string} base
 */
function commitsSince(machine, base) {
  return Number(machine.git("rev-list", "--count", `${base}..HEAD`))
}

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
  const made = commitsSince(machine, base)
  if (made > 1) broken.push({ promise: "old or new", what: `${made} commits` })
  const args = nextCommand(machine, operation, next)
  const { code, said } = await machine.run(args)
  // An `init` that completes an earlier one says that the vault is there.
  const isFine = code === 0 || (operation.name === "init" && /: EXISTS: /.test(said))
  if (!isFine) {
    broken.push({ promise: "the next command heals", what: `${args.join(" ")}: ${code} ${said}` })
  }
  if (hasVault(machine)) {
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

/** @param {Machine} machine */
function hasVault(machine) {
  return existsSync(join(machine.repo, ".agent-vault/vault.json"))
}

/**
 * @param {Machine} machine
 * @param {Operation} operation
 * @param {"repair" | "change"} next
 */
function nextCommand(machine, operation, next) {
  if (next === "repair") return ["repair"]
  if (operation.name === "init" && !hasVault(machine)) return operation.args(machine)
  if (operation.name === "apply" && isPending(machine)) return operation.args(machine)
  return ["set", "later/key", "--generate"]
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
      return [{ promise, what: messageOf(error) }]
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

/**
 * Files that an undisturbed run does not leave.
 *
 * @param {Machine} machine
 * @param {ReadonlySet<string> | undefined} known
 * @returns {Broken[]}
 */
function leftovers(machine, known) {
  const promise = "nothing is left behind"
  const left = placesOf(machine).filter(
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
    .filter((path) => !path.startsWith("repo/.git/objects/") || /\/tmp_[^/]*$/.test(path))
    .map((path) => path.replace(/[0-9a-f]{8,}/g, "#").replace(/\d+/g, "N"))
}

/**
 * Whether every agent reads what it read, and the keys that commits depend on exist.
 *
 * @param {Machine} machine
 * @param {Operation} operation
 * @param {Aftermath} aftermath
 * @returns {Promise<Broken[]>}
 */
export async function lostAccess(machine, operation, { ended, base }) {
  if (operation.name === "init") return lostOwner(machine)
  const isDone = machine.git("log", "--format=%s", `${base}..HEAD`).includes(subjectOf(operation))
  const expected = isDone ? operation.after : operation.before
  const { delivers } = operation
  const broken = []
  if (delivers !== undefined && (isDone || operation.commits === false)) {
    const recovered = await recover(machine, delivers, ended)
    if (recovered !== undefined) broken.push(recovered)
  }
  for (const [agent, secrets] of Object.entries(expected)) {
    for (const [secret, value] of Object.entries(secrets)) {
      const got = await read(machine, agent, secret)
      if (!value.split(" or ").includes(got)) {
        const what = `${agent} gets ${got} of ${secret}, not ${value}`
        broken.push({ promise: "what was readable is readable", what })
      }
    }
  }
  return broken
}

/** @param {Operation} operation */
function subjectOf({ name }) {
  if (name.startsWith("repair")) return "never"
  return name === "set" ? "agent-vault: set stripe/api-key" : `agent-vault: ${name}`
}

/**
 * A vault without its owner's key is lost.
 *
 * @param {Machine} machine
 * @returns {Promise<Broken[]>}
 */
async function lostOwner(machine) {
  if (!hasVault(machine)) return []
  const { code, said } = await machine.run(["set", "first/key", "--generate"])
  return code === 0 ? [] : [{ promise: "the key exists", what: said }]
}

/**
 * A key that was not delivered, since the command was killed or could not write it, is recovered.
 *
 * @param {Machine} machine
 * @param {string} agent
 * @param {Ended} ended
 * @returns {Promise<Broken | undefined>}
 */
async function recover(machine, agent, ended) {
  if (isDelivered(machine, agent)) return undefined
  const promise = "the key exists"
  if (ended.code === 0) return { promise, what: `exit 0, and ${agent} has no key file` }
  // Whoever is told of this command types it as it is; an old key is the user's to put away.
  if (!ended.said.includes("agent recover")) rmSync(keyFile(machine, agent), { force: true })
  const { code, said } = await machine.run(["agent", "recover", agent])
  return code === 0 ? undefined : { promise, what: said }
}

/**
 * Whether the key that was committed lies where the agent finds it.
 *
 * @param {Machine} machine
 * @param {string} agent
 */
function isDelivered(machine, agent) {
  const file = keyFile(machine, agent)
  if (!existsSync(file)) return false
  const record = JSON.parse(machine.git("show", `HEAD:.agent-vault/agents/${agent}.json`))
  return readFileSync(file, "utf8").includes(record.recipient)
}

/**
 * A value, or the code of the refusal.
 *
 * @param {Machine} machine
 * @param {string} agent
 * @param {string} secret
 * @returns {Promise<string>}
 */
export async function read({ repo, env }, agent, secret) {
  const { openVault } = await import(library)
  try {
    const vault = await openVault({ dir: repo, agent, env })
    try {
      return (await vault.get(secret)).reveal()
    } finally {
      await vault.close()
    }
  } catch (error) {
    return error instanceof Error && "code" in error ? String(error.code) : messageOf(error)
  }
}

/**
 * What an agent read meanwhile, held against the old state and the new one.
 *
 * @param {Operation} operation
 * @param {Iterable<string>} seen of `stripe/api-key`, by `ci`
 * @returns {Broken[]}
 */
export function tornReads({ before, after, delivers }, seen) {
  const states = [before, after].flatMap(({ ci }) => ci?.["stripe/api-key"]?.split(" or ") ?? [])
  // Whose key is just being made anew has none that opens, and nobody reads what is half written.
  const meanwhile = delivers === "ci" ? ["NOT_GRANTED", "KEY_NOT_FOUND"] : []
  const fine = new Set([...states, ...meanwhile, "BUSY"])
  const torn = [...seen].filter((value) => !fine.has(value))
  return torn.map((what) => ({ promise: "readers see old or new", what: `ci got ${what}` }))
}

/** @param {unknown} error */
function messageOf(error) {
  const said = error instanceof Error && "stdout" in error ? String(error.stdout) : ""
  return error instanceof Error ? `${error.message}\n${said}`.trim() : String(error)
}
