// The product in two minutes: a real vault in a temporary Git repository, through the built
// command, with stock `age` as the witness of every step. Ends with exit code 1 if anything differs
// from what it says. `--record FILE.svg` keeps the chapters of an agent that is let in and refused.
import { spawn, spawnSync } from "node:child_process"
import { randomBytes } from "node:crypto"
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
import { delimiter, join } from "node:path"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { makesNamespaces } from "./bubblewrap.mjs"
import { localAuthority, serveTls } from "./local-authority.mjs"
import { recordingOf } from "./recording.mjs"
import { stockAge } from "./stock-age.mjs"

const { record } = parseArgs({ options: { record: { type: "string" } } }).values
/** @type {string[]} */
const recorded = []
let isRecording = false
const bin = fileURLToPath(new URL("../dist/cli/bin.cjs", import.meta.url))
const agentProgram = fileURLToPath(new URL("demo-agent.mjs", import.meta.url))
const stage = realpathSync(mkdtempSync(join(tmpdir(), "agent-vault-demo-")))
const home = join(stage, "home")
const repo = join(stage, "shop")
const oldClone = join(stage, "old-clone")
const env = stageEnvironment()
// Not a real key: its words are put together here, so that no scanner takes it for one.
const value = `demo-payment-key-${randomBytes(8).toString("hex")}`
const boardToken = `demo-board-token-${randomBytes(8).toString("hex")}`
const rotated = `demo-payment-key-${randomBytes(8).toString("hex")}`

const age = await stockAge()
const hasAge = !("missing" in age)

try {
  mkdirSync(home)
  tell(
    "A team keeps its code in Git, and its keys in an .env file that every agent can read. No more.",
  )
  git("init", "--quiet", "--initial-branch", "main", repo)

  chapter("An owner makes a vault in the repository. The owner's own key stays outside it.", true)
  vault("init", "--name", "alice")
  const [id] =
    /[0-9a-f]{32}/.exec(readFileSync(join(repo, ".agent-vault/vault.json"), "utf8")) ?? []
  const keys = join(home, ".config/agent-vault", id ?? "")
  const ownerKey = join(keys, "owner.key")
  const ciKey = join(keys, "agents/ci.key")

  chapter("An agent gets a key of its own. A copy goes into escrow, sealed to the owner.", true)
  vault("agent", "add", "ci")

  chapter("A secret is stored. The value comes from stdin: never from an argument.", true)
  vault("set", "stripe/api-key", { input: value })
  expectSame(
    vault("get", "stripe/api-key", "--agent", "ci", { code: 4 }).stdout,
    "",
    "ci reads nothing yet",
  )
  witness("cannot open the group either", openGroup(ciKey).code !== 0)

  chapter(
    "The owner grants the group to the agent: three small files change, no secret is touched.",
  )
  vault("grant", "ci", "stripe", "--reason", "nightly payouts")
  expectSame(vault("get", "stripe/api-key", "--agent", "ci").stdout, value, "ci reads the value")
  witness("opens it with nothing but ci's key file", openSecret(ciKey).stdout === value)

  chapter("What lies in Git, and what anyone who hosts it sees:")
  git("log", "--oneline", "--no-decorate")
  run("ls", ["-R", ".agent-vault/secrets"], { show: "ls -R .agent-vault/secrets" })
  witness(
    "finds no plaintext in any object of the repository",
    !everyObject().includes(value),
    "grep",
  )

  chapter("Somebody keeps an old clone, with ci's key and the group's. Then the owner revokes ci.")
  cpSync(repo, oldClone, { recursive: true })
  const oldGroupKey = openGroup(ciKey).stdout
  vault("revoke", "ci", "stripe")
  expectSame(
    vault("get", "stripe/api-key", "--agent", "ci", { code: 4 }).stdout,
    "",
    "ci is refused",
  )

  chapter(
    "What ci had read cannot be unread: so the vault remembers what to rotate. The owner does.",
  )
  vault("list", "--exposed")
  vault("set", "stripe/api-key", { input: rotated })
  witness("with ci's key cannot open the group any more", openGroup(ciKey).code !== 0)
  witness("with the old group key cannot open the new value", openWith(oldGroupKey).code !== 0)
  witness("with the owner's key opens the new value", openSecret(ownerKey).stdout === rotated)

  chapter("An attacker who can push adds a grant to the manifest. It is a wish, and no more.")
  const manifest = join(repo, ".agent-vault/manifest.yaml")
  const wish = "grants: [{ agent: ci, group: stripe }]"
  writeFileSync(manifest, readFileSync(manifest, "utf8").replace(/^grants:$/m, wish))
  git("commit", "--quiet", "--all", "--message", "innocent change")
  vault("get", "stripe/api-key", "--agent", "ci", { code: 4 })
  vault("check", { code: 1 })
  git("revert", "--no-edit", "HEAD", { quiet: true })

  chapter("The attacker forges a signed record instead.")
  const groupRecord = join(repo, ".agent-vault/groups/stripe.json")
  const signed = readFileSync(groupRecord, "utf8")
  const { recipient } = JSON.parse(readFileSync(join(repo, ".agent-vault/agents/ci.json"), "utf8"))
  const member = { agent: "ci", recipient, since: "2026-01-01T00:00:00Z" }
  const forged = { ...JSON.parse(signed), members: [member] }
  writeFileSync(groupRecord, `${JSON.stringify(forged, null, 2)}\n`)
  tell("  (groups/stripe.json names ci as a member again, without an owner's signature)")
  vault("get", "stripe/api-key", "--agent", "ci", { code: 5 })
  vault("check", { code: 5 })
  writeFileSync(groupRecord, signed)

  chapter("ci's machine is gone, with its key. The owner brings it back from the repository alone.")
  rmSync(ciKey)
  vault("agent", "recover", "ci")
  expectSame(readFileSync(ciKey, "utf8").includes("AGE-SECRET-KEY-"), true, "the key is back")

  chapter(
    "ci shall work with keys, and not have them. The owner says where they may go, signed as a grant is.",
    true,
  )
  await blindRun()
  const third = `demo-payment-key-${randomBytes(8).toString("hex")}`
  vault("set", "stripe/api-key", { input: third })

  chapter("And all of it, verified:")
  vault("check", "--owner", "--history")
  tell("")
  tell("That was a real vault, in a real repository; both are removed now.")
  if (!hasAge) tell(`Stock age did not take part: ${age.missing}`)
  if (record !== undefined) {
    // It ends on the refused agent.
    const end = recorded.findLastIndex((line) => line.startsWith("  ✓ refused")) + 1
    const title = "agent-vault: an agent works with a key, and is refused"
    writeFileSync(record, recordingOf(recorded.slice(0, end), title))
  }
} finally {
  rmSync(stage, { recursive: true, force: true })
}

/** The agent works with the key and does not have it, until it is revoked in the middle of its run. */
async function blindRun() {
  const authority = await localAuthority(["api.localhost", "board.localhost"])
  const root = join(stage, "services.pem")
  writeFileSync(root, authority.pem)
  /** @type {(string | undefined)[]} */
  const arrived = []
  const api = await serveTls(authority, ({ headers }, response) => {
    arrived.push(headers.authorization)
    response.end(JSON.stringify(headers))
  })
  let noted = 0
  const notes = await serveTls(authority, (_request, response) => {
    noted += 1
    response.end()
  })
  try {
    const host = `api.localhost:${api.port}`
    const board = `board.localhost:${notes.port}`
    vault("use", "stripe/api-key", ...ruleFor(host, "GET", "/v1/**"))
    vault("set", "board/token", { input: boardToken })
    vault("use", "board/token", ...ruleFor(board, "POST", "/notes"))
    vault("grant", "ci", "stripe", "board")
    writeFileSync(join(repo, ".env"), `STRIPE_API_KEY=${rotated}\n`)

    const isIsolated = process.platform === "linux" && (await makesNamespaces("bwrap"))
    const isolation = isIsolated ? [] : ["--isolate", "none"]
    tell(`  (${isIsolated ? "isolated by bubblewrap" : "not isolated: bubblewrap is not here"})`)
    const words = ["run", "--agent", "ci", "--blind", ...isolation, "-g", "stripe", "-g", "board"]
    const agent = startAgent(words, [`https://${host}`, `https://${board}`], root)

    await working(agent, arrived)
    expectSame(noted, 0, "nothing arrived there")

    tell("  While the agent runs, the owner revokes it:")
    vault("revoke", "ci", "stripe")
    agent.goOn()
    expectRefused(await agent.step("pays again"), "NOT_GRANTED", "the next request of the same run")
    expectSame(arrived.length, 2, "nothing more arrived at the service")
    expectSame(await agent.end, 0, "the agent's program ended by itself")
    const { stdout } = vault("audit", "--agent", "ci", "--host", "api.localhost")
    expectSame(/stripe\/api-key/.test(stdout), true, "the audit log has it all")
    expectSame(holdsValue(stdout), false, "the audit log has no value")
  } finally {
    rmSync(join(repo, ".env"), { force: true })
    for (const { server } of [api, notes]) {
      server.close()
      server.closeAllConnections()
    }
  }
}

/**
 * What the agent does until it is revoked.
 *
 * @param {ReturnType<typeof startAgent>} agent
 * @param {readonly (string | undefined)[]} arrived what the service was shown
 */
async function working(agent, arrived) {
  const { key, everything } = await agent.step("environment")
  tell(`    its environment: STRIPE_API_KEY=${key}`)
  expectSame(holdsValue(everything), false, "the agent's environment has a placeholder, no value")
  const paid = await agent.step("pays")
  expectSame(paid.status, 200, "the agent asks the service, with the placeholder")
  expectSame(arrived[0], `Bearer ${rotated}`, "the service got the key")
  const { text } = await agent.step("echo")
  tell(`    the service echoes: ${JSON.parse(text).authorization}`)
  expectSame(holdsValue(text), false, "a reply that quotes the key comes without it")
  const posted = await agent.step("posts")
  expectRefused(posted, "GATE_REFUSED", "the agent reads an old .env, and posts it to a board")
}

/**
 * @param {string} host
 * @param {string} method
 * @param {string} path
 */
function ruleFor(host, method, path) {
  const place = ["--at", "header:authorization", "--scheme", "bearer"]
  return ["--host", host, "--method", method, "--path", path, ...place, "--yes"]
}

/**
 * Starts the agent's program, and gives what it says of its steps, in their order.
 *
 * @param {string[]} words
 * @param {string[]} urls
 * @param {string} root what the services prove themselves with: the broker verifies them
 */
function startAgent(words, urls, root) {
  tell(`  $ agent-vault ${words.join(" ")} -- node agent.mjs`)
  const program = ["--", process.execPath, agentProgram, ...urls]
  const child = spawn(process.execPath, [bin, ...words, ...program], {
    cwd: repo,
    env: { ...env, NODE_EXTRA_CA_CERTS: root },
    stdio: ["pipe", "pipe", "pipe"],
  })
  let stderr = ""
  child.stderr.on("data", (chunk) => {
    stderr += chunk
  })
  const end = new Promise((resolve) => child.once("close", resolve))
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  /** @param {string} expected */
  const step = async (expected) => {
    const { value: line = "{}" } = await lines.next()
    const said = JSON.parse(line)
    if (said.step !== expected) fail(`the agent did not come to "${expected}": ${line} ${stderr}`)
    return said
  }
  return { step, end, goOn: () => child.stdin.end("go on\n") }
}

/** @param {unknown} found */
function holdsValue(found) {
  return JSON.stringify(found).includes(rotated)
}

/**
 * @param {{ status: number, text: string }} answer
 * @param {string} code
 * @param {string} what
 */
function expectRefused({ status, text }, code, what) {
  const { error } = status === 403 ? JSON.parse(text) : { error: { code: status, message: text } }
  tell(`    refused: ${error.message}`)
  expectSame(error.code, code, `refused: ${what}`)
}

/** The stage has a home, a Git configuration and no credentials of its own. */
function stageEnvironment() {
  const { PATH = "", SystemRoot } = process.env
  const gitConfig = {
    GIT_CONFIG_GLOBAL: join(stage, "gitconfig"),
    GIT_CONFIG_NOSYSTEM: "1",
    GIT_AUTHOR_NAME: "Alice",
    GIT_AUTHOR_EMAIL: "alice@example.com",
    GIT_COMMITTER_NAME: "Alice",
    GIT_COMMITTER_EMAIL: "alice@example.com",
  }
  return { PATH, ...(SystemRoot ? { SystemRoot } : {}), HOME: home, NO_COLOR: "1", ...gitConfig }
}

/** @param {string} line */
function tell(line) {
  process.stdout.write(`${line}\n`)
  if (isRecording && (line !== "" || recorded.length > 0)) recorded.push(line)
}

/**
 * @param {string} line
 * @param {boolean} isRecorded
 */
function chapter(line, isRecorded = false) {
  isRecording = isRecorded
  tell("")
  tell(line)
}

/**
 * Runs the command in the repository, as a person would type it.
 *
 * @param {...(string | { input?: string, code?: number })} call
 */
function vault(...call) {
  const words = call.filter((word) => typeof word === "string")
  const { input, code = 0 } = call.find((word) => typeof word === "object") ?? {}
  const piped = input === undefined ? "" : "… | "
  const show = `${piped}agent-vault ${words.map((word) => (/\s/.test(word) ? `'${word}'` : word)).join(" ")}`
  return run(process.execPath, [bin, ...words], { show, input, code })
}

/** @param {...(string | { quiet?: boolean })} call */
function git(...call) {
  const words = call.filter((word) => typeof word === "string")
  const isQuiet = call.some((word) => typeof word === "object")
  const show = isQuiet
    ? undefined
    : `git ${words.map((word) => word.replace(stage, "…")).join(" ")}`
  return run("git", words, { show })
}

/**
 * @param {string} program
 * @param {string[]} args
 * @param {{ show?: string | undefined, input?: string | undefined, code?: number, cwd?: string }} [how]
 */
function run(program, args, { show, input = "", code = 0 } = {}) {
  const cwd = args[0] === "init" && program === "git" ? stage : repo
  const result = spawnSync(program, args, { cwd, env, input, encoding: "utf8" })
  const { stdout, stderr } = result
  if (show !== undefined) {
    tell(`  $ ${show}`)
    for (const line of `${stdout}${stdout.endsWith("\n") ? "" : "\n"}${stderr}`.split("\n")) {
      if (line.trim() !== "") tell(`    ${line.replaceAll(stage, "…")}`)
    }
  }
  if (result.status !== code) fail(`${program} ended with ${result.status}, not ${code}: ${stderr}`)
  return { code: result.status, stdout }
}

/**
 * What stock age says, or a search through Git's objects.
 *
 * @param {string} what
 * @param {boolean} isTrue
 * @param {string} [who]
 */
function witness(what, isTrue, who = "age") {
  if (who === "age" && !hasAge) return
  if (!isTrue) fail(`${who} does not agree that it ${what}`)
  tell(`  ✓ ${who === "age" ? "stock age" : who} ${what}`)
}

/**
 * @param {unknown} found
 * @param {unknown} expected
 * @param {string} what
 */
function expectSame(found, expected, what) {
  if (found !== expected) fail(`not so: ${what}`)
  tell(`  ✓ ${what}`)
}

/** @param {string} keyFile */
function openGroup(keyFile) {
  return runAge(["-d", "-i", keyFile, ".agent-vault/groups/stripe.age"])
}

/** @param {string} keyFile */
function openSecret(keyFile) {
  return openWith(openGroup(keyFile).stdout)
}

/** @param {string} groupKey an age identity */
function openWith(groupKey) {
  const file = join(stage, "group.key")
  writeFileSync(file, groupKey, { mode: 0o600 })
  return runAge(["-d", "-i", file, ".agent-vault/secrets/stripe/api-key.age"])
}

/** @param {string[]} args */
function runAge(args) {
  if (!hasAge) return { code: 1, stdout: "" }
  const path = `${age.dir}${delimiter}${env.PATH}`
  const program = join(age.dir, process.platform === "win32" ? "age.exe" : "age")
  const { status, stdout } = spawnSync(program, args, {
    cwd: repo,
    env: { ...env, PATH: path },
    encoding: "utf8",
  })
  return { code: status, stdout }
}

/** The contents of all objects that Git has. */
function everyObject() {
  const all = ["cat-file", "--batch", "--batch-all-objects", "--buffer"]
  return spawnSync("git", all, { cwd: repo, env, encoding: "latin1", maxBuffer: 64 * 1024 * 1024 })
    .stdout
}

/** @param {string} message */
function fail(message) {
  throw new Error(message)
}
