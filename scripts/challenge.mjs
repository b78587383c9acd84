// Makes the challenge anew: a vault with a message, and the key of an agent that was revoked before
// it was written: `node scripts/challenge.mjs FOLDER`, a folder that is not there yet. The owner's key
// is in the memory of this run alone, and goes with it: nobody opens the message any more.
import { execFileSync } from "node:child_process"
import { createHash, randomBytes } from "node:crypto"
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { ensureBuilt } from "./ensure.mjs"

const BIN = fileURLToPath(new URL("../dist/cli/bin.cjs", import.meta.url))
const [folder] = process.argv.slice(2)
if (folder === undefined || existsSync(folder)) {
  process.stderr.write("challenge: name a folder that is not there yet\n")
  process.exitCode = 2
} else {
  await ensureBuilt()
  make(folder)
}

/** @param {string} to */
function make(to) {
  const home = mkdtempSync(join(tmpdir(), "agent-vault-challenge-"))
  try {
    makeIn(home, to)
  } finally {
    rmSync(home, { recursive: true, force: true })
  }
}

/**
 * @param {string} home
 * @param {string} to
 */
function makeIn(home, to) {
  const repo = join(home, "repo")
  const env = { PATH: process.env["PATH"], HOME: home, GIT_CONFIG_NOSYSTEM: "1" }
  /** @type {(program: string, args: readonly string[], input?: string) => void} */
  const run = (program, args, input = "") => {
    execFileSync(program, args, { cwd: repo, env, input, stdio: ["pipe", "ignore", "pipe"] })
  }
  /** @type {(words: string, input?: string) => void} */
  const vault = (words, input) => run(process.execPath, [BIN, ...words.split(" ")], input)

  mkdirSync(repo)
  run("git", ["init", "-q"])
  run("git", ["config", "user.name", "challenge"])
  run("git", ["config", "user.email", "challenge@example.com"])
  vault("init")
  vault("set challenge/message --from-file -", "What visitor could read, it can read for ever.\n")
  vault("agent add visitor --out ../visitor.key")
  vault("grant visitor challenge")
  mkdirSync(join(to, "before"), { recursive: true })
  cpSync(join(repo, ".agent-vault/groups/challenge.age"), join(to, "before/group.age"))
  cpSync(join(repo, ".agent-vault/secrets/challenge/message.age"), join(to, "before/message.age"))

  vault("revoke visitor challenge")
  const message = `Whoever reads this opened what a revoke closed: ${randomBytes(32).toString("hex")}\n`
  vault("set challenge/message --from-file -", message)
  cpSync(join(repo, ".agent-vault"), join(to, ".agent-vault"), { recursive: true })
  cpSync(join(home, "visitor.key"), join(to, "visitor.key"))
  const digest = createHash("sha256").update(message).digest("hex")
  writeFileSync(join(to, "message.sha256"), `${digest}  -\n`)
}
