import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { once } from "node:events"
import type { IncomingMessage, ServerResponse } from "node:http"
import { type Server, createServer } from "node:https"
import type { AddressInfo } from "node:net"
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest"
import { Authority } from "../../../src/broker/authority/authority.js"
import { Machine, type Ran } from "../machine.js"

const OLD = "not-a-real-token-old"
const NEW = "not-a-real-token-new"
const ID = "0123456789abcdef0123456789abcdef"

/** What came: the line, what was shown, the body. */
let asked: string[]
/** Tokens that are good. */
let live: Set<string>
/** What a new value is. */
let next: string
/** Where whoever rolls is sent instead, if anywhere. */
let elsewhere: string | undefined
let authority: Authority
let server: Server
let machine: Machine

beforeAll(async () => {
  authority = Authority.make(["localhost"])
  const context = authority.contextFor("localhost")
  server = createServer({ SNICallback: (_name, tell) => tell(null, context) })
  server.on("request", (request, response) => void answer(request, response))
  await once(server.listen(0, "127.0.0.1"), "listening")
})
beforeEach(() => {
  asked = []
  live = new Set([OLD])
  next = NEW
  elsewhere = undefined
  machine = new Machine()
  const file = join(machine.home, "authority.pem")
  writeFileSync(file, authority.pem)
  machine.env["NODE_EXTRA_CA_CERTS"] = file
})
afterEach(() => machine.remove())
afterAll(async () => {
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
})

const url = (): string => `https://localhost:${(server.address() as AddressInfo).port}`

/** Answers as the two services document it. */
async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  let body = ""
  for await (const piece of request as AsyncIterable<Buffer>) body += piece.toString()
  const { "private-token": ofGitlab, authorization = "" } = request.headers
  const shown = String(ofGitlab ?? authorization.replace("Bearer ", ""))
  const line = `${request.method} ${request.url}`
  asked.push([line, shown, body].join(" ").trimEnd())
  const send = (status: number, document: object): void => {
    response.writeHead(status, { "content-type": "application/json" })
    response.end(JSON.stringify(document))
  }
  // What a service says may quote what it was shown.
  if (!live.has(shown)) return send(401, { message: `no such token: ${shown}`, success: false })
  if (elsewhere !== undefined && request.method !== "GET") {
    response.writeHead(307, { location: elsewhere }).end()
    return
  }
  const rolled = (): string => {
    live.delete(shown)
    live.add(next)
    return next
  }
  if (line === "GET /api/v4/personal_access_tokens/self") return send(200, { id: 42, active: true })
  if (line === "POST /api/v4/personal_access_tokens/self/rotate") {
    return send(200, { id: 43, active: true, token: rolled() })
  }
  if (line === "GET /client/v4/user/tokens/verify") {
    return send(200, { success: true, result: { id: ID, status: "active" } })
  }
  if (line === `PUT /client/v4/user/tokens/${ID}/value`) {
    return send(200, { success: true, result: rolled() })
  }
  send(404, { message: "404 Not Found" })
}

const roll = (words: string, value = OLD): Promise<Ran> =>
  machine.shell(`printf '%s\n' '${value}' | agent-vault roll ${words} --url ${url()}`)

describe("a service gives a new value for an old one", () => {
  test("gitlab, with an end if one is said", async () => {
    const until = "2099-01-02"
    expect(await roll(`gitlab --expires ${until}`)).toEqual({
      stdout: `${NEW}\n`,
      stderr: "",
      code: 0,
    })
    expect(asked).toEqual([
      `POST /api/v4/personal_access_tokens/self/rotate ${OLD} {"expires_at":"${until}"}`,
    ])
    expect(await roll("gitlab", NEW)).toMatchObject({ stdout: `${NEW}\n` })
    expect(asked.at(-1)).toContain("{}")
  })

  test("cloudflare, by the id that it tells", async () => {
    expect(await roll("cloudflare")).toEqual({ stdout: `${NEW}\n`, stderr: "", code: 0 })
    expect(asked).toEqual([
      `GET /client/v4/user/tokens/verify ${OLD}`,
      `PUT /client/v4/user/tokens/${ID}/value ${OLD} {}`,
    ])
  })

  test("as JSON, with its end, and that a value is taken", async () => {
    const tried = await roll("gitlab --test --json")
    expect(JSON.parse(tried.stdout)).toEqual({ issuer: "gitlab", isTaken: true })
    const rolled = await roll("gitlab --expires 2099-01-02 --json")
    const until = "2099-01-02T00:00:00Z"
    expect(JSON.parse(rolled.stdout)).toEqual({ issuer: "gitlab", value: NEW, until })
    const { stdout, stderr } = await roll("gitlab --json", "not-a-real-token-ended")
    expect(stdout).toBe("")
    expect(JSON.parse(stderr)).toMatchObject({ error: { code: "ROTATION_FAILED", exitCode: 6 } })
  })

  test.each(["gitlab", "cloudflare"])("%s tries a value, and changes nothing", async (name) => {
    expect(await roll(`${name} --test`)).toEqual({ stdout: "", stderr: "", code: 0 })
    const other = await roll(`${name} --test`, "not-a-real-token-other")
    expect(other).toMatchObject({ stdout: "", code: 6 })
    expect(other.stderr).toContain("ROTATION_FAILED")
    expect(live).toEqual(new Set([OLD]))
  })
})

describe("nothing is printed, and no value told", () => {
  test.each([
    [
      "by a service that refuses it",
      "gitlab",
      "not-a-real-token-ended",
      "gitlab gave no new value",
    ],
    ["for what cannot stand in a header", "gitlab", "two words", "is not a token of gitlab"],
    ["for nothing", "cloudflare", "", "is not a token of cloudflare"],
  ])("%s", async (_how, name, value, message) => {
    const ran = await roll(name, value)
    expect(ran).toMatchObject({ stdout: "", code: 6 })
    expect(ran.stderr).toContain(message)
    if (value !== "") expect(ran.stderr).not.toContain(value)
  })

  test.each(["gitlab", "cloudflare"])("where %s gives what cannot be a token", async (name) => {
    next = "two words\nand a line"
    const ran = await roll(name)
    expect(ran).toMatchObject({ stdout: "", code: 6 })
    expect(ran.stderr).toContain(`${name} gave no new value`)
    expect(ran.stderr).not.toContain("two words")
  })

  test.each(["gitlab", "cloudflare"])("where %s sends on, and nobody follows", async (name) => {
    elsewhere = `${url()}/elsewhere`
    const ran = await roll(name)
    expect(ran).toMatchObject({ stdout: "", code: 6 })
    expect(asked.filter((line) => line.includes("elsewhere"))).toEqual([])
    expect(live).toEqual(new Set([OLD]))
  })

  test("where nobody reads what it prints, and that is not taken for done", async () => {
    const script = [
      "import os, subprocess",
      "read, write = os.pipe()",
      "os.close(read)",
      `roll = ["agent-vault", "roll", "gitlab", "--url", "${url()}"]`,
      `print(subprocess.run(roll, input=b"${OLD}", stdout=write).returncode)`,
    ].join("\n")
    const ran = await machine.shell(`python3 - <<'END'\n${script}\nEND`)
    expect(ran.stdout).toBe("6\n")
    expect(ran.stderr).toContain("ROTATION_FAILED: nobody took the new value")
    expect(ran.stderr).not.toContain(NEW)
  })

  test("where the service does not prove who it is", async () => {
    delete machine.env["NODE_EXTRA_CA_CERTS"]
    const ran = await roll("gitlab")
    expect(ran).toMatchObject({ stdout: "", code: 6 })
    expect(asked).toEqual([])
  })
})

test("rotate runs it: the new value is tried, stored, and the old one is over", async () => {
  await machine.shell(`git init -q && agent-vault init --name alice &&
    printf %s ${OLD} | agent-vault set gitlab/token`)
  const word = `agent-vault roll gitlab --url ${url()}`
  await machine.shell(`agent-vault rotation -s gitlab/token -- ${word}`)
  await machine.shell(`agent-vault rotation -s gitlab/token --step test -- ${word} --test`)
  const plan = await machine.shell("agent-vault rotate gitlab/token --dry-run --json")
  const { fingerprint } = JSON.parse(plan.stdout) as { fingerprint: string }
  const ran = await machine.shell(`agent-vault rotate gitlab/token --agree ${fingerprint}`)
  expect(ran).toMatchObject({ code: 0 })
  expect(`${ran.stdout}${ran.stderr}`).not.toMatch(new RegExp(`${OLD}|${NEW}`))
  expect((await machine.shell("agent-vault get gitlab/token --owner")).stdout).toBe(NEW)
  expect(live).toEqual(new Set([NEW]))
})
