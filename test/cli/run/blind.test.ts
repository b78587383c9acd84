import { execFileSync } from "node:child_process"
import { join } from "node:path"
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest"
import { BlindMachine } from "./blind-machine.js"

let blind: BlindMachine

beforeAll(async () => {
  blind = await BlindMachine.start()
  await blind.use("stripe/api-key")
  const subject = ["-subj", "/CN=another authority", "-days", "2"]
  const key = ["-newkey", "rsa:2048", "-nodes", "-keyout", "/dev/null"]
  const out = join(blind.machine.home, "other.pem")
  execFileSync("openssl", ["req", "-x509", ...key, "-out", out, ...subject], { stdio: "ignore" })
})
beforeEach(() => {
  blind.service.got.length = 0
})
afterAll(() => blind.close())

/** Handshakes that the audit says were refused. */
function refused(): unknown[] {
  return blind.lines().filter(({ reason }) => reason === "AUTHORITY_REFUSED")
}

test("both ends of a run are in the audit, with the secrets that it has placeholders of", async () => {
  const before = blind.lines().length
  await blind.runs(`curl -sS -H "Authorization: Bearer $STRIPE_API_KEY" "$BASE/v1/a"`)
  const lines = blind.lines().slice(before)
  const run = { program: "sh", door: "broker", secrets: [{ name: "stripe/api-key" }] }
  const ends = lines.filter(({ event }) => event.startsWith("run-"))
  expect(ends).toEqual([
    expect.objectContaining({ ...run, event: "run-start" }),
    expect.objectContaining({ ...run, event: "run-end" }),
  ])
  const order = lines.map(({ event }) => event)
  expect(order.indexOf("run-start")).toBeLessThan(order.indexOf("request"))
  expect(order.at(-1)).toBe("run-end")
})

test("a secret is named once, with all variables that have its placeholder", async () => {
  const { stderr } = await blind.runs("true", "-s stripe/api-key", "-s stripe/api-key=ANOTHER")
  expect(stderr).toContain("runs blind with stripe/api-key as STRIPE_API_KEY and ANOTHER; ")
})

test("hosts that a program did not reach are told when it has ended, each once", async () => {
  const { stderr } = await blind.runs(
    `for n in 1 2; do curl -s https://other.test/; curl -s https://more.test:8443/; done; echo "the last word" >&2`,
  )
  const [, told] = stderr.split("the last word\n")
  expect(told?.split("\n")).toEqual([
    "agent-vault: refused: no use of this run names other.test:443",
    "  if the program needs it, start it with --allow other.test, or let all through: --unbound tunnel",
    "agent-vault: refused: no use of this run names more.test:8443",
    "  if the program needs it, start it with --allow more.test:8443",
    "",
  ])
})

describe("a client that does not trust the broker", () => {
  test("is told of on stderr, once for each host, and noted each time", async () => {
    const before = refused().length
    const { connections } = blind.service
    const { stderr } = await blind.runs(
      `for path in a b; do curl -s --cacert "$HOME/other.pem" "$BASE/v1/$path"; done; true`,
    )
    const { authority, host, port } = blind.service
    const said = `agent-vault: a program does not trust the broker's certificate for ${authority}: unknown ca\n  what it reads instead, and what mends it: agent-vault doctor -- CLIENT {url}\n`
    expect(stderr.split(said)).toHaveLength(2)
    expect(refused().slice(before)).toEqual([
      expect.objectContaining({ event: "refused", decision: "refused", host, port }),
      expect.objectContaining({ event: "refused", decision: "refused", host, port }),
    ])
    expect(blind.service.connections).toBe(connections)
  })

  test("not so a client that trusts it, and one that hangs up for another reason", async () => {
    const before = refused().length
    const { stdout, stderr } = await blind.runs(
      `curl -sS -H "Authorization: Bearer $STRIPE_API_KEY" "$BASE/v1/a"; curl -sS --tls-max 1.1 "$BASE/v1/b"; true`,
    )
    expect(stdout).toBe("GET /v1/a Bearer [REDACTED stripe/api-key]")
    expect(stderr).not.toContain("does not trust")
    expect(refused().slice(before)).toEqual([])
  })
})

test("of several keys of AWS the id is told that goes with the key, and whose it is not", async () => {
  for (const name of ["one", "two"]) {
    await blind.machine.call(["set", `aws/${name}`], `not-a-real-key-of-aws-${name}`)
    const where = ["--host", blind.service.authority, "--path", "/**", "--method", "GET"]
    const how = ["--at", "header:authorization", "--scheme", "sigv4", "--user", `ID-OF-${name}`]
    await blind.does(["use", `aws/${name}`, ...where, ...how, "--yes"])
  }
  await blind.does(["grant", "ci", "aws"])
  const shows = 'echo "$AWS_ACCESS_KEY_ID"'
  const second = await blind.runs(shows, "-s aws/one", "-s aws/two=AWS_SECRET_ACCESS_KEY")
  expect(second).toMatchObject({ code: 0, stdout: "ID-OF-two\n" })
  expect(second.stderr).toContain(signsAs("one"))
  expect(second.stderr).not.toContain("sign with it as ID-OF-two")
  const first = await blind.runs(shows, "-s aws/one", "-s aws/two")
  expect(first).toMatchObject({ code: 0, stdout: "ID-OF-one\n" })
  expect(first.stderr).toContain(signsAs("two"))
  const only = await blind.runs(shows, "-s aws/two")
  expect(only).toMatchObject({ code: 0, stdout: "ID-OF-two\n" })
  expect(only.stderr).not.toContain("AWS_ACCESS_KEY_ID is not")
})

function signsAs(name: string): string {
  return `agent-vault: AWS_ACCESS_KEY_ID is not that of aws/${name}: sign with it as ID-OF-${name}\n`
}
