// The same work by other tools, each in turn with ours: the ratio is their time by ours. What differs
// in the work is said at each. A tool that is not here, and cannot be installed, says so.
import { execFileSync } from "node:child_process"
import { rmSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { age, agentVaultCrate, gitleaks, npmPeer, sops } from "./peers/installed.mjs"
import { ageFolder, crateVault, newFolder, sopsFile, values } from "./peers/same-values.mjs"
import { newSite, remove, stage } from "./staged-files.mjs"
import { makeVault, resettableVault } from "./vaults.mjs"

const bin = fileURLToPath(new URL("../dist/cli/bin.cjs", import.meta.url))
const FEW = 20
const MANY = 1_000
const AGENTS = 20
/** A program that does nothing. */
const NOTHING = ["/bin/true"]

/** @typedef {import("./run.mjs").Bench} Bench */
/** @typedef {import("./peers/same-values.mjs").Surroundings} Surroundings */
/** @typedef {(name: string, argv: readonly string[], at: Surroundings) => Promise<void>} Beside */
/** @typedef {{ vault: Awaited<ReturnType<typeof makeVault>>, key: string, get: Beside, run: Beside }} Reading */
/** @typedef {(name: string, at: Surroundings, granting: readonly string[], revoking: readonly string[]) => Promise<void>} Changing */

/** @param {Bench} bench */
export default async (bench) => {
  await reading(bench)
  await changing(bench)
  await guarding(bench)
}

/**
 * One value of twenty, and a program that gets all twenty and does nothing.
 *
 * @param {Bench} bench
 */
async function reading({ command, node }) {
  const vault = await makeVault({ secrets: FEW })
  const [key = ""] = vault.keyFiles
  const ours = { cwd: vault.repo, env: vault.env }
  const get = [node, bin, "get", "bulk/s00000", "--identity", key]
  const run = [node, bin, "run", "--identity", key, "-g", "bulk", "--", ...NOTHING]
  /** @type {Reading} */
  const trial = {
    vault,
    key,
    get: (name, argv, at) =>
      command(`get: ${name}`, argv, { ...at, against: get, againstIn: ours }),
    run: (name, argv, at) =>
      command(`run, ${FEW} values: ${name}`, argv, { ...at, against: run, againstIn: ours }),
  }
  await command("get: ours, to node -e 0", get, ours)
  await command(`run, ${FEW} values: ours, to node -e 0`, run, ours)
  await withPeer("stock age", await age(), (peer) => readByAge(trial, peer))
  await withPeer("sops", await sops(), (peer) => readBySops(trial, peer))
  await withPeer("the crate agent-vault", await agentVaultCrate(), (peer) =>
    readByCrate(trial, peer),
  )
  await withPeer("dotenvx", await npmPeer("dotenvx"), (peer) => readByDotenvx(trial, peer))
  await withPeer("varlock", await npmPeer("varlock"), (peer) => readByVarlock(trial, peer))
  rmSync(dirname(vault.repo), { recursive: true, force: true, maxRetries: 3 })
}

/**
 * The same two files as ours, without a look at a signature.
 *
 * @param {Reading} trial
 * @param {{ path: string }} peer
 */
async function readByAge({ vault, key, get }, { path }) {
  const group = `${path}/age -d -i ${key} .agent-vault/groups/bulk.age`
  const line = `${path}/age -d -i <(${group}) .agent-vault/secrets/bulk/s00000.age`
  await get("stock age, twice", ["bash", "-c", line], { cwd: vault.repo, env: vault.env })
}

/**
 * One file with all values.
 *
 * @param {Reading} trial
 * @param {{ path: string }} peer
 */
async function readBySops({ vault, get, run }, { path }) {
  const at = sopsFile(path, vault, FEW)
  const extract = ["decrypt", "--extract", '["s00000"]', "values.yaml"]
  await get("sops decrypt --extract", [path, ...extract], at)
  await run("sops exec-env", [path, "exec-env", "values.yaml", NOTHING.join(" ")], at)
}

/**
 * @param {Reading} trial
 * @param {{ path: string }} peer
 */
async function readByCrate({ vault, get }, { path }) {
  const at = crateVault(path, vault, FEW, 1)
  const own = join(at.env.HOME, ".agent-vault/agents/agent-0.key")
  await get("the crate agent-vault", [path, "get", "bulk/s00000", "--key", own], at)
}

/**
 * @param {Reading} trial
 * @param {{ argv: string[] }} peer
 */
async function readByDotenvx({ vault, get, run }, { argv }) {
  const at = newFolder(vault, "dotenvx")
  const [program = "", ...words] = argv
  for (const [name = "", value = ""] of values(FEW)) {
    execFileSync(program, [...words, "set", name.toUpperCase(), value], { ...at, stdio: "ignore" })
  }
  await get("dotenvx", [...argv, "get", "S00000"], at)
  await run("dotenvx", [...argv, "run", "--quiet", "--", ...NOTHING], at)
}

/**
 * It keeps nothing: it checks twenty values that lie in its file as they are.
 *
 * @param {Reading} trial
 * @param {{ argv: string[] }} peer
 */
async function readByVarlock({ vault, get, run }, { argv }) {
  const at = newFolder(vault, "varlock")
  Object.assign(at.env, { VARLOCK_TELEMETRY_DISABLED: "true" })
  const lines = values(FEW).map(
    ([name, value]) => `# @sensitive\n${name?.toUpperCase()}=${value}\n`,
  )
  writeFileSync(join(at.cwd, ".env.schema"), `# ---\n${lines.join("")}`)
  await get("varlock, plain values", [...argv, "printenv", "S00000"], at)
  await run("varlock, plain values", [...argv, "run", "--", ...NOTHING], at)
}

/**
 * A grant and a revoke over a thousand values and twenty agents, each with its commit.
 *
 * @param {Bench} bench
 */
async function changing({ command, node }) {
  const vault = await resettableVault({ secrets: MANY, agents: AGENTS })
  const ours = { cwd: vault.repo, env: vault.env }
  /** @type {Changing} */
  const beside = async (name, at, granting, revoking) => {
    const before = () => {
      vault.reset()
      execFileSync("git", ["reset", "--quiet", "--hard", "start"], at)
    }
    const common = { ...at, againstIn: ours, before, runs: 3 }
    const grant = [node, bin, "grant", "another", "bulk"]
    const revoke = [node, bin, "revoke", "agent-0", "bulk"]
    await command(`grant, ${MANY} values: ${name}`, granting, { ...common, against: grant })
    await command(`revoke, ${MANY} values: ${name}`, revoking, { ...common, against: revoke })
  }
  await withPeer("sops", await sops(), async ({ path }) => {
    // A grant seals the one key of the file anew; a revoke makes a new one, and all values with it.
    const [granting, revoking] = ["granted", "revoked"].map(
      (list) => `cp ${list}.yaml .sops.yaml && ${path} updatekeys --yes values.yaml`,
    )
    const rotating = `${revoking} && ${path} rotate --in-place values.yaml`
    await beside("sops", sopsFile(path, vault, MANY), script(granting), script(rotating))
  })
  await withPeer("the crate agent-vault", await agentVaultCrate(), async ({ path }) => {
    const at = crateVault(path, vault, MANY, AGENTS)
    const [granting, revoking] = ["grant another bulk", "revoke agent-0 bulk"]
    const line = (/** @type {string} */ words) => [path, ...words.split(" ")]
    await beside("the crate agent-vault", at, line(granting), line(revoking))
  })
  await withPeer("stock age", await age(), async ({ path }) => {
    // Values sealed to each agent, opened and sealed anew one by one, as a script would do it.
    const [granting, revoking] = ["granted", "revoked"].map((list) => {
      const again = `${path}/age -d -i owner.key $file | ${path}/age -R ${list} -o new`
      return `for file in *.age; do ${again} && mv new $file; done`
    })
    await beside("stock age", ageFolder(path, vault, MANY), script(granting), script(revoking))
  })
  vault.remove()
}

/**
 * A line for the shell that ends with a commit.
 *
 * @param {string} [line]
 */
function script(line) {
  return ["sh", "-c", `${line} && git commit --quiet --all --message change`]
}

/**
 * Ten staged files, and a thousand.
 *
 * @param {Bench} bench
 */
async function guarding({ command, node }) {
  for (const [count, size, runs] of /** @type {const} */ ([
    [10, 2_000, 15],
    [1_000, 10_000, 3],
  ])) {
    const site = newSite()
    stage(site, count, size)
    const at = { cwd: site.repo, env: site.env }
    const against = [node, bin, "guard"]
    const beside = { ...at, against, againstIn: at, runs }
    await withPeer("gitleaks", await gitleaks(), async ({ path }) => {
      const argv = [
        path,
        "git",
        "--pre-commit",
        "--staged",
        "--no-banner",
        "--log-level=error",
        "--exit-code=0",
      ]
      await command(`guard, ${count} files: gitleaks`, argv, beside)
    })
    await withPeer("secretlint", await npmPeer("secretlint"), async ({ argv }) => {
      // It takes names of files, and looks at them as they lie in the work tree. It ends with 1 if it
      // takes something of ours for a secret, as its own examples in these files make it do.
      const rules = `{ "rules": [{ "id": "@secretlint/secretlint-rule-preset-recommend" }] }`
      writeFileSync(join(site.repo, ".secretlintrc.json"), rules)
      const line = `${argv.join(" ")} "src/**/*" >found.txt; test $? -lt 2`
      await command(`guard, ${count} files: secretlint`, ["sh", "-c", line], beside)
    })
    remove(site)
  }
}

/**
 * @template {object} Peer
 * @param {string} name
 * @param {Peer | { missing: string }} peer
 * @param {(peer: Peer) => Promise<void>} measure
 */
async function withPeer(name, peer, measure) {
  if ("missing" in peer) process.stderr.write(`${name}: not installed: ${peer.missing}\n`)
  else await measure(peer)
}
