import { readFileSync, readdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest"
import { Machine, type Ran } from "../../machine.js"

let template: Machine
let machine: Machine
const machines: Machine[] = []

beforeAll(async () => {
  template = new Machine()
  machines.push(template)
  const made = await template.shell(
    "agent-vault init --name alice && agent-vault agent add ci && git clone -q --bare . ../origin.git",
  )
  expect(made.code, made.stderr).toBe(0)
})
beforeEach(async () => {
  machine = template.copy()
  machines.push(machine)
  const remote = "git remote add origin ../origin.git && agent-vault set db/one --generate"
  const ahead = "git push -q -u origin main && git reset -q --hard HEAD~1"
  const set = await machine.shell(`${remote} && ${ahead}`)
  expect(set.code, set.stderr).toBe(0)
})
afterAll(() => machines.forEach((each) => each.remove()))

/** As on another machine of the owner: the key's copy is there, and nothing is remembered. */
function elsewhere(line: string): Promise<Ran> {
  return machine.shell(`export XDG_STATE_HOME="$HOME/elsewhere"; ${line}`)
}

function ownerKey(): string {
  const home = join(machine.home, ".config/agent-vault")
  return join(home, readdirSync(home)[0] ?? "", "owner.key")
}

describe("where nothing but a copied owner's key says whom to trust", () => {
  test("sync and trust --rewind trust whom it names, as set does", async () => {
    for (const line of ["sync", "trust --rewind"]) {
      const { code, stderr } = await elsewhere(`agent-vault ${line}`)
      expect(code, `${line}: ${stderr}`).toBe(0)
    }
  })

  test("another signer in it is refused, and so is a machine without it", async () => {
    const key = readFileSync(ownerKey(), "utf8")
    const signer = `ed25519:${"A".repeat(43)}`
    writeFileSync(ownerKey(), key.replace(/^# trust: .*$/m, `# trust: ${signer}`))
    for (const line of ["sync", "trust --rewind"]) {
      const { code, stderr } = await elsewhere(`agent-vault ${line}`)
      expect(code, line).toBe(4)
      expect(stderr, line).toMatch(/UNTRUSTED: the key file trusts ed25519:A/)
    }
    const gone = await elsewhere(`rm "${ownerKey()}" && agent-vault sync`)
    expect(gone.stderr).toContain("UNTRUSTED: nothing says whom to trust")
  })
})

test("what is older than the user's own floor is not called set back by a commit here", async () => {
  const line = `agent-vault sync && agent-vault set db/two`
  expect((await machine.shell(line, { stdin: "v" })).code).toBe(0)
  const refused = await machine.shell("AGENT_VAULT_MIN_SERIAL=99 agent-vault sync")
  expect(refused.stderr).toContain("ROLLED_BACK: vault.json has the serial")
  expect(refused.stderr).toContain("or correct AGENT_VAULT_MIN_SERIAL")
})

test("what the remote has and a commit here set back is not pushed, until somebody decides", async () => {
  const line = `agent-vault sync && agent-vault set db/two && agent-vault grant ci db &&
    agent-vault sync && git revert --no-edit HEAD`
  const made = await machine.shell(line, { stdin: "v" })
  expect(made.code, made.stderr).toBe(0)
  const published = machine.git("rev-parse", "origin/main")
  const refused = await machine.shell("agent-vault sync")
  expect(refused.stderr).toMatch(/ROLLED_BACK: groups\/db.json was set back: .*was published\n/)
  expect(refused.stderr).toContain("take back the commit that did it, with git revert")
  expect(machine.git("--git-dir", "../origin.git", "rev-parse", "main")).toBe(published)
  const meant = machine.copy()
  machines.push(meant)
  for (const each of [machine, meant]) {
    const decide = each === meant ? "agent-vault trust --rewind --yes" : "git revert --no-edit HEAD"
    const { code, stderr } = await each.shell(`${decide} && agent-vault sync`)
    expect(code, stderr).toBe(0)
    expect(each.git("--git-dir", "../origin.git", "rev-parse", "main")).not.toBe(published)
  }
})

test("what is undone here before anybody had it is pushed", async () => {
  const undone = "agent-vault grant ci db && git reset -q --hard HEAD~1"
  const line = `agent-vault sync && ${undone} && agent-vault set db/two --generate && agent-vault sync`
  const { code, stderr } = await machine.shell(line)
  expect(code, stderr).toBe(0)
  expect(stderr).toContain("Pushed to origin/main.")
})
