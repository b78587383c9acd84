import { readFileSync } from "node:fs"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { SECRET_FIELDS } from "../../../src/core/records/secret-metadata.js"
import { TOOLS } from "../../../src/mcp/tools/tools.js"
import { type Machine, vaultMachine } from "../../cli/machine.js"

/** A text for each field: another one than a secret has by itself. */
const WRITTEN: Record<keyof typeof SECRET_FIELDS, string> = {
  description: "a note",
  env: "SOME_NAME",
  expires: "2099-01-01T00:00:00Z",
  reveal: "never",
  tags: "pci,prod",
}

let machine: Machine

beforeAll(async () => {
  machine = await vaultMachine()
  const options = Object.entries(WRITTEN).flatMap(([name, text]) => [`--${name}`, text])
  const { code, stderr } = await machine.call(["set", "stripe/noted", ...options], "a value")
  if (code !== 0) throw new Error(stderr)
})
afterAll(() => machine.remove())

const project = (path: string): string =>
  readFileSync(new URL(`../../../${path}`, import.meta.url), "utf8")

describe("each field of a secret", () => {
  test("is in the schema of its record", () => {
    const { properties } = JSON.parse(project("src/core/records/schemas/secret.schema.json")) as {
      properties: Record<string, { enum?: readonly string[] }>
    }
    for (const [name, { choices }] of Object.entries(SECRET_FIELDS)) {
      expect(properties[name], name).toBeDefined()
      expect(properties[name]?.enum, name).toEqual(choices)
    }
  })

  test("comes from `set` into `list --json`", async () => {
    const { stdout } = await machine.call(["list", "stripe", "--json"])
    const { secrets } = JSON.parse(stdout) as { secrets: { name: string }[] }
    expect(secrets.find(({ name }) => name === "stripe/noted")).toMatchObject(WRITTEN)
  })

  test("comes to a program through the bridge, and the Python package knows it", async () => {
    const request = `${JSON.stringify({ jsonrpc: "2.0", id: 1, method: "list", params: {} })}\n`
    const { stdout } = await machine.call(["bridge", "--agent", "ci"], request)
    const { result } = JSON.parse(stdout) as { result: { secrets: { name: string }[] } }
    expect(result.secrets.find(({ name }) => name === "stripe/noted")).toMatchObject(WRITTEN)
    for (const name of Object.keys(SECRET_FIELDS)) {
      expect(project("sdk-python-bridge/agent_vault/_answers.py")).toContain(`item.get("${name}")`)
    }
  })

  test("comes to a model", () => {
    const listed = JSON.stringify(
      TOOLS.find(({ name }) => name === "list_secrets")?.outputSchema ?? {},
    )
    for (const [name, { forModels }] of Object.entries(SECRET_FIELDS)) {
      expect(listed).toContain(`${JSON.stringify(name)}:`)
      expect(listed).toContain(forModels)
    }
  })
})
