import { readFileSync } from "node:fs"
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { hookClients } from "../../../scripts/hook-clients.mjs"
import { testUnless } from "../../needs.js"
import { type Machine, type Ran, vaultMachine } from "../machine.js"

const found = await hookClients()
const lack = "missing" in found ? found.missing : undefined
let machine: Machine

beforeAll(async () => {
  machine = await vaultMachine()
  for (const argv of [
    ["use", "stripe/api-key", "stripe", "--yes"],
    [
      ..."use stripe/webhook --host hooks.test --method POST --path /**".split(" "),
      ..."--at header:x-a --scheme raw --ask each --yes".split(" "),
    ],
  ]) {
    expect(await machine.call(argv)).toMatchObject({ code: 0 })
  }
})
afterAll(() => machine.remove())

function exported(sandbox: string, ...more: readonly string[]): Promise<Ran> {
  return machine.call(["export", sandbox, "--agent", "ci", ...more])
}

const masked = { mode: "mask", injectHosts: ["api.stripe.com", "files.stripe.com"] }

describe("export claude", () => {
  test("masks what a use sends somewhere, and hides what a sandbox could not keep to its use", async () => {
    const { stdout, stderr, code } = await exported("claude", "-g", "stripe")
    expect(code).toBe(0)
    const { sandbox } = JSON.parse(stdout) as { sandbox: { credentials: { envVars: object[] } } }
    expect(sandbox.credentials.envVars).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ name: "STRIPE_API_KEY", mode: "mask" }),
        { name: "STRIPE_WEBHOOK", mode: "deny" },
      ]),
    )
    expect(sandbox).toMatchObject({
      enabled: true,
      network: { tlsTerminate: {} },
      credentials: {
        files: [
          { path: join(machine.home, ".config/agent-vault"), mode: "deny" },
          { path: join(machine.home, ".local/state/agent-vault"), mode: "deny" },
        ],
      },
    })
    expect(stderr).toContain("stripe/webhook is not sent to hooks.test")
    expect(stderr).toContain("agent-vault run --agent ci -g stripe -- claude")
  })

  test("lets nothing out but to the hosts of uses", async () => {
    const { stdout } = await exported("claude", "-s", "stripe/api-key=KEY")
    const { sandbox } = JSON.parse(stdout) as {
      sandbox: { network: { allowedDomains: string[] }; credentials: { envVars: object[] } }
    }
    const [entry] = sandbox.credentials.envVars as (typeof masked)[]
    expect(entry).toMatchObject({ name: "KEY", mode: "mask" })
    expect(sandbox.network.allowedDomains).toEqual(entry?.injectHosts)
    expect(sandbox.network.allowedDomains).toContain("api.stripe.com")
  })
})

describe("export srt", () => {
  testUnless(lack, "is what sandbox-runtime's own schema takes", async () => {
    const { stdout, code } = await exported("srt", "-g", "stripe")
    expect(code).toBe(0)
    const folder = "path" in found ? found.path : ""
    const file = join(folder, "@anthropic-ai/sandbox-runtime/dist/sandbox/sandbox-config.js")
    expect(readFileSync(file, "utf8")).toContain("credentials")
    const { SandboxRuntimeConfigSchema: schema } = (await import(pathToFileURL(file).href)) as {
      SandboxRuntimeConfigSchema: { parse: (document: unknown) => unknown }
    }
    const document = JSON.parse(stdout) as object
    expect(() => schema.parse(document)).not.toThrow()
    expect(schema.parse(document)).toMatchObject(document)
    expect(() => schema.parse({ ...document, credentials: { none: 1 } })).toThrow()
  })
})

describe("export", () => {
  test.each([
    [["clade", "-g", "stripe"], "did you mean claude?"],
    [["claude"], "which secrets"],
    [["claude", "-g", "strip"], "GROUP_NOT_FOUND"],
  ])("%j says what is wrong", async (words, said) => {
    const [sandbox = "", ...more] = words
    const { code, stdout, stderr } = await exported(sandbox, ...more)
    expect([code > 1, stdout]).toEqual([true, ""])
    expect(stderr).toContain(said)
  })
})
