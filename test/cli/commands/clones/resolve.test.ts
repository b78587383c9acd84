import { afterAll, beforeAll, expect, test } from "vitest"
import { Machine } from "../../machine.js"

let machine: Machine

beforeAll(() => {
  machine = new Machine()
})
afterAll(() => machine.remove())

/** Another machine of the same owner: it has the owner's key, and neither the state nor ci's key. */
const ELSEWHERE = [
  'mkdir -p "$HOME/elsewhere" && cp -R "$HOME/.config" "$HOME/elsewhere/"',
  'export XDG_CONFIG_HOME="$HOME/elsewhere/.config" XDG_STATE_HOME="$HOME/elsewhere/state"',
].join(" && ")

async function shell(line: string): Promise<string> {
  const { code, stdout, stderr } = await machine.shell(line)
  expect(code, stderr).toBe(0)
  return stdout + stderr
}

test("what becomes of the key file on this machine is said, whichever key is chosen", async () => {
  await shell("agent-vault init --name alice && agent-vault agent add ci")
  await shell("git branch other && agent-vault agent rekey ci")
  await shell(`${ELSEWHERE} && git switch -q other && agent-vault agent rekey ci`)
  await machine.shell("git switch -q main && git merge -q other")

  const ours = await shell("agent-vault resolve ci --ours --dry-run")
  expect(ours).toMatch(/ci keeps the key that is in .*\/ci\.key\.\n/)
  expect(ours).toContain("with the other one, after the merge: agent-vault agent recover ci")
  const elsewhere =
    await shell(`${ELSEWHERE} && rm "$XDG_CONFIG_HOME"/agent-vault/*/agents/ci.key &&
    agent-vault resolve ci --theirs --dry-run`)
  expect(elsewhere).toMatch(/ci keeps one of its two keys; neither is in .*\/ci\.key\.\n/)

  const theirs = await shell("agent-vault resolve ci --theirs")
  expect(theirs).toMatch(/ci does not keep the key that is in .*\/ci\.key: it opens nothing/)
  expect(theirs).toContain("Then put the other one there: agent-vault agent recover ci")
  await shell("git commit -q --no-edit && agent-vault agent recover ci")
  const { stdout } = await machine.call(["status", "--agent", "ci", "--json"])
  expect(JSON.parse(stdout)).toMatchObject({ identity: { role: "agent", name: "ci" } })
})
