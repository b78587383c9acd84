import { execFile } from "node:child_process"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { langchainAdapters, mcpClients } from "../../scripts/mcp-clients.mjs"
import type { Found } from "../../scripts/pinned.mjs"
import type { Service } from "../broker/proxy/broker-world.js"
import { type Machine, vaultMachine } from "../cli/machine.js"
import { testUnless } from "../needs.js"
import { HttpClient, Listening } from "./listening.js"
import { done, serviceFor, valuesIn } from "./service.js"

const programs = fileURLToPath(new URL("clients/", import.meta.url))
const inspector = fileURLToPath(
  new URL("../../node_modules/@modelcontextprotocol/inspector-cli/build/cli.js", import.meta.url),
)
const page = fileURLToPath(new URL("../../docs/mcp.md", import.meta.url))
const run = promisify(execFile)
const KEY = ["not", "a", "real", "key", "Zk41vQ8mB2"].join("-")
const [python, langchain] = [await mcpClients(), await langchainAdapters()]

/** What a client saw: the names of the tools, and what each call answered. */
interface Saw {
  readonly tools: readonly string[]
  readonly answers: readonly Readonly<Record<string, unknown>>[]
}

interface McpProgram {
  readonly name: string
  readonly found: Found
  readonly remark: string
  /** Does what `clients/tasks.py` says. */
  readonly use: () => Promise<Saw>
}

const ofPython = (name: string, file: string, remark = "", found = python): McpProgram => ({
  name: `Python: ${name}`,
  found,
  remark,
  use: async () => {
    const { stdout } = await run("path" in found ? found.path : "", [join(programs, file)], {
      env: { ...machine.env, ...reached(), PYTHONDONTWRITEBYTECODE: "1" },
    })
    return JSON.parse(stdout) as Saw
  },
})

const CLIENTS: readonly McpProgram[] = [
  { name: "TypeScript: the official SDK", found: { path: "" }, remark: "", use: useOfficial },
  {
    name: "MCP Inspector, its command line",
    found: { path: "" },
    remark: "`--header`, and `--transport http`",
    use: useInspector,
  },
  ofPython("the official SDK", "mcp_client.py", "asks for a later protocol first, and steps back"),
  ofPython("fastmcp", "fastmcp_client.py"),
  ofPython("openai-agents", "openai_agents_client.py", "every tool in strict mode"),
  ofPython("pydantic-ai", "pydantic_ai_client.py", "an error comes to the model as a retry"),
  ofPython(
    "langchain-mcp-adapters",
    "langchain_client.py",
    "an error comes to the model as a failed tool message",
    langchain,
  ),
]

let machine: Machine
let service: Service
let listening: Listening

beforeAll(async () => {
  machine = await vaultMachine()
  service = await serviceFor(machine)
  service.handler = (request, response) => response.end(`you sent ${request.headers.authorization}`)
  await done(machine, ["set", "stripe/api-key"], KEY)
  const rule = ["--method", "GET", "--path", "/v1/**", "--at", "header:authorization"]
  const use = ["use", "stripe/api-key", "--host", service.authority, ...rule]
  await done(machine, [...use, "--scheme", "bearer", "--yes"])
  listening = await Listening.open(machine, "--blind")
})
afterAll(async () => {
  await listening.signal("SIGTERM")
  service.close()
  machine.remove()
})

/** The variables by which a program finds the server, and what it asks for. */
function reached() {
  return {
    AGENT_VAULT_MCP_URL: listening.url,
    AGENT_VAULT_MCP_TOKEN: listening.token,
    UPSTREAM: `https://${service.authority}/v1/balance`,
  }
}

function calls(): readonly (readonly [name: string, args: Record<string, string>])[] {
  const url = `https://${service.authority}/v1/balance`
  return [
    ["list_secrets", { group: "stripe" }],
    ["describe_access", {}],
    ["http_request", { url }],
    ["http_request", { url: url.replace("/v1/", "/v2/") }],
  ]
}

async function useOfficial(): Promise<Saw> {
  await using http = await HttpClient.open(listening)
  const { tools } = await http.client.listTools()
  const answers = []
  for (const call of calls()) answers.push((await http.call(...call)).document)
  return { tools: tools.map(({ name }) => name), answers }
}

async function useInspector(): Promise<Saw> {
  const server = [listening.url, "--transport", "http"]
  const header = ["--header", `Authorization: Bearer ${listening.token}`]
  const ask = async (...args: readonly string[]): Promise<Record<string, unknown>> => {
    const argv = [inspector, "--cli", ...server, ...args, ...header]
    const { stdout } = await run(process.execPath, argv, { env: machine.env })
    return JSON.parse(stdout) as Record<string, unknown>
  }
  const { tools } = await ask("--method", "tools/list")
  const answers: Saw["answers"][number][] = []
  for (const [name, args] of calls()) {
    const given = Object.entries(args).flatMap(([key, value]) => ["--tool-arg", `${key}=${value}`])
    const result = await ask("--method", "tools/call", "--tool-name", name, ...given)
    answers.push(result["structuredContent"] as Record<string, unknown>)
  }
  return {
    tools: (tools as { name: string }[]).map(({ name }) => name),
    answers,
  }
}

describe("a real client finds the tools, uses a secret unseen, and learns why it was refused", () => {
  for (const client of CLIENTS) {
    const lack = "missing" in client.found ? client.found.missing : undefined
    testUnless(lack, client.name, async () => {
      const { tools, answers } = await client.use()
      expect(tools).toEqual(expect.arrayContaining(["list_secrets", "http_request"]))
      expect(tools).not.toContain("get_secret")
      expect(answers).toMatchObject([
        { secrets: [{ name: "stripe/api-key" }, { name: "stripe/webhook" }] },
        { agent: "ci" },
        { status: 200, body: "you sent Bearer [REDACTED stripe/api-key]" },
        {
          error: {
            code: "USE_REFUSED",
            hint: expect.stringContaining("agent-vault use") as string,
          },
        },
      ])
      expect(valuesIn(JSON.stringify(answers), { "stripe/api-key": KEY })).toEqual([])
      expect(service.got.at(-1)?.request.headers.authorization).toBe(`Bearer ${KEY}`)
    })
  }
})

// What strict modes of those who run models take, with each optional argument null.
test("what the tools take is strict: no other argument, and no keyword that such a mode lacks", async () => {
  await using http = await HttpClient.open(listening)
  const { tools } = await http.client.listTools()
  expect(tools.length).toBeGreaterThan(3)
  for (const { name, inputSchema } of tools) {
    expect([name, mistakesIn(inputSchema)]).toEqual([name, []])
  }
})

const TAKEN = new Set([
  "type",
  "properties",
  "required",
  "additionalProperties",
  "description",
  "title",
  "items",
  "enum",
])

/** Keywords that are not taken, and objects that are open. */
function mistakesIn(schema: object): string[] {
  const {
    type,
    additionalProperties,
    properties = {},
    items,
  } = schema as {
    type?: unknown
    additionalProperties?: unknown
    properties?: Record<string, object>
    items?: object
  }
  return [
    ...Object.keys(schema).filter((keyword) => !TAKEN.has(keyword)),
    ...(type === "object" && additionalProperties !== false ? ["an open object"] : []),
    ...Object.values(properties).flatMap(mistakesIn),
    ...(items === undefined ? [] : mistakesIn(items)),
  ]
}

test("an open object, or an unknown keyword, would be found", () => {
  expect(
    mistakesIn({ type: "object", properties: { a: { type: "string", format: "uri" } } }),
  ).toEqual(["an open object", "format"])
})

test("docs/mcp.md has the table of these clients", () => {
  const rows = CLIENTS.map(({ name, remark }) => `| ${name} | works | ${remark} |`)
  const [, shown = ""] =
    /<!-- clients tried -->\n\n([^]*?)\n\n<!-- end of clients tried -->/.exec(
      readFileSync(page, "utf8"),
    ) ?? []
  expect(shown.split("\n").slice(2).map(cells)).toEqual(rows.map(cells))
})

/** A row without what aligns it. */
function cells(row: string): string {
  return row.replaceAll(/ +/g, " ")
}
