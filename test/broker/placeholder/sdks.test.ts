import { execFile } from "node:child_process"
import { once } from "node:events"
import { createServer, type IncomingHttpHeaders, type Server } from "node:http"
import { createRequire } from "node:module"
import type { AddressInfo } from "node:net"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect } from "vitest"
import { nodeClients, pythonClients } from "../../../scripts/broker-clients.mjs"
import { Placeholders } from "../../../src/broker/placeholder/placeholders.js"
import { serviceNamed } from "../../../src/core/services/services.js"
import { testUnless } from "../../needs.js"

// SDKs look at a key before they send it. Each makes a request with a placeholder, to a server here.

const services = ["openai", "anthropic", "stripe"]
const run = Placeholders.make(
  services.map((name) => ({ secret: name, shape: serviceNamed(name).placeholder })),
  [],
)
const [node, python] = [await nodeClients(), await pythonClients()]

let server: Server
let endpoint: string
let headers: IncomingHttpHeaders[] = []
beforeAll(async () => {
  server = createServer((request, response) => {
    headers.push(request.headers)
    request.resume().on("end", () => {
      response.writeHead(200, { "content-type": "application/json" }).end("{}")
    })
  }).listen(0, "127.0.0.1")
  await once(server, "listening")
  endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterAll(() => server.close())

/** Runs a program, with the placeholder of a service in KEY; resolves to the headers of its request. */
async function sentBy(
  program: string,
  args: string[],
  service: string,
): Promise<IncomingHttpHeaders> {
  headers = []
  const env = { PATH: process.env["PATH"], KEY: run.of(service), ENDPOINT: endpoint }
  const said = await new Promise<string>((resolve) => {
    execFile(program, args, { env }, (error, _, stderr) => resolve(error === null ? "" : stderr))
  })
  const [sent] = headers
  if (sent === undefined) throw new Error(`nothing was sent: ${said}`)
  return sent
}

/** All of these send it in `authorization`, be there another header that their service takes. */
function expectKey(sent: IncomingHttpHeaders, service: string): void {
  const key = run.of(service)
  expect(key).toBeDefined()
  expect(sent.authorization).toBe(`Bearer ${key}`)
}

const NODE: readonly (readonly [service: string, name: string, code: string])[] = [
  [
    "openai",
    "openai",
    "const { OpenAI } = sdk; await new OpenAI({ apiKey, baseURL: `${url}/v1` }).models.list()",
  ],
  [
    "anthropic",
    "@anthropic-ai/sdk",
    "const { Anthropic } = sdk; await new Anthropic({ apiKey, baseURL: url }).models.list()",
  ],
  [
    "stripe",
    "stripe",
    "const { hostname: host, port } = new URL(url); await new sdk.default(apiKey, { host, port, protocol: 'http' }).balance.retrieve()",
  ],
]
const PYTHON: readonly (readonly [service: string, code: string])[] = [
  ["openai", "import openai; openai.OpenAI(api_key=key, base_url=url + '/v1').models.list()"],
  ["anthropic", "import anthropic; anthropic.Anthropic(api_key=key, base_url=url).models.list()"],
]

describe("a placeholder is taken for a key, in Node, by the SDK of", () => {
  for (const [service, name, code] of NODE) {
    testUnless("missing" in node ? node.missing : undefined, service, async () => {
      const modules = "path" in node ? node.path : ""
      const sdk = createRequire(join(modules, "x.js")).resolve(name)
      const script = `const sdk = await import(${JSON.stringify(sdk)}); const { KEY: apiKey, ENDPOINT: url } = process.env; ${code}`
      const args = ["--input-type=module", "--eval", script]
      expectKey(await sentBy(process.execPath, args, service), service)
    })
  }
})

describe("a placeholder is taken for a key, in Python, by the SDK of", () => {
  for (const [service, code] of PYTHON) {
    testUnless("missing" in python ? python.missing : undefined, service, async () => {
      const script = `import os; key, url = os.environ["KEY"], os.environ["ENDPOINT"]\n${code}`
      const program = "path" in python ? python.path : ""
      expectKey(await sentBy(program, ["-c", script], service), service)
    })
  }
})
