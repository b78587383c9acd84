import { type ChildProcess, execFile, spawn } from "node:child_process"
import { once } from "node:events"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import Ajv from "ajv"
import Ajv2020 from "ajv/dist/2020.js"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { type Machine, vaultMachine } from "../cli/machine.js"
import { Listening } from "./listening.js"
import { Session } from "./session.js"

const root = fileURLToPath(new URL("../..", import.meta.url))
const program = (path: string): string => join(root, "node_modules/@modelcontextprotocol", path)
const run = promisify(execFile)

let machine: Machine
let server: readonly string[]

beforeAll(async () => {
  machine = await vaultMachine()
  server = [process.execPath, join(machine.home, "bin", "agent-vault"), "mcp", "--agent", "ci"]
})
afterAll(() => machine.remove())

/** A server that shows values, since the Inspector's command line has no person. */
async function inspect(...args: readonly string[]): Promise<Record<string, unknown>> {
  const cli = program("inspector-cli/build/cli.js")
  const argv = [cli, "--cli", ...server, "--reveal", "allow", ...args]
  const { stdout } = await run(process.execPath, argv, { cwd: machine.repo, env: machine.env })
  return JSON.parse(stdout) as Record<string, unknown>
}

describe("the MCP Inspector's command line", () => {
  test("lists the tools", async () => {
    const { tools } = await inspect("--method", "tools/list")
    expect((tools as { name: string }[]).map(({ name }) => name)).toEqual([
      "list_secrets",
      "http_request",
      "get_secret",
      "describe_access",
      "request_secret",
      "request_access",
      "audit_log",
    ])
  })

  test("calls one", async () => {
    const call = ["--method", "tools/call", "--tool-name", "get_secret"]
    const got = await inspect(...call, "--tool-arg", "name=stripe/api-key")
    expect(got["structuredContent"]).toMatchObject({ name: "stripe/api-key", value: "v" })
    const refused = await inspect(...call, "--tool-arg", "name=db/password")
    expect(refused).toMatchObject({
      isError: true,
      structuredContent: { error: { code: "NOT_GRANTED" } },
    })
  })
})

/**
 * All scenarios of the protocol's conformance tests for servers, against one that listens. Those that
 * call for what it does not have stand in conformance.yml: any other failure is one, and so is an
 * entry of that file that passes.
 */
describe("the protocol's conformance tests", () => {
  let listening: Listening
  let forwarder: ChildProcess
  let address: string

  beforeAll(async () => {
    listening = await Listening.open(machine)
    // The tests show no token.
    const script = fileURLToPath(new URL("with-token.mjs", import.meta.url))
    const { url, token } = listening
    const env = { ...machine.env, AGENT_VAULT_MCP_URL: url, AGENT_VAULT_MCP_TOKEN: token }
    forwarder = spawn(process.execPath, [script], { env, stdio: ["ignore", "pipe", "inherit"] })
    if (forwarder.stdout === null) throw new TypeError("it was piped")
    const [line] = (await once(forwarder.stdout, "data")) as [Buffer]
    address = line.toString().trim()
  })
  afterAll(async () => {
    forwarder.kill()
    await listening.signal("SIGTERM")
  })

  test("pass, as far as they are for what this server has", async () => {
    const cli = program("conformance/dist/index.js")
    const unmet = fileURLToPath(new URL("conformance.yml", import.meta.url))
    const argv = [cli, "server", "--url", address, "--suite", "all", "--expected-failures", unmet]
    const { stdout } = await run(process.execPath, argv, { cwd: machine.home, env: machine.env })
    const passed = stdout.matchAll(/^✓ (\S+): [1-9]\d* passed, 0 failed/gm)
    expect([...passed].map(([, scenario]) => scenario)).toEqual([
      "server-initialize",
      "ping",
      "tools-list",
      "server-sse-multiple-streams",
      "dns-rebinding-protection",
    ])
  })
})

const SERVED = ["--agent", "ci", "--reveal", "allow", "--allow-run"]

// Strict, which is also strictTypes, strictTuple and strictRequired: a client may check like that.
test.each([
  ["draft-07", Ajv.default],
  ["2020-12", Ajv2020.default],
])("the schemas are JSON Schema %s, and the results fit them", async (_draft, Validator) => {
  await using session = await Session.open(machine, SERVED)
  const ajv = new Validator({ strict: true, allErrors: true })
  const { tools } = await session.client.listTools()
  const calls: [string, Record<string, unknown>, boolean][] = [
    ["list_secrets", {}, true],
    ["list_secrets", { group: "nope" }, true],
    ["http_request", { url: "https://api.example.com/", headers: ["a: b"], body: "" }, true],
    ["http_request", { headers: [] }, false],
    ["run_command", { program: "true", groups: ["stripe"] }, true],
    ["run_command", { program: "no-such-program", secrets: ["stripe/webhook"] }, true],
    ["run_command", { args: [] }, false],
    ["get_secret", { name: "stripe/api-key" }, true],
    ["get_secret", { name: "db/password" }, true],
    ["get_secret", { name: 7 }, false],
    ["get_secret", {}, false],
    ["describe_access", {}, true],
    ["describe_access", { url: "https://api.example.com/v1/x" }, true],
    ["request_secret", { secret: "stripe/api-key", why: "w" }, true],
    ["request_secret", { secret: "db/password", why: "w", service: "stripe" }, true],
    ["request_secret", { secret: "stripe/new", why: "w", service: "nope" }, true],
    ["request_secret", { secret: "stripe/new" }, false],
    ["request_access", { groups: ["stripe"], why: "w" }, true],
    ["request_access", { groups: ["db"], why: "w", until: "30d", push: true }, true],
    ["request_access", { groups: ["db"], why: "w", until: "30d" }, true],
    ["request_access", { groups: ["nope"], why: "w" }, true],
    ["request_access", { groups: 7, why: "w" }, false],
    ["audit_log", {}, true],
    ["audit_log", { before: "x" }, false],
    ["describe_access", { x: "y" }, false],
  ]
  for (const [name, args, fits] of calls) {
    const tool = tools.find((each) => each.name === name)
    expect(ajv.validate(tool?.inputSchema ?? {}, args)).toBe(fits)
    const { document } = await session.call(name, args)
    const validate = ajv.compile(tool?.outputSchema ?? {})
    expect([validate(document), validate.errors]).toEqual([true, null])
    expect(validate({ ...document, more_than: "promised" })).toBe(false)
    expect(validate({})).toBe(false)
  }
})
