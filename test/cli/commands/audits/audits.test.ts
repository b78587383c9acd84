import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { copyFileSync, renameSync, truncateSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest"
import type { AuditLine } from "../../../../src/core/index.js"
import { BlindMachine } from "../../run/blind-machine.js"

let blind: BlindMachine
const running: ChildProcess[] = []

beforeAll(async () => {
  blind = await BlindMachine.start()
  // Of two patterns, the audit has the one that a path fits.
  await blind.use("stripe/api-key", "--method", "POST", "--method", "DELETE", "--path", "/v2/**")
})
beforeEach(() => {
  blind.service.got.length = 0
})
afterEach(async () => {
  for (const child of running.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue
    child.kill("SIGKILL")
    await once(child, "close")
  }
})
afterAll(() => blind.close())

/** Starts the built command; what it printed until now, and how it ends. */
function starts(...args: readonly string[]) {
  const { machine } = blind
  const file = join(machine.home, "bin", "agent-vault")
  const child = spawn(file, args, { cwd: machine.repo, env: machine.env, stdio: "pipe" })
  running.push(child)
  const printed = { stdout: "", stderr: "" }
  for (const name of ["stdout", "stderr"] as const) {
    child[name].on("data", (bytes: Buffer) => (printed[name] += bytes.toString()))
  }
  const ended = once(child, "close") as Promise<[code: number | null, signal: string | null]>
  return { child, printed, ended }
}

/** The file of the audit of ci. */
function fileOfCi(): string {
  return blind.audits().find((file) => file.endsWith("agents/ci.jsonl")) ?? ""
}

const SEND = (method: string, path: string): string =>
  `curl -sS -X ${method} -H "Authorization: Bearer $STRIPE_API_KEY" "$BASE${path}"`

describe("audit --follow", () => {
  test("shows what happens as it happens, a line of JSON each, and ends by Ctrl-C", async () => {
    const { child, printed, ended } = starts("audit", "--follow", "--json", "--agent", "ci")
    await blind.does(["get", "stripe/api-key", "--agent", "ci"])
    await expect.poll(() => printed.stdout).toContain(`"event":"read"`)
    await blind.runs(SEND("GET", "/v1/a"))
    await expect.poll(() => printed.stdout).toContain(`"event":"run-end"`)
    const shown = printed.stdout.trimEnd().split("\n")
    expect(shown.map((line) => JSON.parse(line) as AuditLine)).toEqual(blind.lines())
    child.kill("SIGINT")
    expect(await ended).toEqual([null, "SIGINT"])
    expect(printed.stderr).toBe("")
  })

  test("shows rows to a person, of those that are asked for", async () => {
    const { printed } = starts("audit", "--follow", "--secret", "stripe/webhook")
    await blind.does(["get", "stripe/api-key", "--agent", "ci"])
    await blind.does(["get", "stripe/webhook", "--agent", "ci"])
    await expect.poll(() => printed.stdout).toMatch(/ {2}ci {2}read {2}stripe\/webhook {2}allowed/)
    expect(printed.stdout).not.toContain("stripe/api-key  allowed")
  })

  test("ends at the next line, without a word, when nobody reads on", async () => {
    const { child, printed, ended } = starts("audit", "--follow", "--agent", "ci")
    await expect.poll(() => printed.stdout).toContain("read")
    child.stdout.destroy()
    await blind.does(["get", "stripe/api-key", "--agent", "ci"])
    await ended
    expect(printed.stderr).toBe("")
  })
})

test("audit prints as one document, or a row each, what is longer than it writes at once", async () => {
  const lines = Array.from({ length: 12_345 }, (_, at): Partial<AuditLine> => ({
    agent: "ci",
    at: `2026-11-28T${String(at % 24).padStart(2, "0")}:00:00Z`,
    door: "run",
    event: "read",
    pid: 7,
    secrets: [{ name: "stripe/api-key", version: at }],
    seq: at + 1,
    session: "of a test",
    v: 1,
    vault: "0".repeat(32),
  }))
  const file = join(blind.machine.home, "many.jsonl")
  writeFileSync(file, lines.map((line) => `${JSON.stringify(line)}\n`).join(""))
  const sorted = lines.toSorted((one, other) =>
    (one.at ?? "") < (other.at ?? "") ? -1 : one.at === other.at ? 0 : 1,
  )
  const document = { lines: sorted }
  expect(await blind.does(["audit", file, "--json"])).toBe(`${JSON.stringify(document, null, 2)}\n`)
  expect((await blind.does(["audit", file])).match(/^2026-11-28T.*api-key/gm)).toHaveLength(12_345)
  const none = await blind.does(["audit", file, "--json", "--since", "1d", "--until", "2h"])
  expect(JSON.parse(none)).toEqual({ lines: [] })
})

test("audit suggest proposes what lets the same requests pass, and no wider", async () => {
  await blind.runs(`${SEND("GET", "/v1/a")}; ${SEND("POST", "/v1/b")}; ${SEND("GET", "/v1/a")}`)
  const since = ["--agent", "ci", "--secret", "stripe/api-key", "--json"]
  const { commands } = JSON.parse(await blind.does(["audit", "suggest", ...since])) as {
    commands: string[]
  }
  const { authority } = blind.service
  expect(commands).toEqual([
    `agent-vault use stripe/api-key --host ${authority} --method GET --method POST --path '/v1/**' --at header:authorization --scheme bearer`,
  ])
  const { machine } = blind
  await blind.does(["use", "stripe/api-key", "--remove", "--yes"])
  const set = await machine.shell(`${commands.join("\n")} --yes`)
  expect([set.code, set.stderr]).toEqual([0, expect.any(String)])
  blind.service.got.length = 0
  const script = ["GET /v1/a", "POST /v1/b", "DELETE /v1/a", "GET /v2/a"]
    .map((line) => SEND(line.split(" ")[0] ?? "", line.split(" ")[1] ?? ""))
    .join("; echo; ")
  const { stdout } = await blind.runs(script)
  const replies = stdout.split("\n")
  expect(replies.slice(0, 2)).toEqual([
    "GET /v1/a Bearer [REDACTED stripe/api-key]",
    "POST /v1/b Bearer [REDACTED stripe/api-key]",
  ])
  expect(stdout.match(/"code":"USE_REFUSED"/g)).toHaveLength(2)
  expect(blind.service.got.map(({ request: { method, url } }) => `${method} ${url}`)).toEqual([
    "GET /v1/a",
    "POST /v1/b",
  ])
})

/** Many requests of one program at once, each with a number. */
const MANY = (count: number): string => `
const send = (n) => fetch(process.env.BASE + "/v1/" + n, { headers: { authorization: "Bearer " + process.env.STRIPE_API_KEY } }).then((reply) => reply.text())
Promise.all(Array.from({ length: ${count} }, (_, n) => send(n))).then(() => console.log("sent"))`

function run(program: string): ReturnType<typeof starts> {
  return starts(..."run --agent ci --blind --isolate none -g stripe -- node -e".split(" "), program)
}

function ofEvent(event: string): AuditLine[] {
  return blind.lines().filter((line) => line.event === event)
}

describe("processes that share a state folder, as one agent", () => {
  test("lose no line, and one chain holds: two blind runs, and readers", async () => {
    const before = blind.lines().length
    const runs = [run(MANY(25)), run(MANY(25))]
    const reads = Promise.all(
      [1, 2, 3, 4].map(() => blind.machine.shell("agent-vault get stripe/webhook --agent ci")),
    )
    for (const { ended, printed } of runs) {
      expect([await ended, printed.stderr, printed.stdout]).toEqual([
        [0, null],
        expect.any(String),
        "sent\n",
      ])
    }
    expect((await reads).map(({ code }) => code)).toEqual([0, 0, 0, 0])
    const lines = blind.lines().slice(before)
    const count = (event: string, door: string): number =>
      lines.filter((line) => line.event === event && line.door === door).length
    expect(count("request", "broker")).toBe(50)
    expect(count("result", "broker")).toBe(50)
    expect(count("read", "cli")).toBe(4)
    const sent = lines.filter(({ event }) => event === "request")
    expect(new Set(sent.map(({ session, request }) => `${session} ${request}`)).size).toBe(50)
    expect(blind.lines().map(({ seq }) => seq)).toEqual(blind.lines().map((_, at) => at + 1))
    await blind.does(["audit", "verify"])
  })

  test("kill -9 of one while it sends: what it sent is noted, and the others go on", async () => {
    const before = ofEvent("request").length
    const killed = run(MANY(400))
    const other = run(MANY(25))
    await expect.poll(() => blind.service.got.length).toBeGreaterThan(10)
    killed.child.kill("SIGKILL")
    expect(await other.ended).toEqual([0, null])
    await killed.ended
    await blind.does(["get", "stripe/webhook", "--agent", "ci"])
    // The line is on the disk before the value leaves.
    const noted = ofEvent("request").length - before
    expect(noted).toBeGreaterThanOrEqual(blind.service.got.length)
    const [first] = blind.lines().slice(-1)
    expect(first).toMatchObject({ event: "read", door: "cli" })
    await blind.does(["audit", "verify"])
  })
})

test("audit names what it cannot read, and refuses a time that ends before it begins", async () => {
  const { machine } = blind
  const folder = await machine.call(["audit", machine.repo])
  expect([folder.code, folder.stderr]).toEqual([
    4,
    expect.stringContaining(`NO_ACCESS: cannot read ${machine.repo}: it is a folder`),
  ])
  const turned = await machine.call(["audit", "--since", "1d", "--until", "2d"])
  expect([turned.code, turned.stderr]).toEqual([2, expect.stringContaining("USAGE: nothing is")])
})

test("blast counts both ways in which a chain goes on, where two machines began with one copy", async () => {
  const { machine } = blind
  const other = join(machine.home, "other.jsonl")
  const audited = async (): Promise<{ files: number; times: number }> => {
    const { stdout } = await machine.call(["blast", "ci", other, "--json"])
    const { audit, opens } = JSON.parse(stdout) as {
      audit: { files: unknown[] }
      opens: { name: string; used?: { times: number } }[]
    }
    const times = opens.find(({ name }) => name === "stripe/webhook")?.used?.times ?? 0
    return { files: audit.files.length, times }
  }
  await blind.does(["get", "stripe/webhook", "--agent", "ci"])
  copyFileSync(fileOfCi(), other)
  const before = await audited()
  expect(before.files).toBe(1)
  await blind.does(["get", "stripe/webhook", "--agent", "ci", "--audit", other])
  await blind.does(["get", "stripe/api-key", "--agent", "ci"])
  await blind.does(["get", "stripe/api-key", "--agent", "ci"])
  expect(await audited()).toEqual({ files: 2, times: before.times + 1 })
})

describe("what an agent used is said first", () => {
  test("but keeps no revoke waiting: the agent may have written an audit that has no end", async () => {
    const { machine } = blind
    const file = fileOfCi()
    const head = async (): Promise<string> => (await machine.shell("git rev-parse HEAD")).stdout
    const before = await head()
    renameSync(file, `${file}.whole`)
    writeFileSync(file, "")
    truncateSync(file, 2 ** 40)
    const { ended, child } = starts("revoke", "ci", "stripe")
    await expect.poll(head).not.toBe(before)
    child.kill("SIGKILL")
    await ended
    renameSync(`${file}.whole`, file)
    await blind.does(["repair"])
    const refused = await machine.call(["get", "stripe/api-key", "--agent", "ci"])
    expect(refused.stderr).toContain("NOT_GRANTED")
    await blind.does(["grant", "ci", "stripe"])
  })

  test("by agent rekey and by revoke, with times and hosts", async () => {
    await blind.does(["get", "stripe/api-key", "--agent", "ci"])
    await blind.runs(SEND("GET", "/v1/a"))
    const sent = blind
      .lines()
      .filter(
        ({ event, door, secrets = [] }) =>
          (event === "request" || (event === "read" && door !== "broker")) &&
          secrets.some(({ name }) => name === "stripe/api-key"),
      )
    expect(sent.length).toBeGreaterThan(1)
    const last = sent
      .map(({ at }) => at)
      .sort()
      .at(-1)
    const { authority } = blind.service
    const said = `  stripe/api-key  ${sent.length} times, last ${last}, sent to ${authority}\n`
    for (const argv of [
      ["agent", "rekey", "ci"],
      ["revoke", "ci", "stripe"],
    ]) {
      const { code, stderr } = await blind.machine.call(argv)
      expect([code, stderr]).toEqual([0, expect.stringContaining(said)])
      if (argv[0] === "revoke") await blind.does(["grant", "ci", "stripe"])
    }
    const { used } = JSON.parse(await blind.does(["revoke", "ci", "stripe", "--json"])) as {
      used: { secrets: unknown[] }
    }
    expect(used.secrets).toContainEqual(
      expect.objectContaining({ secret: "stripe/api-key", times: sent.length, hosts: [authority] }),
    )
  })
})
