import { readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest"
import { type SecretRecord, encodeRecord, signRecord } from "../../src/core/records/record.js"
import { signingKey } from "../../src/core/records/signature.js"
import { type Machine, vaultMachine } from "../cli/machine.js"
import { Session } from "./session.js"

/** Long enough to be redacted. */
const VALUE = "canary-4eC39HqLyjWDarjtT1zdp7dc"

let template: Machine
let machine: Machine

beforeAll(async () => {
  template = await vaultMachine()
  await run(template, ["set", "stripe/api-key", "--description", "live key"], VALUE)
  await run(template, ["set", "stripe/webhook", "--env", "HOOK", "--reveal", "never"], "w-w-w-w")
})
beforeEach(() => {
  machine = template.copy()
})
afterEach(() => machine.remove())
afterAll(() => template.remove())

async function run(on: Machine, argv: readonly string[], stdin: string | Uint8Array = "") {
  const { code, stderr } = await on.call(argv, stdin)
  if (code !== 0) throw new Error(stderr)
}

const AS_CI = ["--agent", "ci"]
const USE = {
  command: "agent-vault run --agent ci -s stripe/api-key -- <command>",
  env: "STRIPE_API_KEY",
}

describe("the tools", () => {
  test("tell a model where a secret may go that it does not hold", async () => {
    const rule = ["--host", "api.example.com", "--method", "GET", "--path", "/v1/**"]
    await run(machine, ["use", "stripe/api-key", ...rule, "--at", "header:x-key", "--yes"])
    await using session = await Session.open(machine, AS_CI)
    const { document } = await session.call("list_secrets", { group: "stripe" })
    expect(document["secrets"]).toMatchObject([
      {
        name: "stripe/api-key",
        goes: ["GET api.example.com /v1/** as raw in header:x-key"],
        use: USE,
      },
      expect.not.objectContaining({ goes: expect.anything() as unknown }),
    ])
  })

  test("tell a model what is due, and what an owner rotates it with", async () => {
    await run(machine, ["rotation", "-s", "stripe/api-key", "--", "roll"])
    await run(machine, ["set", "stripe/webhook", "--expires", "9d"], "x-x-x-x")
    await run(machine, ["agent", "add", "old"])
    await run(machine, ["grant", "old", "db"])
    await run(machine, ["revoke", "old", "db"])
    await using session = await Session.open(machine, AS_CI)
    const { document } = await session.call("list_secrets")
    expect(document["secrets"]).toMatchObject([
      { name: "db/password", due: ["exposed"] },
      { name: "stripe/api-key", rotate: "agent-vault rotate stripe/api-key" },
      { name: "stripe/webhook", due: ["expiring"] },
    ])
    expect(JSON.stringify(document)).not.toContain("roll")
  })

  test("list names and metadata, and how each secret is used unseen", async () => {
    await using session = await Session.open(machine, AS_CI)
    const { isError, document } = await session.call("list_secrets")
    expect(isError).toBe(false)
    expect(document).toEqual({
      secrets: [
        {
          name: "db/password",
          version: 1,
          env: "DB_PASSWORD",
          reveal: "confirm",
          readable: false,
          ask: "agent-vault grant ci db",
        },
        {
          name: "stripe/api-key",
          version: 2,
          description: "live key",
          env: "STRIPE_API_KEY",
          reveal: "confirm",
          readable: true,
          use: USE,
        },
        {
          name: "stripe/webhook",
          version: 2,
          env: "HOOK",
          reveal: "never",
          readable: true,
          use: {
            command: "agent-vault run --agent ci -s stripe/webhook -- <command>",
            env: "HOOK",
          },
        },
      ],
    })
    const { document: some } = await session.call("list_secrets", { group: "stripe" })
    expect((some["secrets"] as unknown[]).length).toBe(2)
    expect((await session.call("list_secrets", { group: "nope" })).document).toMatchObject({
      error: { code: "GROUP_NOT_FOUND" },
    })
  })

  test("say what may be read, until when, and what to ask for", async () => {
    await run(machine, ["grant", "deploy", "stripe", "--until", "2099-01-01"])
    await using session = await Session.open(machine, ["--agent", "deploy"])
    expect((await session.call("describe_access")).document).toMatchObject({
      agent: "deploy",
      groups: [{ group: "stripe", until: "2099-01-01T00:00:00Z", secrets: 2 }],
      closed: [{ group: "db", ask: "agent-vault grant deploy db" }],
    })
  })

  test("say that a policy decides as well, where there is one", async () => {
    await using session = await Session.open(machine, AS_CI)
    for (const tool of ["list_secrets", "describe_access"]) {
      expect((await session.call(tool)).document).not.toHaveProperty("policy")
    }
    const { stdout } = await machine.call(["policy", "show", "--example"])
    writeFileSync(join(machine.repo, "rules.yaml"), stdout)
    await run(machine, ["policy", "set", "rules.yaml", "--yes"])
    for (const tool of ["list_secrets", "describe_access"]) {
      expect((await session.call(tool)).document).toMatchObject({
        policy: expect.stringMatching(/POLICY_REFUSED.*explain GROUP\/NAME --agent ci$/) as string,
      })
    }
  })

  test("are marked as reading only, where they are; --blind leaves out the one that shows values", async () => {
    await using session = await Session.open(machine, [...AS_CI, "--allow-run"])
    await using blind = await Session.open(machine, [...AS_CI, "--allow-run", "--blind"])
    const { tools } = await session.client.listTools()
    const names = tools.map(({ name }) => name)
    expect(names).toEqual([
      "list_secrets",
      "http_request",
      "run_command",
      "get_secret",
      "describe_access",
      "request_secret",
      "request_access",
      "audit_log",
    ])
    for (const { name, annotations, outputSchema } of tools) {
      const changes = ["http_request", "run_command"].includes(name) || name.startsWith("request_")
      expect(annotations).toMatchObject({ readOnlyHint: !changes, destructiveHint: changes })
      expect(outputSchema?.type).toBe("object")
    }
    const { tools: few } = await blind.client.listTools()
    expect(few.map(({ name }) => name)).toEqual(names.filter((name) => name !== "get_secret"))
    await expect(blind.get("stripe/api-key")).rejects.toMatchObject({ code: -32602 })
  })

  // OpenAI's strict mode makes every argument required, so a model must send something for each.
  test.each([null, ""])("take %j for what a model leaves out", async (nothing) => {
    await using session = await Session.open(machine, [...AS_CI, "--allow-run"])
    const { tools } = await session.client.listTools()
    for (const { name, inputSchema } of tools) {
      const { required = [], properties = {} } = inputSchema
      const needed = Object.fromEntries(required.map((each) => [each, "stripe/webhook"]))
      const optional = Object.keys(properties).filter((each) => !required.includes(each))
      const strict = Object.fromEntries(optional.map((each) => [each, nothing]))
      const short = await session.call(name, needed)
      expect(await session.call(name, { ...needed, ...strict })).toEqual(short)
    }
    const { isError, document } = await session.call("list_secrets", {
      group: "stripe",
      after: nothing,
    })
    expect([isError, document["secrets"]]).toEqual([false, expect.objectContaining({ length: 2 })])
  })

  test("have schemas that OpenAI's strict mode takes", async () => {
    await using session = await Session.open(machine, [...AS_CI, "--allow-run"])
    const { tools } = await session.client.listTools()
    for (const { inputSchema } of tools) {
      expect(inputSchema["additionalProperties"]).toBe(false)
      for (const property of Object.values(inputSchema.properties ?? {})) {
        const { items, ...others } = property as { items?: object }
        expect(Object.keys(others).toSorted()).toEqual(["description", "type"])
        expect(items ?? { type: "string" }).toEqual({ type: "string" })
      }
    }
  })

  test("answer wrong arguments so that a model can mend them", async () => {
    await using session = await Session.open(machine, AS_CI)
    const wrong: [string, Record<string, unknown>, RegExp][] = [
      ["get_secret", {}, /needs the argument name/],
      ["get_secret", { name: null }, /needs the argument name/],
      ["list_secrets", { group: 7 }, /group of list_secrets is a text/],
      ["describe_access", { x: null }, /takes method, url/],
      ["get_secret", { name: 7 }, /name of get_secret is a text/],
      ["get_secret", { name: "stripe/api-key", why: "x" }, /get_secret takes name/],
      ["describe_access", { x: "y" }, /takes method, url/],
    ]
    for (const [tool, args, message] of wrong) {
      const { isError, document } = await session.call(tool, args)
      expect(isError).toBe(true)
      expect(document).toMatchObject({
        error: { code: "USAGE", message: expect.stringMatching(message) as string },
      })
    }
    expect((await session.get("a/../b")).document).toMatchObject({
      error: { code: "NAME_INVALID" },
    })
  })
})

describe("a value", () => {
  test("is shown where it is allowed, as text or in base64, and the audit notes it", async () => {
    await run(machine, ["set", "stripe/binary"], Uint8Array.of(0xff, 0, 0x80))
    await run(machine, ["set", "stripe/odd"], "\u{feff}a\u{202e}b\0c")
    await using session = await Session.open(machine, [...AS_CI, "--reveal", "allow"])
    expect(await session.get("stripe/api-key")).toEqual({
      isError: false,
      document: { name: "stripe/api-key", version: 2, value: VALUE, encoding: "utf-8" },
    })
    expect((await session.get("stripe/binary")).document).toMatchObject({
      value: "/wCA",
      encoding: "base64",
    })
    const odd = (await session.get("stripe/odd")).document
    expect(odd).toMatchObject({ value: "\u{feff}a\u{202e}b\0c", encoding: "utf-8" })
    const lines = audit(machine)
    expect(lines.flatMap(({ secrets }) => secrets)).toMatchObject([
      { name: "stripe/api-key", version: 2 },
      { name: "stripe/binary" },
      { name: "stripe/odd" },
    ])
    expect(lines[0]).toMatchObject({ door: "mcp", agent: "ci", program: "a client" })
  })

  test("too large for a conversation is not shown", async () => {
    await run(machine, ["set", "stripe/large"], "x".repeat(300_000))
    await using session = await Session.open(machine, [...AS_CI, "--reveal", "allow"])
    expect((await session.get("stripe/large")).document).toMatchObject({
      error: { code: "VALUE_TOO_LARGE" },
    })
  })

  test.each([
    ["never", "allow", "never"],
    ["never", "confirm", "never"],
    ["confirm", "allow", "confirm"],
    ["confirm", "never", "never"],
    ["allow", "allow", "allow"],
    ["allow", "confirm", "confirm"],
    ["allow", "never", "never"],
  ])("of policy %s on a server of %s has %s: the stricter one", async (own, server, effective) => {
    await run(machine, ["set", "stripe/x", "--reveal", own], VALUE)
    await using session = await Session.open(machine, [...AS_CI, "--reveal", server])
    const { document } = await session.call("list_secrets", { group: "stripe" })
    expect(document["secrets"]).toContainEqual(
      expect.objectContaining({ name: "stripe/x", reveal: effective }),
    )
    const got = await session.get("stripe/x")
    expect(got.isError).toBe(effective !== "allow")
    expect(JSON.stringify(got).includes(VALUE)).toBe(effective === "allow")
  })
})

describe("what is wrong is an answer", () => {
  test("access that was never given, or was taken away while the server runs", async () => {
    await using session = await Session.open(machine, [...AS_CI, "--reveal", "allow"])
    expect(await session.get("db/password")).toEqual({
      isError: true,
      document: {
        error: {
          code: "NOT_GRANTED",
          message: "ci may not open db",
          hint: "ask an owner: agent-vault grant ci db; request_access asks for it",
        },
      },
    })
    expect((await session.get("stripe/nope")).document).toMatchObject({
      error: { code: "SECRET_NOT_FOUND" },
    })
    expect((await session.get("stripe/api-key")).isError).toBe(false)
    await run(machine, ["revoke", "ci", "stripe"])
    expect((await session.get("stripe/api-key")).document).toMatchObject({
      error: { code: "NOT_GRANTED" },
    })
  })

  test("a key or a vault that is missing; when it is there, the next call works", async () => {
    const keys = join(machine.home, ".config", "agent-vault")
    const [vault = ""] = readdirSync(keys)
    rmSync(join(keys, vault, "agents", "ci.key"))
    await using session = await Session.open(machine, AS_CI)
    expect((await session.call("list_secrets")).document).toMatchObject({
      error: { code: "KEY_NOT_FOUND" },
    })
    await run(machine, ["agent", "recover", "ci"])
    expect((await session.call("list_secrets")).isError).toBe(false)
    await using elsewhere = await Session.open(machine, [...AS_CI, "--dir", machine.home])
    expect((await elsewhere.call("describe_access")).document).toMatchObject({
      error: { code: "NO_VAULT" },
    })
    await using nobody = await Session.open(machine, [])
    const { document } = await nobody.call("list_secrets")
    const hint = "say which agent: --agent ci (in the SDK: agent)"
    expect(document).toMatchObject({ error: { code: "NO_IDENTITY", hint } })
  })

  test("the owner's key is refused, however it is given", async () => {
    const keys = join(machine.home, ".config", "agent-vault")
    const owner = join(keys, readdirSync(keys)[0] ?? "", "owner.key")
    await using session = await Session.open(machine, ["--identity", owner, "--reveal", "allow"])
    for (const tool of ["list_secrets", "describe_access"]) {
      expect((await session.call(tool)).document).toMatchObject({
        error: { code: "OWNER_KEY_UNASKED" },
      })
    }
    expect((await session.get("stripe/api-key")).document).toMatchObject({
      error: { code: "OWNER_KEY_UNASKED" },
    })
  })

  test("the command line names the vault and the key file that a shell elsewhere needs", async () => {
    const keys = join(machine.home, ".config", "agent-vault")
    const key = join(keys, readdirSync(keys)[0] ?? "", "agents", "ci.key")
    const { home, env } = machine
    const at = { home, env, repo: home }
    await using session = await Session.open(at, ["--identity", key, "--dir", machine.repo])
    const { document } = await session.call("list_secrets", { group: "stripe" })
    expect(document["secrets"]).toContainEqual(
      expect.objectContaining({
        use: {
          command: `agent-vault run --identity ${key} --dir ${machine.repo} -s stripe/api-key -- <command>`,
          env: "STRIPE_API_KEY",
        },
      }),
    )
  })
})

describe("text from elsewhere", () => {
  test("comes escaped, and without the values that were shown", async () => {
    const description = `see ${VALUE}, \u{202e}gnp`
    await run(machine, ["set", "stripe/other", "--description", description], "o-o-o-o-o")
    await using session = await Session.open(machine, [...AS_CI, "--reveal", "allow"])
    const told = async () => {
      const { document } = await session.call("list_secrets", { group: "stripe" })
      const secrets = document["secrets"] as { name: string; description?: string }[]
      return secrets.find(({ name }) => name === "stripe/other")?.description
    }
    expect(await told()).toBe(`see ${VALUE}, \\u{202e}gnp`)
    await session.get("stripe/api-key")
    expect(await told()).toBe("see [REDACTED stripe/api-key], \\u{202e}gnp")
    // A name that is none is quoted in the error.
    const { document } = await session.get(`${VALUE}\u{200b}`)
    expect(JSON.stringify(document)).toContain("[REDACTED stripe/api-key]")
    expect(JSON.stringify(document)).not.toContain("\u{200b}")
  })

  test("comes without them in the form of a page, too", async () => {
    const numbers = Array.from(VALUE, (char) => `&#${char.charCodeAt(0)};`).join("")
    await run(machine, ["set", "stripe/page", "--description", `<b>${numbers}</b>`], "p-p-p-p-p")
    await using session = await Session.open(machine, [...AS_CI, "--reveal", "allow"])
    await session.get("stripe/api-key")
    const { document } = await session.call("list_secrets", { group: "stripe" })
    expect(JSON.stringify(document)).toContain("<b>[REDACTED stripe/api-key]</b>")
    expect(JSON.stringify(document)).not.toContain(numbers)
  })

  test("a list of thousands comes in pages", async () => {
    copySecret(machine, "stripe/api-key", 99)
    await using session = await Session.open(machine, AS_CI)
    const first = (await session.call("list_secrets", { group: "stripe" })).document
    const secrets = first["secrets"] as { name: string }[]
    expect([secrets.length, first["more"]]).toEqual([100, 1])
    const after = secrets.at(-1)?.name
    const second = (await session.call("list_secrets", { group: "stripe", after })).document
    expect(second["secrets"]).toHaveLength(1)
    expect(second).not.toHaveProperty("more")
  })
})

function audit({ home }: Machine): Record<string, unknown>[] {
  const state = join(home, ".local", "state", "agent-vault")
  const file = readdirSync(state, { recursive: true, encoding: "utf8" }).find((path) =>
    path.endsWith("audit/agents/ci.jsonl"),
  )
  const lines = readFileSync(join(state, file ?? ""), "utf8")
    .trimEnd()
    .split("\n")
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>)
}

/** Signs so many more records like that of a secret: what `set` would do, in less time. */
function copySecret({ home, repo }: Machine, name: string, count: number): void {
  const keys = join(home, ".config", "agent-vault")
  const key = readFileSync(join(keys, readdirSync(keys)[0] ?? "", "owner.key"), "utf8")
  const signer = signingKey(/^AGE-SECRET-KEY-.*$/m.exec(key)?.[0] ?? "")
  const folder = join(repo, ".agent-vault", "secrets")
  const record = JSON.parse(readFileSync(join(folder, `${name}.json`), "utf8")) as SecretRecord
  for (let index = 0; index < count; index += 1) {
    const copy = `stripe/copy-${index}`
    const signed = signRecord({ ...record, path: `secrets/${copy}.json` }, signer)
    writeFileSync(join(folder, `${copy}.json`), encodeRecord(signed))
  }
}
