import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { PassThrough } from "node:stream"
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest"
import type { ElicitResult } from "@modelcontextprotocol/sdk/types.js"
import { compilePatterns, openVault, redactText, utc } from "../../src/core/index.js"
import { serve } from "../../src/mcp/serve.js"
import { type Machine, vaultMachine } from "../cli/machine.js"
import { Session, type Told } from "./session.js"

const VALUE = "canary-9f3bQxUe0aLmKp"
const AS_CI = ["--agent", "ci"]
const NAME = "stripe/api-key"

let template: Machine
let machine: Machine

beforeAll(async () => {
  template = await vaultMachine()
  await set(template)
})
beforeEach(() => {
  machine = template.copy()
})
afterEach(() => machine.remove())
afterAll(() => template.remove())

async function set(on: Machine, ...options: string[]): Promise<void> {
  const { code, stderr } = await on.call(["set", NAME, ...options], VALUE)
  if (code !== 0) throw new Error(stderr)
}

const chooses = (show: string): ElicitResult => ({ action: "accept", content: { show } })

/** The refusal that never dead-ends. */
function refusal(reason: string, message: RegExp | string = /./): object {
  return {
    error: {
      code: "REVEAL_REFUSED",
      reason,
      message: expect.stringMatching(message) as string,
      hint: expect.stringContaining("agent-vault run --agent ci -s stripe/api-key") as string,
    },
    use: {
      command: "agent-vault run --agent ci -s stripe/api-key -- <command>",
      env: "STRIPE_API_KEY",
    },
  }
}

const isShown = ({ isError, document }: Told): boolean => !isError && document["value"] === VALUE

describe("the person at the client", () => {
  test("is told what is asked, by whom, and as whom", async () => {
    await using session = await Session.open(machine, AS_CI, () => chooses("once"))
    await session.get(NAME)
    expect(session.questions).toEqual([
      expect.stringMatching(/stripe\/api-key.*"a client".*the agent ci/) as string,
    ])
  })

  test("who says once is asked again the next time", async () => {
    await using session = await Session.open(machine, AS_CI, () => chooses("once"))
    expect(isShown(await session.get(NAME))).toBe(true)
    expect(isShown(await session.get(NAME))).toBe(true)
    expect(session.questions).toHaveLength(2)
  })

  test("who says session is asked again only for a new value", async () => {
    await using session = await Session.open(machine, AS_CI, () => chooses("session"))
    for (let call = 0; call < 3; call += 1) expect(isShown(await session.get(NAME))).toBe(true)
    expect(session.questions).toHaveLength(1)
    await machine.call(["set", NAME], "another value")
    expect((await session.get(NAME)).document).toMatchObject({ value: "another value" })
    expect(session.questions).toHaveLength(2)
  })

  test("who says session is asked again for a secret that is removed and made anew", async () => {
    const name = "stripe/webhook"
    await using session = await Session.open(machine, AS_CI, () => chooses("session"))
    expect((await session.get(name)).document).toMatchObject({ version: 1 })
    machine.git("rm", "--quiet", `.agent-vault/secrets/${name}.*`)
    machine.git("commit", "--quiet", "-m", "remove it")
    const second = utc(new Date())
    await vi.waitUntil(() => utc(new Date()) !== second, { timeout: 300_000 })
    await machine.call(["set", name], "another value")
    expect((await session.get(name)).document).toMatchObject({ value: "another value", version: 1 })
    expect(session.questions).toHaveLength(2)
  })

  test("who says no is not asked again", async () => {
    await using session = await Session.open(machine, AS_CI, () => chooses("no"))
    for (let call = 0; call < 2; call += 1) {
      const { isError, document } = await session.get(NAME)
      expect([isError, document]).toEqual([true, refusal("no", /the person said no/)])
    }
    expect(session.questions).toHaveLength(1)
  })

  test("is asked once for thirty calls at once, and for each secret", async () => {
    await using session: Session = await Session.open(machine, AS_CI, async () => {
      // A call that is begun after all others, and of which nobody is asked: they all wait by then.
      await session.get("stripe/nope")
      return chooses("once")
    })
    const names = Array.from({ length: 30 }, (_, at) => (at % 2 === 0 ? NAME : "stripe/webhook"))
    const told = await Promise.all(names.map((name) => session.get(name)))
    expect(told.filter(({ isError }) => isError)).toEqual([])
    expect(told.map(({ document }) => document["name"])).toEqual(names)
    expect(session.questions).toHaveLength(2)
  })

  test("is asked where the vault's policy wants their word, and gets what it denies by no word", async () => {
    const rules = [
      { name: "granted", when: "true", effect: "allow" },
      { name: "a person", when: `door == "mcp" && secret.name == "${NAME}"`, effect: "confirm" },
      { name: "never", when: 'door == "mcp" && secret.name == "stripe/webhook"', effect: "deny" },
    ]
    writeFileSync(join(machine.repo, "rules.json"), JSON.stringify({ version: 1, rules }))
    expect(await machine.call(["policy", "set", "rules.json", "--yes"])).toMatchObject({ code: 0 })
    let answer = chooses("no")
    await using session = await Session.open(machine, [...AS_CI, "--reveal", "allow"], () => answer)
    expect((await session.get(NAME)).document).toMatchObject({ error: { reason: "no" } })
    expect(session.questions).toHaveLength(1)
    answer = chooses("once")
    await using other = await Session.open(machine, [...AS_CI, "--reveal", "allow"], () => answer)
    expect(isShown(await other.get(NAME))).toBe(true)
    expect((await other.get("stripe/webhook")).document).toMatchObject({
      error: { code: "POLICY_REFUSED" },
    })
    expect(other.questions).toHaveLength(1)
  })

  test("is not asked for what may not be read, or does not exist", async () => {
    await using session = await Session.open(machine, AS_CI, () => chooses("session"))
    expect((await session.get("db/password")).document).toMatchObject({
      error: { code: "NOT_GRANTED" },
    })
    expect((await session.get("stripe/nope")).document).toMatchObject({
      error: { code: "SECRET_NOT_FOUND" },
    })
    expect(session.questions).toEqual([])
  })

  test("who agrees to what was revoked meanwhile shows nothing", async () => {
    await using session = await Session.open(machine, AS_CI, async () => {
      await machine.call(["revoke", "ci", "stripe"])
      return chooses("session")
    })
    expect((await session.get(NAME)).document).toMatchObject({ error: { code: "NOT_GRANTED" } })
  })

  test("who agrees to what became stricter meanwhile shows nothing", async () => {
    await using session = await Session.open(machine, AS_CI, async () => {
      await set(machine, "--reveal", "never")
      return chooses("session")
    })
    expect((await session.get(NAME)).document).toEqual(refusal("policy", /signed record/))
  })
})

describe("no answer of a person", () => {
  const cases: readonly [string, () => ElicitResult, string, RegExp][] = [
    ["a decline", () => ({ action: "decline" }), "decline", /client answered .* decline$/],
    ["a cancel", () => ({ action: "cancel" }), "cancel", /client answered .* cancel$/],
    ["no choice", () => ({ action: "accept" }), "failed", /made no choice/],
    ["another choice", () => chooses("always"), "failed", /made no choice/],
    ["an inherited choice", () => chooses("toString"), "failed", /made no choice/],
  ]
  test.each(cases)("%s refuses in its own words, and may be asked again", async (...row) => {
    const [, answer, reason, message] = row
    await using session = await Session.open(machine, AS_CI, answer)
    expect((await session.get(NAME)).document).toEqual(refusal(reason, message))
    await session.get(NAME)
    expect(session.questions).toHaveLength(2)
  })

  test("an error of the client is quoted, without values that were shown, and escaped", async () => {
    let isFirst = true
    await using session = await Session.open(machine, AS_CI, () => {
      if (!isFirst) throw new Error(`no window\u{202e} for ${VALUE}`)
      isFirst = false
      return chooses("once")
    })
    expect(isShown(await session.get(NAME))).toBe(true)
    const { document } = await session.get(NAME)
    const words = "stripe/api-key is not shown: the client could not ask its person: "
    expect(document["error"]).toMatchObject({
      reason: "failed",
      message: `${words}no window\\u{202e} for [REDACTED stripe/api-key]`,
    })
  })

  test("a client that cannot ask is told so", async () => {
    await using session = await Session.open(machine, AS_CI)
    expect((await session.get(NAME)).document).toEqual(refusal("unsupported", /cannot ask/))
  })

  test("a policy of never asks nobody", async () => {
    await set(machine, "--reveal", "never")
    await using session = await Session.open(machine, AS_CI, () => chooses("session"))
    expect((await session.get(NAME)).document).toEqual(refusal("policy", /its signed record/))
    await using strict = await Session.open(machine, [...AS_CI, "--reveal", "never"], () =>
      chooses("session"),
    )
    expect((await strict.get("stripe/webhook")).document).toMatchObject({
      error: { reason: "policy", message: expect.stringMatching(/--reveal/) as string },
    })
    expect([...session.questions, ...strict.questions]).toEqual([])
  })

  test("a question that nobody answers is taken back", async () => {
    const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()]
    const done = serve({
      vault: () => openVault({ dir: machine.repo, agent: "ci", env: machine.env }),
      reveal: "confirm",
      blind: false,
      sender: () => () => Promise.reject(new Error("nothing is sent here")),
      noteRefused: () => Promise.resolve(),
      wishes: {
        access: () => Promise.reject(new Error("nothing is asked for here")),
        secret: () => Promise.reject(new Error("nothing is asked for here")),
      },
      auditLines: () => Promise.resolve([]),
      runLine: () => ({ line: "agent-vault run --agent ci", needs: [] }),
      version: "1",
      stdin,
      stdout,
      stderr,
      patience: 100,
    })
    const lines: Record<string, unknown>[] = []
    stdout.setEncoding("utf8").on("data", (text: string) => {
      for (const line of text.trimEnd().split("\n")) {
        lines.push(JSON.parse(line) as Record<string, unknown>)
      }
    })
    const initialize = {
      protocolVersion: "2025-06-18",
      capabilities: { elicitation: {} },
      clientInfo: { name: "silent", version: "1" },
    }
    const call = { name: "get_secret", arguments: { name: NAME } }
    stdin.write(
      `${JSON.stringify({ jsonrpc: "2.0", id: 1, method: "initialize", params: initialize })}\n`,
    )
    stdin.write(
      `${JSON.stringify({ jsonrpc: "2.0", id: 2, method: "tools/call", params: call })}\n`,
    )
    await expect
      .poll(() => lines.find(({ id, method }) => id === 2 && method === undefined))
      .toMatchObject({
        result: { structuredContent: refusal("timeout", /nobody answered/) },
      })
    const asked = lines.find(({ method }) => method === "elicitation/create")
    expect(lines.find(({ method }) => method === "notifications/cancelled")).toMatchObject({
      params: { requestId: asked?.["id"] },
    })
    stdin.end()
    await done
  })
})

test("a value that was not shown is nowhere, in no form", async () => {
  await using refused = await Session.open(machine, AS_CI, () => ({ action: "decline" }))
  await using never = await Session.open(machine, [...AS_CI, "--reveal", "never"])
  const said: string[] = []
  for (const session of [refused, never]) {
    for (const tool of ["list_secrets", "describe_access"]) {
      said.push(JSON.stringify(await session.call(tool)))
    }
    said.push(
      JSON.stringify(await session.get(NAME)),
      JSON.stringify(await session.get("db/password")),
    )
    said.push(JSON.stringify(await session.client.listTools()), session.stderr)
  }
  const all = [...said, ...refused.questions].join("\n")
  const patterns = compilePatterns([{ name: NAME, value: Buffer.from(VALUE) }])
  expect(redactText(patterns, all)).toBe(all)
  // The search finds what is there.
  await using open = await Session.open(machine, [...AS_CI, "--reveal", "allow"])
  const shown = JSON.stringify(await open.get(NAME))
  expect(redactText(patterns, shown)).not.toBe(shown)
})
