// `node bench/growth.mjs [--small]`: what each change costs as a vault grows, in CPU time of all its
// processes, which a busy machine changes little; and what history weighs, beside values that are
// sealed to each agent directly. Makes docs/figures/growth.json and the chart of it, growth.svg;
// with --small it prints the figures of small vaults.
import { execFileSync, spawnSync } from "node:child_process"
import { cpSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { sealer } from "../dist/core/age/age.js"
import { growthChart } from "./growth-chart.mjs"
import { resettableVault } from "./vaults.mjs"

const bin = fileURLToPath(new URL("../dist/cli/bin.cjs", import.meta.url))
const figures = new URL("../docs/figures/", import.meta.url)
const RUNS = 3

/** @typedef {"x25519" | "mlkem768x25519"} Keys */
/** @typedef {{ keys: Keys, secrets: number, agents: number }} Size */
/** @typedef {Size & { seconds: Record<string, number> }} Point CPU seconds of each operation */
/** @typedef {{ on: string, points: Point[], history: History }} Growth */
/** @typedef {Size & { changes: number, start: Weights, end: Weights }} History after each gc */
/** @typedef {{ ours: number, direct: number }} Weights bytes of Git's objects */
/** @typedef {Awaited<ReturnType<typeof resettableVault>>} Vault */

/** @type {readonly (readonly [Keys, secrets: number, agents: number])[]} */
const SIZES = [
  ["x25519", 100, 20],
  ["x25519", 1_000, 20],
  ["x25519", 10_000, 20],
  ["x25519", 100, 1],
  ["x25519", 100, 100],
  ["x25519", 100, 1_000],
  ["mlkem768x25519", 100, 20],
  ["mlkem768x25519", 1_000, 20],
]
/** @type {Size & { changes: number }} */
const HISTORY = { keys: "x25519", secrets: 200, agents: 20, changes: 20 }

const { values } = parseArgs({ options: { small: { type: "boolean", default: false } } })
/** @type {Point[]} */
const points = []
for (const [keys, secrets, agents] of SIZES) {
  if (values.small && Math.max(secrets, agents) > 100) continue
  const size = { keys, secrets, agents }
  points.push({ ...size, seconds: await costs(size) })
  process.stderr.write(`${JSON.stringify(points.at(-1))}\n`)
}
const growth = { on: new Date().toISOString().slice(0, 10), points, history: await weigh(HISTORY) }
if (values.small) process.stdout.write(`${JSON.stringify(growth)}\n`)
else {
  writeFileSync(new URL("growth.json", figures), `${JSON.stringify(growth, null, 2)}\n`)
  writeFileSync(new URL("growth.svg", figures), growthChart(growth))
}

/**
 * The CPU time of each operation, from the same start.
 *
 * @param {Size} size
 */
async function costs(size) {
  const vault = await resettableVault(size)
  const remote = withClone(vault)
  const bob = joinLine(vault)
  /** @type {Record<string, readonly string[]>} */
  const operations = {
    set: ["set", "bulk/s00000"],
    grant: ["grant", "another", "bulk"],
    revoke: ["revoke", "agent-0", "bulk"],
    "agent remove": ["agent", "remove", "agent-0"],
    "owner add": ["owner", "add", "bob", "--join", bob.line, "--fingerprint", bob.fingerprint],
    sync: ["sync"],
  }
  /** @type {Record<string, number>} */
  const seconds = {}
  for (const [operation, args] of Object.entries(operations)) {
    const times = Array.from({ length: size.secrets > 1_000 ? 1 : RUNS }, () => {
      vault.reset()
      if (operation === "sync") remote.offerChange()
      return cpuSeconds(vault, args)
    })
    seconds[operation] = times.toSorted((a, b) => a - b)[times.length >> 1] ?? NaN
  }
  vault.remove()
  return seconds
}

/**
 * @param {Vault} vault
 * @param {readonly string[]} args
 */
function cpuSeconds(vault, args) {
  // The shell counts all processes below it that have ended.
  const counted = ["-c", '"$@" >/dev/null && times', "bash", process.execPath, bin, ...args]
  const options = { cwd: vault.repo, env: vault.env, input: "another value" }
  const { status, stdout, stderr } = spawnSync("bash", counted, { ...options, encoding: "utf8" })
  if (status !== 0) throw new Error(`${args.join(" ")}: ${stderr}`)
  const [, children = ""] = stdout.split("\n")
  const [user = NaN, system = NaN] = children.split(" ").map(secondsOf)
  // The shell counts in milliseconds.
  return Math.round(1000 * (user + system)) / 1000
}

/** @param {string} text as bash says it: 1m2.345s */
function secondsOf(text) {
  const [, minutes, seconds] = /^(\d+)m([\d.]+)s$/.exec(text) ?? []
  return Number(minutes) * 60 + Number(seconds)
}

/**
 * A remote, to which another clone of the owner's has pushed a new value.
 *
 * @param {Vault} vault
 */
function withClone({ repo, env }) {
  const folder = dirname(repo)
  const [origin, other] = [join(folder, "origin.git"), join(folder, "other")]
  const git = (/** @type {string[]} */ ...args) => execFileSync("git", args, { cwd: repo, env })
  git("clone", "--quiet", "--bare", repo, origin)
  git("remote", "add", "origin", origin)
  git("push", "--quiet", "--set-upstream", "origin", "main")
  git("clone", "--quiet", origin, other)
  const state = join(folder, "other-state")
  cpSync(join(folder, ".local/state"), state, { recursive: true })
  const at = { cwd: other, env: { ...env, XDG_STATE_HOME: state } }
  execFileSync(process.execPath, [bin, "set", "bulk/s00001"], { ...at, input: "v", stdio: "pipe" })
  execFileSync("git", ["push", "--quiet"], at)
  return { offerChange: () => git("update-ref", "refs/remotes/origin/main", "main") }
}

/**
 * The line by which a second owner asks to be let in, made on a machine of theirs.
 *
 * @param {Vault} vault
 * @returns {{ line: string, fingerprint: string }}
 */
function joinLine({ repo, env }) {
  const home = join(dirname(repo), "bob")
  mkdirSync(home)
  const at = { cwd: repo, env: { ...env, HOME: home } }
  const args = [bin, "join", "bob", "--owner", "--json"]
  return JSON.parse(
    execFileSync(process.execPath, args, { ...at, encoding: "utf8", stdio: "pipe" }),
  )
}

/**
 * What Git keeps after a grant and a revoke in turn, beside the same values sealed to each reader.
 *
 * @param {Size & { changes: number }} size
 * @returns {Promise<History>}
 */
async function weigh(size) {
  const vault = await resettableVault(size)
  const direct = await directRepository(vault, size.secrets)
  const weights = () => ({ ours: packedBytes(vault), direct: packedBytes(direct) })
  const start = weights()
  for (let change = 0; change < size.changes; change += 1) {
    const isGrant = change % 2 === 0
    cpuSeconds(vault, [isGrant ? "grant" : "revoke", "another", "bulk"])
    await direct.sealTo(isGrant)
  }
  const history = { ...size, start, end: weights() }
  vault.remove()
  return history
}

/**
 * @param {Vault} vault
 * @param {number} secrets
 */
async function directRepository({ repo, env }, secrets) {
  const cwd = join(dirname(repo), "direct")
  mkdirSync(cwd)
  const git = (/** @type {string[]} */ ...args) => execFileSync("git", args, { cwd, env })
  const { owners, agents } = readersOf(repo)
  const { another = "", ...usual } = agents
  const sealTo = async (/** @type {boolean} */ withAnother) => {
    const seal = sealer([...owners, ...Object.values(usual), ...(withAnother ? [another] : [])])
    for (let index = 0; index < secrets; index += 1) {
      writeFileSync(join(cwd, `s${index}.age`), await seal(Buffer.from(`bench-value-${index}`)))
    }
    git("add", "--all")
    git("commit", "--quiet", "--message", "change")
  }
  git("init", "--quiet")
  await sealTo(false)
  return { repo: cwd, env, sealTo }
}

/**
 * The recipients of a vault's owners and agents.
 *
 * @param {string} repo
 */
function readersOf(repo) {
  const read = (/** @type {string} */ file) =>
    JSON.parse(readFileSync(join(repo, ".agent-vault", file), "utf8"))
  const names = readdirSync(join(repo, ".agent-vault/agents")).filter((file) =>
    file.endsWith("json"),
  )
  return {
    /** @type {string[]} */
    owners: read("vault.json").owners.map(
      (/** @type {{ recipient: string }} */ owner) => owner.recipient,
    ),
    /** @type {Record<string, string>} */
    agents: Object.fromEntries(
      names.map((file) => [file.replace(".json", ""), read(`agents/${file}`).recipient]),
    ),
  }
}

/** @param {Pick<Vault, "repo" | "env">} repository */
function packedBytes({ repo, env }) {
  execFileSync("git", ["gc", "--quiet", "--prune=now"], { cwd: repo, env })
  const counted = execFileSync("git", ["count-objects", "-v"], { cwd: repo, env, encoding: "utf8" })
  return 1024 * Number(/^size-pack: (\d+)$/m.exec(counted)?.[1])
}
