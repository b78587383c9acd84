import { existsSync, readFileSync } from "node:fs"
import { saidBy } from "./machine.mjs"
import { keyFile } from "./operations.mjs"

/**
 * @typedef {import("./machine.mjs").Machine} Machine
 * @typedef {import("./machine.mjs").Ended} Ended
 * @typedef {import("./operations.mjs").Operation} Operation
 * @typedef {import("./trial.mjs").Broken} Broken
 * @typedef {import("./trial.mjs").Aftermath} Aftermath
 */

const library = new URL("../../dist/lib/npm.cjs", import.meta.url).href

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
function subjectOf({ name, subject }) {
  if (subject !== undefined) return `agent-vault: ${subject}`
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
  if (!machine.hasVault()) return []
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
  const { code, said } = await machine.run(["agent", "recover", agent])
  return code === 0 ? undefined : { promise, what: said }
}

/**
 * Whether the key that was committed lies where the agent finds it.
 *
 * @param {Machine} machine
 * @param {string} agent
 */
export function isDelivered(machine, agent) {
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
    return error instanceof Error && "code" in error ? String(error.code) : saidBy(error)
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
