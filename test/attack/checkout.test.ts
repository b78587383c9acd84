// What a checkout makes of the vault: attributes that convert its files, and parts that it leaves out.
import { execSync } from "node:child_process"
import { existsSync, readFileSync, readdirSync, rmSync, utimesSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { type World, outcome, vaultWorld } from "../core/world.js"

let world: World

beforeEach(async () => {
  world = await vaultWorld()
})
afterEach(() => world.remove())

const ATTRIBUTES = ".agent-vault/.gitattributes"
const FILES = "-- .agent-vault ':!*.yaml' ':!*.gitattributes'"
const WRITE_ANEW = `git rm -rq --cached ${FILES} && git restore --source=HEAD --staged --worktree ${FILES}`
const LONG_AGO = new Date("2026-01-01")

/** Somebody pushes attributes of the vault, and everything is checked out anew. */
function checkedOutWith(attributes: string): void {
  world.commit(ATTRIBUTES, attributes)
  rmSync(join(world.top, ".agent-vault"), { recursive: true })
  world.git("restore", "--", ".agent-vault")
  // As in a clone that is not of this second: Git knows that the files are as it wrote them.
  const folder = join(world.top, ".agent-vault")
  for (const file of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
    utimesSync(join(folder, file), LONG_AGO, LONG_AGO)
  }
  world.git("update-index", "-q", "--refresh")
}

describe("attributes that somebody pushes", () => {
  test.each([
    ["line ends of records", "*.json text eol=crlf\n", "RECORD_INVALID"],
    ["line ends of everything", "* text eol=crlf\n", "RECORD_INVALID"],
    ["an encoding", "*.json text working-tree-encoding=UTF-16LE\n", "RECORD_INVALID"],
  ])("%s: refused, and put right by what the hint says", async (_name, attributes, code) => {
    checkedOutWith(attributes)
    expect(await world.tryRead("ci", "stripe/api-key")).toBe(code)
    expect(await outcome(world.set("stripe/api-key", "new"))).toBe(code)
    writeFileSync(join(world.top, ATTRIBUTES), "* -text -filter -ident\n")
    const written = join(world.top, ".agent-vault/manifest.yaml")
    writeFileSync(written, `${readFileSync(written, "utf8")}# what somebody just wrote\n`)
    execSync(WRITE_ANEW, { cwd: world.top })
    expect(await world.read("ci", "stripe/api-key")).toBe("old")
    expect(readFileSync(written, "utf8")).toContain("# what somebody just wrote\n")
  })

  test("line ends are named, with the line that is missing", async () => {
    checkedOutWith("*.json text eol=crlf\n")
    await expect(world.read("ci", "stripe/api-key")).rejects.toMatchObject({
      message: "vault.json is not a valid record: its line ends are CRLF",
      hint: `Git converts them: put the line "* -text -filter -ident" into .agent-vault/.gitattributes, then: ${WRITE_ANEW}`,
    })
  })

  test("an identity that Git expands finds nothing to expand", async () => {
    checkedOutWith("* ident\n")
    expect(await world.read("ci", "stripe/api-key")).toBe("old")
  })

  test("a filter of the repository is not run by us", async () => {
    const fired = join(world.folder, "fired")
    world.git("config", "filter.trap.clean", `touch '${fired}'; cat`)
    world.git("config", "filter.trap.smudge", `touch '${fired}'; cat`)
    world.commit(ATTRIBUTES, "* filter=trap\n")
    // Plain Git ran it to commit.
    rmSync(fired)
    await world.set("stripe/api-key", "new")
    expect(await world.read("ci", "stripe/api-key")).toBe("new")
    expect(existsSync(fired)).toBe(false)
    rmSync(join(world.top, ".agent-vault/secrets"), { recursive: true })
    world.git("restore", "--", ".agent-vault")
    expect(existsSync(fired)).toBe(true)
  })
})

describe("a sparse checkout", () => {
  test("leaves secrets out: the rest is read, and no change passes over what is missing", async () => {
    // Git leaves a file in place that its index does not know to be unchanged.
    world.git("update-index", "--refresh")
    const left = join(world.top, ".agent-vault/secrets/stripe/webhook.age")
    world.git("sparse-checkout", "set", "--no-cone", "/*", "!.agent-vault/secrets/stripe/webhook.*")
    rmSync(left, { force: true })
    rmSync(left.replace(/age$/, "json"), { force: true })
    expect(world.git("status", "--porcelain")).toBe("")
    expect(await world.read("ci", "stripe/api-key")).toBe("old")
    expect(await world.tryRead("ci", "stripe/webhook")).toBe("SECRET_NOT_FOUND")
    // A rekey that knows nothing of a secret would leave it sealed to the old key.
    const refused = await world.revoke("ci", "stripe").catch((error: unknown) => error)
    expect(refused).toMatchObject({ code: "VAULT_DIRTY" })
    const { hint = "" } = refused as { hint?: string }
    const command = /git sparse-checkout .*$/.exec(hint)?.[0] ?? ""
    execSync(command, { cwd: world.top, stdio: "ignore" })
    await world.revoke("ci", "stripe")
    expect(await world.tryRead("ci", "stripe/webhook")).toBe("NOT_GRANTED")
  })
})
