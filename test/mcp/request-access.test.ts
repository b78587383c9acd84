import { execFileSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest"
import { type Machine, vaultMachine } from "../cli/machine.js"
import { done, valuesIn } from "./service.js"
import { Session, type Told } from "./session.js"

const PASSWORD = ["not", "a", "real", "password", "Wq63tB9xLm"].join("-")
const KEY = ["not", "a", "real", "key", "Zk41vQ8mB2"].join("-")
const VALUES = { "db/password": PASSWORD, "stripe/api-key": KEY }
const BRANCH = "agent-vault/request/access/ci/db"
const AS_CI = ["--agent", "ci"]

interface Planned {
  readonly plan: { readonly id: string }
}

let template: Machine
/** The owner's machine, and the one that the agent works on: a clone each. */
let owner: Machine
let agent: Machine
let session: Session

beforeAll(async () => {
  template = await vaultMachine()
  await done(template, ["set", "db/password"], PASSWORD)
  await done(template, ["set", "stripe/api-key"], KEY)
})
beforeEach(async () => {
  owner = template.copy()
  agent = template.copy()
  const remote = join(owner.home, "remote.git")
  owner.git("clone", "--quiet", "--bare", owner.repo, remote)
  for (const each of [owner, agent]) {
    each.git("remote", "add", "origin", remote)
    each.git("fetch", "--quiet", "origin")
    each.git("branch", "--quiet", "--set-upstream-to=origin/main")
  }
  execFileSync("find", [join(agent.home, ".config"), "-name", "owner.key", "-delete"])
  session = await Session.open(agent, AS_CI)
})
afterEach(async () => {
  await session.client.close()
  owner.remove()
  agent.remove()
  expect(valuesIn(session.messages.join("\n"), VALUES)).toEqual([])
})
afterAll(() => template.remove())

function ask(args: Record<string, unknown> = {}): Promise<Told> {
  const given = { groups: ["db"], why: "the nightly report reads the orders", ...args }
  return session.call("request_access", given)
}

describe("access that a model asks for", () => {
  test("is on a branch that an owner merges and applies in another clone", async () => {
    const denied = await session.call("http_request", {
      url: "https://api.example.com/",
      headers: ["x-key: {{db/password}}"],
    })
    expect(denied.document).toMatchObject({
      error: {
        code: "NOT_GRANTED",
        hint: "ask an owner: agent-vault grant ci db; request_access asks for it",
      },
    })
    const { isError, document } = await ask({ push: true })
    expect([isError, document]).toEqual([
      false,
      {
        is: "asked",
        granted: [],
        asked: ["db"],
        branch: BRANCH,
        at: expect.any(String) as string,
        pushed: true,
        owner: ["git fetch origin", `git merge origin/${BRANCH}`, "agent-vault apply"],
        note: expect.stringContaining("agent-vault grant ci db") as string,
        next: expect.stringContaining("describe_access") as string,
      },
    ])
    for (const line of (document["owner"] as string[]).slice(0, 2)) {
      const { code, stderr } = await owner.shell(line)
      expect(code, `${line}: ${stderr}`).toBe(0)
    }
    // Without a terminal, apply wants the plan that was looked at.
    const { plan } = JSON.parse(await done(owner, ["apply", "--dry-run", "--json"])) as Planned
    await done(owner, ["apply", "--yes", "--plan", plan.id])
    owner.git("push", "--quiet", "origin", "main")
    agent.git("pull", "--quiet", "--ff-only")
    const { document: now } = await session.call("list_secrets", { group: "db" })
    expect(now["secrets"]).toMatchObject([{ name: "db/password", readable: true }])
    expect((await ask()).document).toMatchObject({ is: "granted", granted: ["db"], asked: [] })
  })

  test("widens nothing by itself: to readers, check and status it is a wish", async () => {
    const statusOf = async (): Promise<Record<string, unknown>> =>
      JSON.parse(await done(agent, ["status", "--json", ...AS_CI])) as Record<string, unknown>
    const told = async () => [
      await done(agent, ["check"]),
      { ...(await statusOf()), requests: undefined },
      (await session.call("describe_access")).document,
    ]
    const before = await told()
    expect((await ask()).document).toMatchObject({ is: "asked", pushed: false })
    expect(await told()).toEqual(before)
    // What it says of it: that it waits.
    expect(await statusOf()).toMatchObject({ requests: [{ branch: BRANCH }] })
    agent.git("switch", "--quiet", BRANCH)
    // Checked out, it is in the manifest, and as pending as if a person had written it there.
    expect((await agent.call(["get", "db/password", ...AS_CI])).code).toBe(4)
    const { stdout } = await agent.call(["status", "--json"])
    expect(stdout).toContain('"code": "PENDING"')
    expect((await session.call("describe_access")).document).toMatchObject({
      closed: [{ group: "db" }],
    })
    expect((await ask()).document).toMatchObject({ is: "pending", owner: ["agent-vault apply"] })
  })

  test("is asked for once, and a branch that is here alone says how to share it", async () => {
    const first = await ask()
    expect(first.document).toMatchObject({
      is: "asked",
      owner: [`git merge ${BRANCH}`, "agent-vault apply"],
      note: expect.stringContaining(`git push origin ${BRANCH}`) as string,
    })
    const again = await ask({ why: "as I said" })
    expect(again.document).toEqual({ ...first.document, is: "asked-already" })
    const later = await ask({ until: "30d" })
    expect(later.document).toMatchObject({ is: "asked" })
    expect((await ask({ until: "30d" })).document["is"]).toMatch(/^asked/)
  })

  test("names the groups that there are, where one is unknown", async () => {
    expect((await ask({ groups: ["dbs"] })).document).toMatchObject({
      error: { code: "GROUP_NOT_FOUND", hint: "did you mean db? there is db, stripe" },
    })
    expect((await ask({ groups: "stripe" })).document).toMatchObject({ is: "granted" })
  })

  test("takes a reason in one line, and none that holds a value", async () => {
    expect((await ask({ why: " \n " })).document).toMatchObject({ error: { code: "USAGE" } })
    const key = Buffer.from(KEY).toString("base64")
    const refused = await session.call("request_access", { groups: ["db"], why: `by ${key}` })
    // What the test itself sent is no leak.
    session.messages.splice(0, session.messages.length, JSON.stringify(refused))
    expect(refused.document).toMatchObject({
      error: { code: "USAGE", message: "the reason holds the value of stripe/api-key" },
    })
    expect(agent.git("branch", "--list", "agent-vault/*")).toBe("")
    await ask({ why: "two\nlines \u{202e}turned" })
    const manifest = agent.git("show", `${BRANCH}:.agent-vault/manifest.yaml`)
    expect(manifest).toMatch(/reason: .*two lines \\+u\{202e\}turned/)
    expect(manifest).not.toContain("\u{202e}")
    expect(readFileSync(join(agent.repo, ".agent-vault/manifest.yaml"), "utf8")).not.toContain(
      "two",
    )
  })
})
