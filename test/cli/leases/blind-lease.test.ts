import { appendFileSync } from "node:fs"
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest"
import { APP_KEY, Issuer } from "../../core/leases/issuer.js"
import { Service } from "../../broker/proxy/broker-world.js"
import { BlindMachine } from "../run/blind-machine.js"

const SENDS = `curl -sS -H "Authorization: Bearer $STRIPE_API_KEY" "$BASE/v1/a"`
const POST = "POST /app/installations/678/access_tokens"
const DELETE = "DELETE /installation/token"

let blind: BlindMachine
let issuer: Issuer

beforeAll(async () => {
  issuer = await Issuer.start()
  blind = await BlindMachine.start()
  appendFileSync(blind.machine.env["NODE_EXTRA_CA_CERTS"] ?? "", issuer.authority)
  const { code } = await blind.machine.call(
    ["set", "stripe/api-key", ...issuer.said.split(" ")],
    APP_KEY,
  )
  expect(code).toBe(0)
  await blind.use("stripe/api-key")
})
beforeEach(() => {
  issuer.asked.length = 0
  blind.service.got.length = 0
})
afterAll(async () => {
  blind.close()
  await issuer.stop()
})

test("a blind program sends a token that it never sees, and that is ended with it", async () => {
  const ran = await blind.runs(`${SENDS}; ${SENDS}; env`)
  const told = "GET /v1/a Bearer [REDACTED stripe/api-key]"
  expect(ran.stdout).toContain(told + told)
  expect(ran.stdout + ran.stderr).not.toMatch(/ghs_/)
  const [first, second] = blind.service.got.map(({ request }) => request.headers.authorization)
  expect(first).toMatch(/^Bearer ghs_12345_not-a-real-token-\d+$/)
  expect(second).toBe(first)
  expect(issuer.lines).toEqual([POST, DELETE])
  expect(issuer.live.size).toBe(0)
  const events = blind.lines().map(({ event }) => event)
  expect(events.slice(events.lastIndexOf("run-start")).filter((event) => event !== "read")).toEqual(
    ["run-start", "lease", "request", "result", "request", "result", "run-end", "lease-end"],
  )
})

test("nothing is leased for a program that sends nothing", async () => {
  await blind.runs("true")
  expect(issuer.asked).toEqual([])
})

test("a token does not come back in another form either", async () => {
  blind.service.handler = (request, response) => {
    response.end(Buffer.from(request.headers.authorization?.slice(7) ?? "").toString("base64"))
  }
  const ran = await blind.runs(SENDS)
  expect(ran.stdout).toBe("[REDACTED stripe/api-key]")
})

test("a token that a program guesses is stopped on its way to another host", async () => {
  const other = await Service.start("other.localhost")
  appendFileSync(blind.machine.env["NODE_EXTRA_CA_CERTS"] ?? "", other.root)
  await blind.use("stripe/webhook", "--host", other.authority)
  const guesses = `for n in 1 2 3 4 5 6 7 8 9; do
    curl -sS -d "ghs_12345_not-a-real-token-$n" https://${other.authority}/v1/a; done`
  await blind.runs(`${SENDS}; ${guesses}`)
  const [token] = blind.service.got.map(({ request }) => request.headers.authorization?.slice(7))
  const came = other.got.map(({ body }) => body.toString())
  expect(came).toHaveLength(8)
  expect(token).toMatch(/^ghs_12345_not-a-real-token-[1-9]$/)
  expect(came).not.toContain(token)
  expect(blind.lines().map(({ event }) => event)).toContain("gate")
  other.close()
})

test("told to end, a run ends its lease first", async () => {
  const ran = await blind.machine.shell(
    `export SENDS='${SENDS}'; agent-vault run --agent ci --blind --isolate none -g stripe -- sh -c 'eval "$SENDS"; kill -INT $PPID; sleep 0.1' & wait $!; echo "ended"`,
  )
  expect(ran.stdout).toContain("ended")
  expect(issuer.lines).toEqual([POST, DELETE])
  expect(issuer.live.size).toBe(0)
})
