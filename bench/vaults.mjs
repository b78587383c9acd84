// Large vaults for the benchmarks, made in one commit each: what `set` would make one by one.
import { execFileSync } from "node:child_process"
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { sealer } from "../dist/core/age/age.js"
import { addAgent } from "../dist/core/change/agents.js"
import { grant } from "../dist/core/change/grant.js"
import { apply } from "../dist/core/govern/apply.js"
import { init } from "../dist/core/change/init.js"
import { identityAt } from "../dist/core/vault/open.js"
import { findVault } from "../dist/core/disk/place.js"
import { digestOf, encodeRecord, signRecord } from "../dist/core/records/record.js"
import { signingKey } from "../dist/core/records/signature.js"

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
  const made = await init({ folder: repo, name: "owner", keys, env, now: new Date() })
  const request = async () => {
    const place = findVault(repo)
    const identity = await identityAt(place, {}, "always", env, () => Promise.resolve(""))
    return { place, identity, env, now: new Date() }
  }
  const names = Array.from({ length: agents }, (_, index) => `agent-${index}`)
  const keyFiles = []
  for (const agent of names) {
    const { result } = await addAgent({ ...(await request()), agent })
    const file = join(stage, `${agent}.key`)
    writeFileSync(
      file,
      `# vault: ${made.vault}\n# agent: ${agent}\n# trust: ${made.signer}\n${result.identity}\n`,
    )
    keyFiles.push(file)
  }
  writeManifest(repo, made.vault, names)
  await apply(await request())
  await addSecrets(repo, made.vault, await request(), secrets)
  return { repo, env, keyFiles, request, id: made.vault }
}

/**
 * A vault that can be set back to where it was, what this machine has seen of it included. To
 * `another` agent nothing is granted.
 *
 * @param {Parameters<typeof makeVault>[0]} size
 */
export async function resettableVault(size) {
  const { repo, env, id, request } = await makeVault(size)
  await addAgent({ ...(await request()), agent: "another" })
  const base = execFileSync("git", ["rev-parse", "HEAD"], { cwd: repo, env, encoding: "utf8" })
  const state = join(env.HOME, ".local/state/agent-vault", id)
  await grant({ ...(await request()), agent: "another", groups: ["bulk"], dryRun: true })
  cpSync(state, `${state}.base`, { recursive: true })
  const reset = () => {
    execFileSync("git", ["reset", "--quiet", "--hard", base.trim()], { cwd: repo, env })
    rmSync(state, { recursive: true })
    cpSync(`${state}.base`, state, { recursive: true })
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
 * @param {string} repo
 * @param {string} vault
 * @param {{ identity: import("../dist/core/keys/identity.js").Identity, env: Record<string, string | undefined> }} owner
 * @param {number} count
 */
async function addSecrets(repo, vault, { identity, env }, count) {
  const group = JSON.parse(readFileSync(join(repo, ".agent-vault/groups/bulk.json"), "utf8"))
  const key = signingKey(identity.identity)
  const seal = sealer([group.recipient])
  for (let index = 0; index < count; index++) {
    const path = `secrets/bulk/s${String(index).padStart(5, "0")}.json`
    const sealed = await seal(Buffer.from(`bench-value-${index}`))
    const time = "2026-01-01T00:00:00Z"
    /** @type {Omit<import("../dist/core/records/record.js").SecretRecord, "signature" | "format">} */
    const body = {
      kind: "secret",
      vault,
      path,
      serial: 1,
      version: 1,
      sealedTo: digestOf(group.recipient),
      digest: digestOf(sealed),
      created: time,
      changed: time,
    }
    const file = join(repo, ".agent-vault", path)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, encodeRecord(signRecord(body, key)))
    writeFileSync(file.replace(/json$/, "age"), sealed)
  }
  execFileSync("git", ["add", "--all"], { cwd: repo, env })
  execFileSync("git", ["commit", "--quiet", "--message", "secrets"], { cwd: repo, env })
}
