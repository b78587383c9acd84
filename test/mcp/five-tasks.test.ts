// A client that works as a model does: it calls tools, reads what they answer, and does what the
// answers say. It finishes five tasks, and no message either way holds a value. What was said is
// docs/mcp-tasks.md; UPDATE_TRANSCRIPTS writes it anew.
import { readFileSync, writeFileSync } from "node:fs"
import { afterAll, beforeAll, expect, test } from "vitest"
import type { Service } from "../broker/proxy/broker-world.js"
import { type Machine, vaultMachine } from "../cli/machine.js"
import { answerPage, pageOf } from "./person-at-page.js"
import { done, serviceFor, valuesIn } from "./service.js"
import { Session, type Told } from "./session.js"

const PAGE = new URL("../../docs/mcp-tasks.md", import.meta.url)
const KEY = ["not", "a", "real", "key", "Zk41vQ8mB2"].join("-")
const NEXT = ["nor", "is", "this", "one", "Hx77aaQ9pL"].join("-")
const PASSWORD = ["not", "a", "real", "password", "Wq63tB9xLm"].join("-")
const VALUES = { "stripe/api-key": KEY, "stripe/next-key": NEXT, "db/password": PASSWORD }

let machine: Machine
let service: Service
let session: Session
const recorded: string[] = []

beforeAll(async () => {
  machine = await vaultMachine()
  // No browser is started: the address of the page stands in stderr.
  for (const display of ["DISPLAY", "WAYLAND_DISPLAY"]) delete machine.env[display]
  service = await serviceFor(machine)
  await done(machine, ["set", "stripe/api-key"], KEY)
  await done(machine, ["set", "db/password"], PASSWORD)
  await use("stripe/api-key", "header:authorization", "bearer", "/v1/**")
  await use("db/password", "header:x-password", "raw", "/orders/**")
  service.handler = answer
  session = await Session.open(machine, ["--agent", "ci", "--blind"])
})
afterAll(async () => {
  await session.client.close()
  service.close()
  machine.remove()
})

/** A service with one key at a time: who has it may name the next one. */
let accepted = KEY
const answer: Service["handler"] = (request, response) => {
  const { headers, url = "" } = request
  const isKnown = headers.authorization === `Bearer ${accepted}`
  const isOrder = url === "/orders/today" && headers["x-password"] === PASSWORD
  if (!isKnown && !isOrder) {
    response.statusCode = 401
    response.end('{"error":"wrong key"}')
    return
  }
  if (url === "/v1/key") accepted = String(headers["x-next-key"])
  const bodies: Record<string, string> = {
    "/v1/balance": '{"available":4200}',
    "/v1/key": '{"rotated":true}',
    "/orders/today": '{"orders":17}',
  }
  response.setHeader("content-type", "application/json")
  response.end(bodies[url] ?? "{}")
}

async function use(secret: string, at: string, scheme: string, path: string): Promise<void> {
  const where = ["--host", service.authority, "--method", "GET", "--method", "POST"]
  const rule = [...where, "--path", path, "--at", at, "--scheme", scheme, "--yes"]
  await person(["use", secret, ...rule])
}

/** What a person types; a value comes in by itself, and nobody writes it down. */
async function person(argv: readonly string[], stdin = ""): Promise<string> {
  const told = await done(machine, argv, stdin)
  if (session !== undefined) recorded.push(`the owner: agent-vault ${argv.join(" ")}`)
  return told
}

function task(title: string): void {
  recorded.push(`## ${title}`)
}

async function call(tool: string, args: Record<string, unknown>, waits = false): Promise<Told> {
  recorded.push(`the model: ${tool} ${JSON.stringify(args, null, 2)}`)
  const answering = session.call(tool, args)
  if (waits) {
    await answerPage(await pageOf(session), { answer: "value", value: NEXT })
    recorded.push("the person: enters the value at the page that opens on their machine")
  }
  const told = await answering
  recorded.push(`the answer: ${JSON.stringify(told.document, null, 2)}`)
  return told
}

function send(path: string, args: Record<string, unknown> = {}): Promise<Told> {
  return call("http_request", { url: `https://${service.authority}${path}`, ...args })
}

test("five tasks are finished without a value in any message", async () => {
  task("Call an API")
  expect((await send("/v1/balance")).document).toMatchObject({
    status: 200,
    body: '{"available":4200}',
  })

  task("Ask for a secret that is missing")
  const missing = await send("/v1/balance", { headers: ["x-next-key: {{stripe/next-key}}"] })
  expect(missing.document).toMatchObject({ error: { code: "SECRET_NOT_FOUND" } })
  const why = "the key is old, and the service takes the next one from whoever has it"
  const stored = await call("request_secret", { secret: "stripe/next-key", why }, true)
  expect(stored.document).toMatchObject({ is: "stored", secret: "stripe/next-key" })

  task("Rotate a key through the API")
  await use("stripe/next-key", "header:x-next-key", "raw", "/v1/key")
  const both = ["Authorization: Bearer {{stripe/api-key}}", "X-Next-Key: {{stripe/next-key}}"]
  const rotated = await send("/v1/key", { method: "POST", headers: both })
  expect(rotated.document).toMatchObject({ status: 200, body: '{"rotated":true}' })
  expect(accepted).toBe(NEXT)
  expect((await send("/v1/balance")).document).toMatchObject({ status: 401 })
  await person(["set", "stripe/api-key"], NEXT)
  expect((await send("/v1/balance")).document).toMatchObject({ status: 200 })

  task("Ask for access")
  const denied = await send("/orders/today", { headers: ["X-Password: {{db/password}}"] })
  expect(denied.document).toMatchObject({ error: { code: "NOT_GRANTED" } })
  const wish = await call("request_access", { groups: ["db"], why: "the report counts the orders" })
  expect(wish.document).toMatchObject({ is: "asked", asked: ["db"] })
  const [merge = ""] = wish.document["owner"] as string[]
  expect((await machine.shell(merge)).code).toBe(0)
  recorded.push(`the owner: ${merge}`)
  const dry = JSON.parse(await done(machine, ["apply", "--dry-run", "--json"])) as {
    plan: { id: string }
  }
  await person(["apply", "--yes", "--plan", dry.plan.id])
  expect((await send("/orders/today")).document).toMatchObject({ status: 200 })

  task("Find out why a request was refused")
  const named = ["Authorization: Bearer {{stripe/api-key}}"]
  const refused = await send("/v2/transfers", { method: "POST", headers: named })
  expect(refused.document).toMatchObject({ error: { code: "USE_REFUSED" } })
  const url = `https://${service.authority}/v2/transfers`
  const explained = await call("describe_access", { method: "POST", url })
  expect(JSON.stringify(explained.document)).toContain("/v1/**")
  const noted = await call("audit_log", { event: "refused" })
  expect(noted.document["lines"]).toMatchObject([
    { secrets: ["stripe/api-key"], reason: "USE_REFUSED" },
    { secrets: ["db/password"], reason: "NOT_GRANTED" },
  ])

  // Neither way, in any form that the redactor knows.
  expect(session.messages.length).toBeGreaterThan(20)
  expect(valuesIn(session.messages.join("\n"), VALUES)).toEqual([])
  expect(valuesIn(recorded.join("\n"), VALUES)).toEqual([])
  const page = pageFor(recorded)
  if (process.env["UPDATE_TRANSCRIPTS"] !== undefined) writeFileSync(PAGE, page)
  expect(page).toBe(readFileSync(PAGE, "utf8"))
})

function pageFor(entries: readonly string[]): string {
  const said = entries.map((entry) => (entry.startsWith("## ") ? entry : block(entry)))
  return `${INTRODUCTION}\n${steady(said.join("\n\n"))}\n`
}

function block(entry: string): string {
  const [, who = "", what = ""] = /^(the \w+): (.*)$/s.exec(entry) ?? []
  return `${who}:\n\n<!-- not run: test/mcp/five-tasks.test.ts says it -->\n\n\`\`\`text\n${what}\n\`\`\``
}

/** Without what is another in each run: ports, times, ids of plans and of sessions, how often a value was read. */
function steady(text: string): string {
  return text
    .replaceAll(service.authority, "api.localhost:PORT")
    .replace(/"port": \d+/g, '"port": PORT')
    .replace(/"seq": \d+/g, '"seq": N')
    .replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, "TIME")
    .replace(/\b[0-9a-f]{12,64}\b/g, "ID")
}

const INTRODUCTION = `# Five tasks of a model

A client over MCP finishes five tasks, and no message either way holds a value, in any form that the [redactor](redactor.md) knows. It is a program that calls the tools as a model would and follows what they answer; the server, the vault, the broker and the service are real, and run on one machine. \`test/mcp/five-tasks.test.ts\` makes this page, and compares it at every run.

At the beginning the vault has two secrets, and the agent \`ci\` opens the group of the first. Their [rules](broker.md) let \`stripe/api-key\` go to \`/v1/**\` of the service as a bearer token, and \`db/password\` to \`/orders/**\` in the header \`X-Password\`. The server is \`agent-vault mcp --agent ci --blind\`, as \`mcp install\` [writes it into a client's configuration](mcp.md). What the owner types stands beside what the model calls.
`
