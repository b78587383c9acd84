import { spawnSync } from "node:child_process"
import { chmodSync, chownSync, cpSync, lstatSync, mkdirSync, rmSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { type Machine, vaultMachine } from "../cli/machine.js"
import { noRoot, testUnless } from "../needs.js"
import { copyProgram } from "../folders.js"

/** Nobody's. Only root may become another user. */
const OTHER = 54_321

const project = fileURLToPath(new URL("../..", import.meta.url))
let machine: Machine
let home: string
let key: string

beforeAll(async () => {
  machine = await vaultMachine()
  home = join(machine.home, "agent-home")
  mkdirSync(home)
  if (noRoot === undefined) chownSync(home, OTHER, OTHER)
  // What an agent's user can see: the repository, and the program.
  chmodSync(machine.home, 0o755)
  copyProgram(join(installed(), "dist/cli"))
  cpSync(join(project, "dist/lib"), join(installed(), "dist/lib"), { recursive: true })
  cpSync(join(project, "package.json"), join(installed(), "package.json"))
  const { stdout } = await machine.shell("cat ~/.config/agent-vault/*/agents/ci.key")
  key = stdout
})
afterAll(() => machine.remove())

/** Runs the built program as the other user, whose key comes in a variable, as a service's does. */
function asOther(args: readonly string[], HOME = home) {
  const env = { PATH: process.env["PATH"], HOME, AGENT_VAULT_IDENTITY: key }
  const options = { cwd: machine.repo, env, encoding: "utf8", uid: OTHER, gid: OTHER } as const
  return spawnSync(process.execPath, args, options)
}

function get(HOME?: string) {
  return asOther([join(installed(), "dist/cli/bin.cjs"), "get", "stripe/api-key"], HOME)
}

/** The same by the SDK: the value, or what it throws. */
function getBySdk(): string {
  const program = `
    const { VaultError, openVault } = require("agent-vault")
    const ours = (error) => (VaultError.is(error) ? error.code : "raw " + error)
    openVault().then((vault) => vault.get("stripe/api-key"))
      .then((value) => value.reveal(), ours).then(console.log)`
  return asOther(["-e", program]).stdout.trim()
}

/** Where a program in the repository finds the package. */
function installed(): string {
  return join(machine.home, "node_modules/agent-vault")
}

function changes(): string {
  return join(machine.repo, ".git/agent-vault")
}

describe("an agent that runs as another user", () => {
  testUnless(noRoot, "reads after an owner changed the vault in the same checkout", () => {
    expect(get()).toMatchObject({ stdout: "v", stderr: "", status: 0 })
    expect(getBySdk()).toBe("v")
  })

  testUnless(noRoot, "is told what it may not see, where that decides", () => {
    for (const closed of [
      changes(),
      join(machine.repo, ".git"),
      join(machine.repo, ".agent-vault"),
    ]) {
      const { mode } = lstatSync(closed)
      chmodSync(closed, 0o700)
      const ran = get()
      expect(ran).toMatchObject({ stdout: "", status: 4 })
      expect(ran.stderr).toMatch(/^agent-vault: NO_ACCESS: cannot read \S+: permission denied\n/)
      expect(getBySdk()).toBe("NO_ACCESS")
      chmodSync(closed, mode)
    }
  })

  testUnless(
    noRoot,
    "makes a vault where the system has no name for them, as in a container",
    () => {
      const [PATH, bin] = [process.env["PATH"], join(installed(), "dist/cli/bin.cjs")]
      const [author, committer] = ["GIT_AUTHOR", "GIT_COMMITTER"].map((each) => {
        return { [`${each}_NAME`]: "ü", [`${each}_EMAIL`]: "u@example.com" }
      })
      const env = { PATH, HOME: home, ...author, ...committer }
      const options = { cwd: home, env, encoding: "utf8", uid: OTHER, gid: OTHER } as const
      spawnSync("git", ["init", "-q", "own"], options)
      const { stderr, status } = spawnSync(process.execPath, [bin, "init", "own"], options)
      expect(stderr).toContain("Its owner is owner.")
      expect(status).toBe(0)
    },
  )

  testUnless(noRoot, "sees that a change is half done, as its owner does", () => {
    const journal = join(changes(), "journal.json")
    cpSync(join(machine.repo, ".git/HEAD"), journal)
    expect(get().stderr).toContain("BUSY")
    rmSync(journal)
  })

  testUnless(noRoot, "learns which variable moves the folder for its state", () => {
    const ran = get(machine.repo)
    expect(ran).toMatchObject({ stdout: "", status: 4 })
    expect(ran.stderr).toContain("NO_ACCESS: cannot write")
    expect(ran.stderr).toContain("XDG_STATE_HOME")
  })

  testUnless(noRoot, "a folder that it cannot enter is no missing vault", () => {
    const inner = join(machine.repo, "inner")
    mkdirSync(inner, { mode: 0o700 })
    const ran = asOther([join(installed(), "dist/cli/bin.cjs"), "list", "--dir", join(inner, "x")])
    expect(ran.stderr).toContain("NO_ACCESS: cannot find")
    rmSync(inner, { recursive: true })
  })
})

test("lock and journal are for others to see, keys and state are not", async () => {
  const world = `${machine.home}/.config/agent-vault ${machine.home}/.local/state/agent-vault`
  const { stdout } = await machine.shell(`find ${world} -perm /077`)
  expect(stdout).toBe("")
  expect(lstatSync(join(machine.repo, ".git/agent-vault")).mode & 0o777).toBe(0o755)
})
