import { execFileSync, spawnSync } from "node:child_process"
import { createHash } from "node:crypto"
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterEach, beforeEach, expect, test } from "vitest"
import { type StockAge, testWithStockAge } from "./stock-age.js"

const at = (path: string): string => fileURLToPath(new URL(`../${path}`, import.meta.url))
const CHALLENGE = at("challenge")
let home: string

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "agent-vault-challenge-"))
})
afterEach(() => rmSync(home, { recursive: true, force: true }))

function read(path: string): Uint8Array {
  return readFileSync(join(CHALLENGE, path))
}

function filesOf(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
}

/** The exit code of a command with the published key, and what it said. */
function asVisitor(...args: readonly string[]): string {
  const env = { PATH: process.env["PATH"], HOME: home, AGENT_VAULT_IDENTITY_FILE: "visitor.key" }
  const options = { cwd: CHALLENGE, env, encoding: "utf8" } as const
  const ran = spawnSync(process.execPath, [at("dist/cli/bin.cjs"), ...args], options)
  return `${ran.status} ${ran.stdout}${ran.stderr}`
}

/** What a key opens of the challenge as it stands: the paths of the ciphertexts. */
function opened({ age }: StockAge, keyFile: string): string[] {
  return filesOf(CHALLENGE).filter((path) => {
    if (!path.endsWith(".age")) return false
    try {
      return age(["-d", "-i", keyFile], read(path)).length > 0
    } catch (error) {
      expect(String(error)).toContain("no identity matched any of the recipients")
      return false
    }
  })
}

testWithStockAge(
  "the published key opens what was before the revoke, and that alone",
  "classic",
  (tools) => {
    const visitor = join(CHALLENGE, "visitor.key")
    expect(opened(tools, visitor)).toEqual([join("before", "group.age")])
    const group = join(home, "group.key")
    writeFileSync(group, tools.age(["-d", "-i", visitor], read("before/group.age")))
    expect(opened(tools, group)).toEqual([join("before", "message.age")])
    const message = tools.age(["-d", "-i", group], read("before/message.age"))
    expect(Buffer.from(message).toString("utf8")).toBe(
      "What visitor could read, it can read for ever.\n",
    )
    const digest = createHash("sha256").update(message).digest("hex")
    expect(Buffer.from(read("message.sha256")).toString("utf8")).not.toContain(digest)
    return Promise.resolve()
  },
)

test("the vault is sound, and refuses the agent by name", () => {
  expect(asVisitor("check")).toMatch(/^0 .*Checked /s)
  expect(asVisitor("get", "challenge/message")).toMatch(/^4 .*NOT_GRANTED/s)
})

test("it can be made anew, by its script", () => {
  const folder = join(home, "made anew")
  execFileSync(process.execPath, [at("scripts/challenge.mjs"), folder], { stdio: "pipe" })
  expect(["README.md", ...filesOf(folder)].sort()).toEqual(filesOf(CHALLENGE).sort())
})
