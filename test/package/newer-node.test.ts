import { mkdirSync, symlinkSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterEach, beforeEach, describe, expect } from "vitest"
import { newerNodes, nodeClients } from "../../scripts/broker-clients.mjs"
import { type Machine, vaultMachine } from "../cli/machine.js"
import { testUnless } from "../needs.js"

// The command and the library as they are built, by Nodes that are newer than the one of the tests:
// what they print, and no warning.

const library = fileURLToPath(new URL("../../dist/lib/npm.cjs", import.meta.url))
const found = await nodeClients()
const lack = "missing" in found ? found.missing : undefined
let machine: Machine

beforeEach(async () => {
  machine = await vaultMachine()
})
afterEach(() => machine.remove())

describe.each(Object.entries(newerNodes))("Node %s", (version, path) => {
  /** Runs a line in which `node`, and so `agent-vault`, is this Node. */
  const shell = (line: string) => {
    const folder = join(machine.home, "node")
    mkdirSync(folder, { recursive: true })
    if (!("missing" in found)) symlinkSync(join(found.path, path), join(folder, "node"))
    return machine.shell(`PATH='${folder}':$PATH; ${line}`)
  }

  testUnless(lack, "an owner grants and revokes, an agent reads", async () => {
    const lines = [
      "node --version",
      "printf a-fake-value | agent-vault set stripe/api-key 2>/dev/null",
      "agent-vault get stripe/api-key --agent ci && echo",
      "agent-vault run --agent ci -s stripe/api-key -- sh -c 'echo $STRIPE_API_KEY'",
      "agent-vault grant deploy db 2>&1 | grep -v commit",
      "agent-vault get db/password --agent deploy && echo",
      "agent-vault revoke deploy db >/dev/null 2>&1",
      "agent-vault get db/password --agent deploy 2>&1 | head -n 1",
      "agent-vault check 2>&1",
    ]
    const { stdout, stderr } = await shell(lines.join("\n"))
    expect(stderr).toBe("")
    expect(stdout).toMatch(new RegExp(`^v${version}\\.`))
    expect(
      stdout
        .replaceAll(/\d{4}-\d\d-\S+Z/g, "TIME")
        .split("\n")
        .slice(1),
    ).toEqual([
      "a-fake-value",
      "[REDACTED stripe/api-key]",
      "db",
      "  + deploy gains access",
      "Next: agent-vault get db/password --agent deploy",
      "x",
      "agent-vault: NOT_GRANTED: deploy may not open db (revoked on TIME)",
      "attention  EXPOSED  db/password: could be read by deploy, until TIME",
      "    make a new value at its source, then: agent-vault set db/password",
      "Checked 3 secrets, 2 groups, 2 agents: 1 finding.",
      "",
    ])
  })

  testUnless(lack, "a program opens the vault", async () => {
    const program = `
      const { openVault } = require(${JSON.stringify(library)})
      openVault({ dir: ".", agent: "ci" }).then(async (vault) => {
        console.log(String(await vault.get("stripe/api-key")), (await vault.get("stripe/api-key")).reveal())
        await vault.close()
      })`
    const { stdout, stderr } = await shell(`node -e '${program}'`)
    expect({ stdout, stderr }).toEqual({
      stdout: "[secret stripe/api-key: use .reveal()] v\n",
      stderr: "",
    })
  })
})
