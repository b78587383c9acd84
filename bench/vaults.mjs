// Large vaults for the benchmarks, made in one commit each: what `set` would make one by one.
import { execFileSync } from "node:child_process"
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { basename, dirname, join } from "node:path"
import { generateIdentity, recipientOf, sealer } from "../dist/core/age/age.js"
import { addAgent } from "../dist/core/change/agents.js"
import { grant } from "../dist/core/change/grant.js"
import { apply } from "../dist/core/govern/apply.js"
import { init } from "../dist/core/change/init.js"
import { identityAt } from "../dist/core/vault/open.js"
import { findVault } from "../dist/core/disk/place.js"
import { digestOf, encodeRecord, signRecord } from "../dist/core/records/record.js"
import { signingKey } from "../dist/core/records/signature.js"

/** @typedef {{ identity: import("../dist/core/keys/identity.js").Identity, env: Record<string, string | undefined> }} Owner */

const TIME = "2026-01-01T00:00:00Z"

/**
 * A repository with a vault of one group, `bulk`.
 *
 * @param {{ secrets: number, agents?: number, keys?: "x25519" | "mlkem768x25519" }} size
 */
export async function makeVault({ secrets, agents = 1, keys = "x25519" }) {
  const stage = realpathSync(mkdtempSync(join(tmpdir(), "agent-vault-bench-")))
  const repo = join(stage, "repo")
  const env = benchEnvironment(stage)
  execFileSync("git", ["init", "--quiet", "--initial-branch", "main", repo], { env })
  // The first commits are large, and Git would pack their objects behind what is measured.
  execFileSync("git", ["config", "gc.auto", "0"], { cwd: repo, env })
  const made = await init({ folder: repo, name: "owner", keys, env, now: new Date() })
  const request = async () => {
    const place = findVault(repo)
    const identity = await identityAt(place, {}, "always", env, () => Promise.resolve(""))
    return { place, identity, env, now: new Date() }
  }
  const names = Array.from({ length: agents }, (_, index) => `agent-${index}`)
  const keyFiles = await addAgents(repo, made, await request(), names, keys)
  writeManifest(repo, made.vault, names)
  await apply(await request())
  await addSecrets(repo, made.vault, await request(), secrets)
  return { repo, env, keyFiles, request, id: made.vault }
}

/**
 * A vault that can be set back to where it was, what this machine has seen of it included. To
 * `another` agent nothing is granted. What it was before is put aside, not removed: where thousands
 * of files were just removed, ext4 takes long to make as many. Aside is where no command looks: each
 * change looks through all that this machine remembers of vaults.
 *
 * @param {Parameters<typeof makeVault>[0]} size
 */
export async function resettableVault(size) {
  const { repo, env, id, request } = await makeVault(size)
  await addAgent({ ...(await request()), agent: "another" })
  const state = join(env.HOME, ".local/state/agent-vault", id)
  await grant({ ...(await request()), agent: "another", groups: ["bulk"], dryRun: true })
  const folders = [repo, state]
  const aside = join(dirname(repo), "aside")
  /** @param {string} folder @param {string | number} which */
  const copyOf = (folder, which) => join(aside, `${basename(folder)}.${which}`)
  mkdirSync(aside)
  for (const folder of folders) cpSync(folder, copyOf(folder, "base"), { recursive: true })
  let resets = 0
  const reset = () => {
    resets += 1
    for (const folder of folders) {
      renameSync(folder, copyOf(folder, resets))
      cpSync(copyOf(folder, "base"), folder, { recursive: true })
    }
    // Else Git would read each file anew, for it knows other inodes.
    execFileSync("git", ["update-index", "-q", "--refresh"], { cwd: repo, env })
  }
  const remove = () => rmSync(dirname(repo), { recursive: true, force: true, maxRetries: 3 })
  return { repo, env, id, request, reset, remove }
}

/** @param {string} stage */
function benchEnvironment(stage) {
  const { PATH } = process.env
  const names = ["AUTHOR", "COMMITTER"].flatMap((role) => [
    [`GIT_${role}_NAME`, "bench"],
    [`GIT_${role}_EMAIL`, "bench@example.com"],
  ])
  return { PATH, HOME: stage, GIT_CONFIG_NOSYSTEM: "1", ...Object.fromEntries(names) }
}

/**
 * @param {string} repo
 * @param {string} vault
 * @param {string[]} agents
 */
function writeManifest(repo, vault, agents) {
  const grants = agents.map((agent) => `  - { agent: ${agent}, group: bulk }\n`)
  const text = `version: 1\nvault: ${vault}\ngroups:\n  bulk: {}\ngrants:\n${grants.join("")}`
  writeFileSync(join(repo, ".agent-vault/manifest.yaml"), text)
}

/**
 * Makes agents, with their escrows, and a file beside the repository with the key of each.
 *
 * @param {string} repo
 * @param {{ vault: string, signer: string }} made
 * @param {Owner} owner
 * @param {readonly string[]} agents
 * @param {"x25519" | "mlkem768x25519"} keys
 */
async function addAgents(repo, { vault, signer }, { identity, env }, agents, keys) {
  const key = signingKey(identity.identity)
  const seal = sealer([await recipientOf(identity.identity)])
  const files = []
  for (const agent of agents) {
    const line = await generateIdentity(keys)
    const escrow = await seal(Buffer.from(`${line}\n`))
    const path = `agents/${agent}.json`
    /** @type {Omit<import("../dist/core/records/record.js").AgentRecord, "signature" | "format">} */
    const body = {
      kind: "agent",
      vault,
      path,
      serial: 1,
      recipient: await recipientOf(line),
      escrow: digestOf(escrow),
      since: TIME,
    }
    writeRecord(repo, signRecord(body, key), escrow)
    const file = join(dirname(repo), `${agent}.key`)
    writeFileSync(file, `# vault: ${vault}\n# agent: ${agent}\n# trust: ${signer}\n${line}\n`)
    files.push(file)
  }
  commitAll(repo, env, "agents")
  return files
}

/**
 * @param {string} repo
 * @param {string} vault
 * @param {Owner} owner
 * @param {number} count
 */
async function addSecrets(repo, vault, { identity, env }, count) {
  const group = JSON.parse(readFileSync(join(repo, ".agent-vault/groups/bulk.json"), "utf8"))
  const key = signingKey(identity.identity)
  const seal = sealer([group.recipient])
  for (let index = 0; index < count; index++) {
    const path = `secrets/bulk/s${String(index).padStart(5, "0")}.json`
    const sealed = await seal(Buffer.from(`bench-value-${index}`))
    /** @type {Omit<import("../dist/core/records/record.js").SecretRecord, "signature" | "format">} */
    const body = {
      kind: "secret",
      vault,
      path,
      serial: 1,
      version: 1,
      sealedTo: digestOf(group.recipient),
      digest: digestOf(sealed),
      created: TIME,
      changed: TIME,
    }
    writeRecord(repo, signRecord(body, key), sealed)
  }
  commitAll(repo, env, "secrets")
}

/**
 * A record, and the file of age beside it.
 *
 * @param {string} repo
 * @param {import("../dist/core/records/record.js").VaultDocument} record
 * @param {Uint8Array} sealed
 */
function writeRecord(repo, record, sealed) {
  const file = join(repo, ".agent-vault", record.path)
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, encodeRecord(record))
  writeFileSync(file.replace(/json$/, "age"), sealed)
}

/**
 * @param {string} cwd
 * @param {Owner["env"]} env
 * @param {string} message
 */
function commitAll(cwd, env, message) {
  execFileSync("git", ["add", "--all"], { cwd, env })
  execFileSync("git", ["commit", "--quiet", "--message", message], { cwd, env })
}
