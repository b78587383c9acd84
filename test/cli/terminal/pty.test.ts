import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { unsealWithPassphrase } from "../../../src/core/age/age.js"
import { claimedId, findVault, ownerKeyFile } from "../../../src/core/index.js"
import { sealedQuickly } from "../../core/age/sealed-quickly.js"
import { type Seen, type Steps, atTerminal, plain } from "../at-terminal.js"
import { Machine, vaultMachine } from "../machine.js"

const [CTRL_C, CTRL_D, CTRL_U, ENTER, UP] = ["\u0003", "\u0004", "\u0015", "\r", "\u001b[A"]
const [PASTE, PASTED] = ["\u001b[200~", "\u001b[201~"]
const value = "Value of stripe/new"
const passphrase = "Passphrase"

let machine: Machine
let locked: Machine
const machines: Machine[] = []

beforeAll(async () => {
  machine = await vaultMachine()
  locked = new Machine()
  machines.push(machine, locked)
  const { code } = await atTerminal(
    locked,
    ["init", "--name", "alice"],
    [
      ["empty for none", `horse${ENTER}`],
      ["The same again", `horse${ENTER}`],
      ["install the guard", `no${ENTER}`],
    ],
  )
  expect(code).toBe(0)
  const key = ownerKeyFile(claimedId(findVault(locked.repo)), locked.env)
  const text = await unsealWithPassphrase(readFileSync(key), "horse")
  writeFileSync(key, await sealedQuickly(text, "horse"))
})
afterAll(() => machines.forEach((each) => each.remove()))

function newMachine(): Machine {
  const empty = new Machine()
  machines.push(empty)
  return empty
}

async function stored(name: string): Promise<string> {
  return (await machine.call(["get", name, "--owner"])).stdout
}

describe("a hidden value", () => {
  test.each([
    ["typed", `s3cret${ENTER}`, "s3cret"],
    ["with a typing error", `s3crt\u007fet${ENTER}`, "s3cret"],
    ["begun again", `wrong${CTRL_U}right${ENTER}`, "right"],
    ["with keys that mean nothing here", `a${UP}b\u0001c${ENTER}`, "abc"],
    ["pasted with its newline", `${PASTE}token${ENTER}${PASTED}${ENTER}`, "token"],
    ["pasted with several lines", `${PASTE}a${ENTER}b${ENTER}${PASTED}${ENTER}`, "a\nb"],
  ])("%s", async (_how, typed, expected) => {
    const seen = await atTerminal(machine, ["set", "stripe/new"], [[value, typed]])
    expect(seen.code, seen.shown).toBe(0)
    expect(await stored("stripe/new")).toBe(expected)
    expect(plain(seen).split("\n")[0]).toBe("Value of stripe/new (not shown): ")
  })

  test.each([
    ["Ctrl-C", `abc${CTRL_C}`, 130, "INTERRUPTED"],
    ["Ctrl-D", CTRL_D, 130, "INTERRUPTED"],
    ["Ctrl-Z, and what would continue", `abc\u001afg${ENTER}`, 130, "INTERRUPTED"],
    ["Ctrl-\\", `abc\u001c${ENTER}`, 130, "INTERRUPTED"],
    ["nothing", ENTER, 2, "USAGE"],
    ["several lines that no paste marks", "a\nb\nc\n", 2, "several lines came at once"],
  ])("%s changes nothing", async (_how, typed, code, says) => {
    const before = machine.fingerprint()
    const seen = await atTerminal(machine, ["set", "stripe/new"], [[value, typed]])
    expect(seen.code).toBe(code)
    expect(seen.shown).toContain(says)
    expect(machine.fingerprint()).toEqual(before)
  })
})

describe("a value on a terminal", () => {
  beforeAll(async () => {
    await machine.call(["set", "shown/codes"], "red \u001b[31m and \u0007\ttab\nsecond line")
    await machine.call(["set", "shown/binary", "--from-file", "-"], Buffer.from([0, 255, 1]))
  })

  test("control bytes are shown, not sent", async () => {
    const { shown, code } = await atTerminal(machine, ["get", "shown/codes"])
    expect({ shown, code }).toEqual({
      shown: "red \\u{1b}[31m and \\u{7}\ttab\nsecond line\n",
      code: 0,
    })
  })

  test("--raw sends them", async () => {
    const { shown } = await atTerminal(machine, ["get", "shown/codes", "--raw"])
    expect(shown).toBe("red \u001b[31m and \u0007\ttab\nsecond line")
  })

  test("binary is refused", async () => {
    const seen = await atTerminal(machine, ["get", "shown/binary"])
    expect(seen.code).toBe(2)
    expect(seen.shown).toContain("shown/binary is binary (3 bytes)")
  })

  test("under an agent harness the owner's key is not used unasked", async () => {
    const seen = await atTerminal(machine, ["get", "shown/codes"], [], { env: { CLAUDECODE: "1" } })
    expect(seen.code).toBe(4)
    expect(seen.shown).toContain("Claude Code runs here")
  })

  test("who gains access is green, who loses it red, and no code is left with NO_COLOR", async () => {
    const change = async (command: string, env = {}): Promise<string> =>
      (await atTerminal(machine, [command, "deploy", "shown"], [], { env })).shown
    expect(await change("grant")).toContain("\u001b[32m  + deploy gains access\u001b[39m")
    expect(await change("revoke")).toContain("\u001b[31m  - deploy loses access")
    expect(await change("grant", { NO_COLOR: "1" })).not.toContain("\u001b")
    expect(await change("revoke", { TERM: "dumb" })).not.toContain("\u001b")
    const checked = await atTerminal(machine, ["check"])
    expect(checked.shown).toContain("\u001b[33mattention\u001b[39m  EXPOSED  shown/")
  })

  test("NO_COLOR leaves an error without codes", async () => {
    const bold = await atTerminal(machine, ["nothing"])
    const none = await atTerminal(machine, ["nothing"], [], { env: { NO_COLOR: "1" } })
    expect(bold.shown).toContain("\u001b[1m")
    expect(none.shown).not.toContain("\u001b")
  })
})

describe("the passphrase of the owner's key", () => {
  test("is asked for on the terminal while stdin carries the value", async () => {
    const stdin = join(locked.home, "value")
    writeFileSync(stdin, "from a file\n")
    const typed: Steps = [[passphrase, `horse${ENTER}`]]
    const seen = await atTerminal(locked, ["set", "a/b"], typed, { stdin })
    expect(seen.code, seen.shown).toBe(0)
    expect(seen.shown).not.toContain("horse")
    const read = await atTerminal(locked, ["get", "a/b"], typed)
    expect(plain(read)).toMatch(/^Passphrase of .*owner\.key: \nfrom a file\n$/)
  })

  test.each([
    ["wrong", `cow${ENTER}`, 4, "PASSPHRASE_WRONG"],
    ["Ctrl-C", CTRL_C, 130, "INTERRUPTED"],
  ])("%s: nothing changes", async (_how, typed, code, says) => {
    const before = locked.fingerprint()
    const seen = await atTerminal(locked, ["agent", "add", "ci"], [[passphrase, typed]])
    expect(seen.code).toBe(code)
    expect(seen.shown).toContain(says)
    expect(locked.fingerprint()).toEqual(before)
  })

  test.each([
    ["Ctrl-C at the first", [["for none", CTRL_C]], 130],
    ["Ctrl-D at the first", [["for none", CTRL_D]], 130],
    [
      "Ctrl-C at the second",
      [
        ["for none", `a${ENTER}`],
        ["same again", CTRL_C],
      ],
      130,
    ],
    [
      "two that differ",
      [
        ["for none", `a${ENTER}`],
        ["same again", `b${ENTER}`],
      ],
      2,
    ],
  ] as const)("init, %s: nothing is made", async (_how, steps, code) => {
    const empty = new Machine()
    machines.push(empty)
    const before = empty.fingerprint()
    const seen = await atTerminal(empty, ["init", "--name", "alice"], steps)
    expect(seen.code).toBe(code)
    expect(empty.fingerprint()).toEqual(before)
  })
})

describe("init offers the guard", () => {
  const hook = ".git/hooks/pre-commit"
  const OFFER = "install the guard in this repository's hooks? [yes] "

  async function initAt(at: Machine, answers: readonly string[], env: NodeJS.ProcessEnv = {}) {
    const steps: Steps = [["for none", ENTER], ...answers.map((word) => [OFFER, word] as const)]
    return atTerminal(at, ["init", "--name", "alice"], steps, { env: { CI: "", ...env } })
  }

  test.each([["nothing"], ["yes"], ["Y"]])("%s: it is installed, and proven", async (word) => {
    const at = newMachine()
    const seen = await initAt(at, [`${word === "nothing" ? "" : word}${ENTER}`])
    expect(seen.code, seen.shown).toBe(0)
    expect(seen.shown).toContain("would be stopped (dry run)")
    expect(existsSync(join(at.repo, hook))).toBe(true)
  })

  test("what is no answer is asked again; no leaves the hooks alone", async () => {
    const at = newMachine()
    const seen = await initAt(at, [`perhaps${ENTER}`, `no${ENTER}`])
    expect(seen.code, seen.shown).toBe(0)
    expect(seen.shown).toContain("Later: agent-vault guard install")
    expect(existsSync(join(at.repo, ".git/hooks"))).toBe(false)
  })

  test("Ctrl-C leaves the vault that is made, and no hook", async () => {
    const at = newMachine()
    const { code, shown } = await initAt(at, [CTRL_C])
    expect(code).toBe(130)
    expect(shown).toContain("the vault is made, the guard not installed")
    expect(shown).not.toContain("nothing was changed")
    expect(at.git("status", "--porcelain")).toBe("")
    expect(existsSync(join(at.repo, ".agent-vault/vault.json"))).toBe(true)
    expect(existsSync(join(at.repo, ".git/hooks"))).toBe(false)
  })

  test("where it cannot be installed, the vault is made, and the reason said", async () => {
    const at = newMachine()
    at.git("config", "core.hooksPath", "hooks")
    mkdirSync(join(at.repo, "hooks/pre-commit"), { recursive: true })
    const seen = await initAt(at, [ENTER])
    expect(seen.code, seen.shown).toBe(0)
    expect(seen.shown).toContain("The guard is not installed: ")
    expect(seen.shown).toContain("is in the way")
  })

  test("not in CI, not with --json, not in a dry run, not to a pipe", async () => {
    const [inCi, json, dryRun, piped] = [newMachine(), newMachine(), newMachine(), newMachine()]
    const seen = await initAt(inCi, [], { CI: "true" })
    expect(seen.code, seen.shown).toBe(0)
    expect(seen.shown).toContain("Keep keys out of commits: agent-vault guard install")
    for (const [at, option] of [
      [json, "--json"],
      [dryRun, "--dry-run"],
    ] as const) {
      const { code, shown } = await atTerminal(at, ["init", option], [], { env: { CI: "" } })
      expect({ code, asks: shown.includes("install the guard") }).toEqual({ code: 0, asks: false })
    }
    const none = join(piped.home, "none")
    writeFileSync(none, "")
    const quiet = await atTerminal(piped, ["init"], [], { env: { CI: "" }, stdin: none })
    expect(quiet.code, quiet.shown).toBe(0)
    expect(quiet.shown).toContain("Keep keys out of commits: agent-vault guard install")
  })
})

describe("a question", () => {
  const question = "Make it so? [yes/no] "

  beforeAll(() => {
    const manifest = join(machine.repo, ".agent-vault/manifest.yaml")
    writeFileSync(manifest, addGroup(machine.git("show", "HEAD:.agent-vault/manifest.yaml")))
  })

  test.each([
    ["Ctrl-C", CTRL_C, 130],
    ["Ctrl-D", CTRL_D, 130],
    ["no", `no${ENTER}`, 0],
    ["no, after a typing error", `nox\u007f${ENTER}`, 0],
  ])("%s changes nothing", async (_how, typed, code) => {
    const before = machine.fingerprint()
    const seen = await atTerminal(machine, ["apply"], [[question, typed]])
    expect(seen.code).toBe(code)
    expect(machine.fingerprint()).toEqual(before)
  })

  test("only yes is yes; anything else is asked again", async () => {
    const answers: Steps = [
      [question, `y${ENTER}`],
      [question, `yes${ENTER}`],
    ]
    const seen = await atTerminal(machine, ["apply"], answers)
    expect(seen.code, seen.shown).toBe(0)
    expect(machine.git("log", "-1", "--format=%s")).toBe("agent-vault: apply new group later")
  })

  test("whom to trust, in a fresh clone of another person", async () => {
    const other = new Machine()
    machines.push(other)
    const cwd = join(other.home, "clone")
    other.git("clone", "--quiet", machine.repo, cwd)
    const trust = (typed: string): Promise<Seen> =>
      atTerminal(other, ["trust"], [["Trust alice? [yes/no] ", typed]], { cwd })
    expect((await trust(CTRL_C)).code).toBe(130)
    expect((await trust(`no${ENTER}`)).code).toBe(1)
    const seen = await trust(`yes${ENTER}`)
    expect(seen.code).toBe(0)
    expect(seen.shown).toMatch(/This machine trusts ed25519:[\w-]{43} from now on/)
    expect((await atTerminal(other, ["list"], [], { cwd })).code).toBe(0)
  })
})

function addGroup(manifest: string): string {
  return manifest.replace(/^groups:$/m, "groups:\n  later: {}")
}
