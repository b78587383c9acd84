// The values of a vault as other tools keep them, for the same readers.
import { execFileSync } from "node:child_process"
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"

/** @typedef {Pick<Awaited<ReturnType<typeof import("../vaults.mjs").makeVault>>, "repo" | "env" | "id">} Vault */
/** @typedef {{ cwd: string, env: NodeJS.ProcessEnv & { HOME: string } }} Surroundings */

/**
 * Names and values.
 *
 * @param {number} count
 */
export function values(count) {
  return Array.from({ length: count }, (_, index) => {
    return [`s${String(index).padStart(5, "0")}`, `bench-value-${index}`]
  })
}

/**
 * A new folder beside a vault, which is a home as well.
 *
 * @param {Vault} vault
 * @param {string} name
 * @returns {Surroundings}
 */
export function newFolder(vault, name) {
  const cwd = join(dirname(vault.repo), name)
  mkdirSync(cwd)
  return { cwd, env: { ...vault.env, HOME: cwd } }
}

/**
 * One file that sops encrypts to the vault's owner and agents, in a repository with a commit. Beside
 * it the configurations by which `another` reads it too, and `agent-0` does not.
 *
 * @param {string} sops
 * @param {Vault} vault
 * @param {number} count
 */
export function sopsFile(sops, vault, count) {
  const at = newFolder(vault, `sops-${count}`)
  Object.assign(at.env, { SOPS_AGE_KEY_FILE: ownerKey(vault) })
  for (const [file, recipients] of Object.entries(lists(vault))) {
    const rule = `creation_rules:\n  - age: ${recipients.join(",")}\n`
    writeFileSync(join(at.cwd, file === "before" ? ".sops.yaml" : `${file}.yaml`), rule)
  }
  const lines = values(count).map(([name, value]) => `${name}: ${value}\n`)
  writeFileSync(join(at.cwd, "values.yaml"), lines.join(""))
  execFileSync(sops, ["encrypt", "--in-place", "values.yaml"], at)
  commitStart(at)
  return at
}

/**
 * A vault of the crate, with keys of its own for as many agents, and one that nothing is granted to.
 *
 * @param {string} crate
 * @param {Vault} vault
 * @param {number} count
 * @param {number} agents
 */
export function crateVault(crate, vault, count, agents) {
  const at = newFolder(vault, `crate-${count}`)
  const run = (/** @type {string[]} */ ...args) =>
    execFileSync(crate, args, { ...at, stdio: "ignore" })
  execFileSync("git", ["init", "--quiet", "--initial-branch", "main"], at)
  run("init")
  for (let agent = 0; agent < agents; agent += 1) run("add-agent", `agent-${agent}`)
  run("add-agent", "another")
  run("set", "bulk/s00000", "bench-value-0")
  for (let agent = 0; agent < agents; agent += 1) run("grant", `agent-${agent}`, "bulk")
  for (const [name = "", value = ""] of values(count).slice(1)) run("set", `bulk/${name}`, value)
  execFileSync("git", ["tag", "start"], at)
  return at
}

/**
 * A file of age for each value, sealed to the vault's owner and agents; beside them the lists
 * `granted`, with `another`, and `revoked`, without `agent-0`.
 *
 * @param {string} folder of age
 * @param {Vault} vault
 * @param {number} count
 */
export function ageFolder(folder, vault, count) {
  const at = newFolder(vault, `age-${count}`)
  for (const [name, recipients] of Object.entries(lists(vault))) {
    writeFileSync(join(at.cwd, name), recipients.map((line) => `${line}\n`).join(""))
  }
  writeFileSync(join(at.cwd, "owner.key"), readFileSync(ownerKey(vault)))
  for (const [name, value] of values(count)) {
    const to = ["-R", "before", "-o", `${name}.age`]
    execFileSync(join(folder, "age"), to, { ...at, input: value })
  }
  commitStart(at)
  return at
}

/** @param {Vault} vault */
function ownerKey({ env, id }) {
  return join(env["HOME"] ?? "", ".config/agent-vault", id, "owner.key")
}

/**
 * Who reads: before, after a grant to `another`, and after a revoke from `agent-0`.
 *
 * @param {Vault} vault
 */
function lists({ repo }) {
  const folder = join(repo, ".agent-vault")
  const read = (/** @type {string} */ file) => JSON.parse(readFileSync(join(folder, file), "utf8"))
  const [owner] = read("vault.json").owners
  const agents = readdirSync(join(folder, "agents")).filter((file) => file.endsWith(".json"))
  const of = (/** @type {(file: string) => boolean} */ who) => [
    owner.recipient,
    ...agents.filter(who).map((file) => read(`agents/${file}`).recipient),
  ]
  return {
    before: of((file) => file !== "another.json"),
    granted: of(() => true),
    revoked: of((file) => file !== "another.json" && file !== "agent-0.json"),
  }
}

/** @param {Surroundings} at */
function commitStart(at) {
  execFileSync("git", ["init", "--quiet", "--initial-branch", "main"], at)
  execFileSync("git", ["add", "--all"], at)
  execFileSync("git", ["commit", "--quiet", "--message", "start"], at)
  execFileSync("git", ["tag", "start"], at)
}
