import { execFileSync } from "node:child_process"
import { randomBytes } from "node:crypto"
import {
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  symlinkSync,
  writeFileSync,
} from "node:fs"
import { join } from "node:path"
import { kill } from "node:process"
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest"
import { bubblewrap } from "../../scripts/bubblewrap.mjs"
import type { AuditLine } from "../../src/core/index.js"
import type { Service } from "../broker/proxy/broker-world.js"
import { type Machine, vaultMachine } from "../cli/machine.js"
import { testUnless } from "../needs.js"
import { done, serviceFor, trustOn, valuesIn } from "./service.js"
import { Raw, Session, type Told } from "./session.js"

const KEY = `not-a-real-key-${randomBytes(12).toString("hex")}`
const OTHER = `not-a-real-key-${randomBytes(12).toString("hex")}`
const VALUES = { "stripe/api-key": KEY, "stripe/webhook": OTHER }
const CURL = 'curl -sS -H "Authorization: Bearer $STRIPE_API_KEY"'
const SERVED = ["--agent", "ci", "--allow-run", "--isolate", "none"]

const found = await bubblewrap()
const lackBubblewrap = "missing" in found ? found.missing : undefined

/** One whose agent gets values, and one where a rule lets stripe/api-key go to the service. */
let machine: Machine
let bound: Machine
let service: Service
let session: Session
let sessionBound: Session
let count = 0

beforeAll(async () => {
  machine = await vaultMachine()
  service = await serviceFor(machine)
  await done(machine, ["set", "stripe/api-key"], KEY)
  await done(machine, ["set", "stripe/webhook"], OTHER)
  bound = machine.copy()
  trustOn(bound, service)
  bound.env["BASE"] = `https://${service.authority}`
  const where = ["--host", service.authority, "--method", "GET", "--path", "/v1/**"]
  const how = ["--at", "header:authorization", "--scheme", "bearer"]
  await done(bound, ["use", "stripe/api-key", ...where, ...how, "--yes"])
  service.handler = (request, response) => {
    response.end(`you sent ${request.headers.authorization}`)
  }
  session = await Session.open(machine, SERVED)
  sessionBound = await Session.open(bound, SERVED)
  symlinkSync(machine.home, join(machine.repo, "out"))
})
beforeEach(() => {
  service.got.length = 0
})
afterEach(() => {
  // Whatever came of it: neither way is there a value in any form.
  for (const { messages } of [session, sessionBound]) {
    expect(valuesIn(messages.splice(0).join("\n"), VALUES)).toEqual([])
  }
})
afterAll(async () => {
  await Promise.all([session, sessionBound].map(({ client }) => client.close()))
  service.close()
  for (const each of [machine, bound]) each.remove()
})

function run(program: string, args: readonly string[], more: object = {}): Promise<Told> {
  return session.call("run_command", { program, args, ...more })
}

/** A line for sh, which is a program like any other. */
function sh(line: string, more: object = { groups: ["stripe"] }, by = session): Promise<Told> {
  return by.call("run_command", { program: "/bin/sh", args: ["-c", line], ...more })
}

function documentOf({ isError, document }: Told): Record<string, unknown> {
  expect([isError, document]).toEqual([false, expect.anything()])
  return document
}

function errorOf({ isError, document }: Told): Record<string, string> {
  expect([isError, document]).toEqual([true, expect.anything()])
  return document["error"] as Record<string, string>
}

function audited(on: Machine): AuditLine[] {
  const record = readFileSync(join(on.repo, ".agent-vault/vault.json"), "utf8")
  const { vault } = JSON.parse(record) as { vault: string }
  const file = join(on.home, ".local/state/agent-vault", vault, "audit/agents/ci.jsonl")
  const lines = readFileSync(file, "utf8").trimEnd().split("\n")
  return lines.map((line) => JSON.parse(line) as AuditLine)
}

function newFile(): string {
  count += 1
  return join(machine.home, `file-${count}`)
}

function isAlive(pid: number): boolean {
  try {
    kill(pid, 0)
    // A zombie that nobody waits for is dead.
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"))
  } catch {
    return false
  }
}

/** Whether a process has this in its command line. */
function running(mark: string): boolean {
  const all = readdirSync("/proc").filter((name) => /^\d+$/.test(name))
  return all.some((pid) => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").includes(mark)
    } catch {
      return false
    }
  })
}

/** A line that runs until the client wants no answer any more. */
function cancellable(by: Session, line: string, more: object = { groups: ["stripe"] }) {
  const cancelling = new AbortController()
  const { signal } = cancelling
  const asked = { program: "/bin/sh", args: ["-c", line], seconds: 600, ...more }
  const answer = by.client.callTool({ name: "run_command", arguments: asked }, undefined, {
    signal,
    timeout: 600_000,
  })
  return {
    cancel: async (): Promise<void> => {
      cancelling.abort()
      await expect(answer).rejects.toThrow()
    },
  }
}

/** Writes the shell's process into a file, which is whole when it is there. */
function named(file: string): string {
  return `echo $$ > "${file}"`
}

/** The process that a program named in a file, once the file is whole. */
async function pidIn(file: string): Promise<number> {
  const text = (): string => (existsSync(file) ? readFileSync(file, "utf8") : "")
  await expect.poll(text).toMatch(/^\d+\n$/)
  return Number(text())
}

describe("a program with variables", () => {
  test("gets the values, and a model its output without them", async () => {
    const document = documentOf(
      await sh('printf "%s\\n" "[$STRIPE_API_KEY]"; echo bad >&2; exit 3'),
    )
    expect(document).toEqual({
      mode: "variables",
      exit: 3,
      stdout: "[[REDACTED stripe/api-key]]\n",
      stderr: "bad\n",
      variables: { STRIPE_API_KEY: "stripe/api-key", STRIPE_WEBHOOK: "stripe/webhook" },
    })
  })

  test("had its line in the audit before, with the program, the client and the call", async () => {
    const seen = newFile()
    await sh(`cat "$HOME/.local/state/agent-vault/"*/audit/agents/ci.jsonl > "${seen}"`)
    const before = readFileSync(seen, "utf8").trimEnd().split("\n")
    const line = before
      .map((each) => JSON.parse(each) as AuditLine)
      .find(({ door }) => door === "run")
    expect(line).toMatchObject({ event: "read", program: "sh, for a client" })
    expect(line?.call).toMatch(/^\d+$/)
  })

  test("has none of our own variables, and one of its own choice", async () => {
    const { stdout } = documentOf(await run("env", [], { secrets: ["stripe/api-key=MY_KEY"] }))
    expect(stdout).toMatch(/^MY_KEY=\[REDACTED stripe\/api-key\]$/m)
    expect(stdout).not.toMatch(/AGENT_VAULT|STRIPE_WEBHOOK/)
  })

  test("is not what a blind server gives", async () => {
    await using blind = await Session.open(machine, [...SERVED, "--blind"])
    const told = errorOf(await sh("env", { groups: ["stripe"], mode: "variables" }, blind))
    expect(told).toMatchObject({
      code: "USAGE",
      hint: expect.stringContaining("without mode") as string,
    })
    // Nor by itself, where no rule says how a secret is used.
    expect(errorOf(await sh("env", { groups: ["stripe"] }, blind))["code"]).toBe("USE_REFUSED")
  })
})

describe("a blind program", () => {
  test("sends a value that it never has", async () => {
    const line =
      'echo "$STRIPE_API_KEY"; curl -sS -H "Authorization: Bearer $STRIPE_API_KEY" "$BASE/v1/x"'
    const document = documentOf(await sh(line, {}, sessionBound))
    expect(document).toMatchObject({
      mode: "blind",
      exit: 0,
      variables: { STRIPE_API_KEY: "stripe/api-key" },
      isolation: expect.stringContaining("not isolated") as string,
    })
    expect(service.got[0]?.request.headers.authorization).toBe(`Bearer ${KEY}`)
    const [placeholder, answer] = String(document["stdout"]).split("\n")
    expect(placeholder).toMatch(/^avp_\w+$/)
    expect(answer).toBe("you sent Bearer [REDACTED stripe/api-key]")
    const events = new Set(audited(bound).map(({ event }) => event))
    const all = ["run-start", "request", "result", "run-end"] as const
    expect(all.filter((event) => !events.has(event))).toEqual([])
  })

  test("takes a secret's name in an argument", async () => {
    const url = `https://${service.authority}/v1/x`
    const args = ["-sS", "-H", "Authorization: Bearer {{stripe/api-key}}", url]
    expect(
      documentOf(await sessionBound.call("run_command", { program: "curl", args }))["exit"],
    ).toBe(0)
    expect(service.got[0]?.request.headers.authorization).toBe(`Bearer ${KEY}`)
  })

  test("is told what was refused, and a model too", async () => {
    const line = 'curl -sS -H "Authorization: Bearer $STRIPE_API_KEY" "$BASE/v2/x"'
    const { refused } = documentOf(await sh(line, {}, sessionBound))
    expect(refused).toEqual([expect.objectContaining({ code: "USE_REFUSED" })])
    expect(service.got).toEqual([])
  })
})

describe("an isolated program", () => {
  testUnless(lackBubblewrap, "reads no key, and has no way out but the broker", async () => {
    await using isolated = await Session.open(bound, ["--agent", "ci", "--blind", "--allow-run"])
    const line = `ls "$HOME/.config/agent-vault"; ${CURL} "$BASE/v1/x"; env -u HTTPS_PROXY ${CURL} --noproxy "*" "$BASE/v1/x"`
    const document = documentOf(await sh(line, {}, isolated))
    expect(document["stdout"]).toBe("you sent Bearer [REDACTED stripe/api-key]")
    expect(document["isolation"]).toContain("isolated by bubblewrap")
    expect(service.got).toHaveLength(1)
  })

  testUnless(lackBubblewrap, "that is hidden is not there, whether it is or not", async () => {
    await using isolated = await Session.open(bound, ["--agent", "ci", "--blind", "--allow-run"])
    const home = join(bound.home, ".config", "agent-vault")
    const paths = [...readdirSync(home), "none"].map((name) => join(home, name))
    expect(paths.length).toBeGreaterThan(1)
    for (const program of paths) {
      const { code, message } = errorOf(
        await isolated.call("run_command", { program, secrets: [] }),
      )
      expect([code, message]).toEqual(["COMMAND_NOT_FOUND", expect.stringMatching(/^there is no /)])
    }
  })

  testUnless(lackBubblewrap, "ends with all that it started, a daemon too", async () => {
    await using isolated = await Session.open(bound, ["--agent", "ci", "--blind", "--allow-run"])
    const [file, mark] = [newFile(), `600.${randomBytes(4).readUInt32LE()}`]
    const asked = cancellable(
      isolated,
      `(setsid sleep ${mark} &); trap "" TERM; ${named(file)}; for i in 1 2 3 4 5 6 7 8 9; do sleep 60; done`,
      {},
    )
    await pidIn(file)
    await expect.poll(() => running(mark)).toBe(true)
    await asked.cancel()
    await expect.poll(() => running(mark)).toBe(false)
  })
})

describe("what a program says", () => {
  test.each([
    ["its whole environment", "env"],
    [
      "a value in pieces",
      'a=${STRIPE_API_KEY%??????}; printf %s "$a"; sleep 0.2; printf %s "${STRIPE_API_KEY#"$a"}"',
    ],
    ["its base64", 'printf %s "$STRIPE_API_KEY" | base64'],
    ["it on stderr", 'printf %s "$STRIPE_API_KEY" >&2'],
    ["another value of the agent", 'cat "$HOME/other"'],
  ])("comes without values: %s", async (_what, line) => {
    writeFileSync(join(machine.home, "other"), `a ${OTHER} b`)
    const { stdout, stderr } = documentOf(await sh(line, { secrets: ["stripe/api-key"] }))
    expect(`${String(stdout)}${String(stderr)}`).toContain("[REDACTED stripe/")
  })

  test("is 100 MB: its beginning comes, page by page", async () => {
    const line = 'head -c 100000000 /dev/zero | tr "\\0" x; echo end >&2'
    const first = documentOf(await sh(line))
    expect(first).toMatchObject({ exit: 0, stderr: "end\n", cut: ["stdout"] })
    expect(first["stdout"]).toBe("x".repeat(16_384))
    let [length, next] = [16_384, first["next"]]
    while (next !== undefined) {
      const page = documentOf(await session.call("run_command", next as Record<string, unknown>))
      length += String(page["stdout"]).length
      next = page["next"]
    }
    expect(length).toBe(2 ** 20)
  })

  test("is no page that is not there", async () => {
    expect(errorOf(await run("true", [], { page: "stdout:9-1" }))["code"]).toBe("USAGE")
    expect(errorOf(await run("true", [], { page: "else" }))["code"]).toBe("USAGE")
  })
})

describe("the end of a program", () => {
  test("comes when its time is up", async () => {
    const document = documentOf(await sh("sleep 600", { groups: ["stripe"], seconds: 1 }))
    expect(document).toMatchObject({
      late: true,
      signal: "SIGTERM",
      note: expect.stringContaining("1 s") as string,
    })
  })

  test("comes also if it ignores SIGTERM", async () => {
    const file = newFile()
    const asked = cancellable(
      session,
      `trap "" TERM; ${named(file)}; for i in 1 2 3 4 5 6 7 8 9; do sleep 60; done`,
    )
    const pid = await pidIn(file)
    await asked.cancel()
    await expect.poll(() => isAlive(pid)).toBe(false)
  })

  test("is that of all that it started, which held its pipes", async () => {
    const files = [newFile(), newFile(), newFile()] as const
    const line = `sh -c '${named(files[0])}; exec sleep 600' & setsid sh -c '${named(files[1])}; exec sleep 600' & ${named(files[2])}; sleep 600`
    const asked = cancellable(session, line)
    const pids = await Promise.all(files.map(pidIn))
    await asked.cancel()
    for (const pid of pids) await expect.poll(() => isAlive(pid)).toBe(false)
  })

  test("is not waited for in what it leaves behind", async () => {
    const file = newFile()
    const document = documentOf(await sh(`sleep 600 & echo $! > "${file}"; echo done`))
    expect(document).toMatchObject({ exit: 0, stdout: "done\n" })
    expect(isAlive(await pidIn(file))).toBe(false)
  })

  test.each(["SIGTERM", "SIGHUP"] as const)(
    "comes before that of a server that gets %s",
    async (signal) => {
      const raw = new Raw(machine, SERVED)
      await raw.initialize()
      const file = newFile()
      await raw.callTool(1, "run_command", {
        program: "/bin/sh",
        args: ["-c", `${named(file)}; sleep 600`],
        groups: ["stripe"],
      })
      const pid = await pidIn(file)
      raw.child.kill(signal)
      expect(await raw.ended).toBe(signal)
      expect(isAlive(pid)).toBe(false)
    },
  )

  test("by a signal is told", async () => {
    expect(documentOf(await sh("kill -USR1 $$"))).toMatchObject({ signal: "SIGUSR1" })
  })
})

describe("what runs", () => {
  test("is a program by its path, with a space, in a folder of the repository", async () => {
    const folder = join(machine.repo, "my folder")
    mkdirSync(folder)
    writeFileSync(join(folder, "a program"), '#!/bin/sh\nprintf "%s|" "$PWD" "$@"\n', {
      mode: 0o755,
    })
    const args = ["a b", "$HOME", "*"]
    const { stdout } = documentOf(
      await run("./a program", args, { groups: ["stripe"], cwd: "my folder" }),
    )
    expect(stdout).toBe(`${folder}|a b|$HOME|*|`)
  })

  test("reads what it was given, and nothing else", async () => {
    const given = await run("cat", [], { groups: ["stripe"], stdin: "a\nb" })
    expect(documentOf(given)["stdout"]).toBe("a\nb")
    expect(documentOf(await run("cat", [], { groups: ["stripe"] }))["stdout"]).toBe("")
    // One that does not read it is no failure.
    const unread = await run("true", [], { groups: ["stripe"], stdin: "x".repeat(1_000_000) })
    expect(documentOf(unread)["exit"]).toBe(0)
  })

  test("is a shell only where it is asked for, and then says so", async () => {
    const asked = { program: "echo $((1 + 2)) | cat", groups: ["stripe"] }
    expect(errorOf(await session.call("run_command", asked))["code"]).toBe("COMMAND_NOT_FOUND")
    const told = await session.call("run_command", { ...asked, shell: true })
    expect(documentOf(told)).toMatchObject({ shell: true, stdout: "3\n" })
    expect(audited(machine).at(-1)?.program).toBe("a shell, for a client")
  })

  test("two at once, each with its own output", async () => {
    const fifo = newFile()
    execFileSync("mkfifo", [fifo])
    // Neither ends without the other.
    const both = await Promise.all([
      sh(`echo one; echo from-one > "${fifo}"`),
      sh(`echo two; cat "${fifo}"`),
    ])
    expect(both.map(({ document }) => document["stdout"])).toEqual(["one\n", "two\nfrom-one\n"])
  })

  test.each([
    ["no such program", { program: "no-such-program" }, "COMMAND_NOT_FOUND"],
    ["a program that may not run", { program: "./.agent-vault/vault.json" }, "COMMAND_NOT_STARTED"],
    ["nothing", { program: " " }, "USAGE"],
    ["args for a shell", { program: "echo", args: ["a"], shell: true }, "USAGE"],
    ["too long a time", { program: "true", seconds: 601 }, "USAGE"],
    ["no time", { program: "true", seconds: 0 }, "USAGE"],
    ["another mode", { program: "true", mode: "open" }, "USAGE"],
    ["a zero byte", { program: "true", args: ["a\0b"] }, "USAGE"],
    ["a folder outside", { program: "true", cwd: ".." }, "USAGE"],
    ["a folder that is a link outside", { program: "true", cwd: "out" }, "USAGE"],
    ["no folder", { program: "true", cwd: "nowhere" }, "USAGE"],
    [
      "a variable that takes programs over",
      { program: "true", secrets: ["stripe/api-key=LD_PRELOAD"] },
      "USAGE",
    ],
    ["no variable's name", { program: "true", secrets: ["stripe/api-key=a b"] }, "NAME_INVALID"],
    ["a closed group", { program: "true", groups: ["db"] }, "NOT_GRANTED"],
    ["no secrets at all", { program: "true", groups: [] }, "USAGE"],
    ["a name where there are values", { program: "echo", args: ["{{stripe/api-key}}"] }, "USAGE"],
    ["a name in a shell line", { program: "echo {{stripe/api-key}}", shell: true }, "USAGE"],
  ])("is refused: %s", async (_what, args, code) => {
    const told = errorOf(await session.call("run_command", { groups: ["stripe"], ...args }))
    expect(told).toMatchObject({ code, hint: expect.stringMatching(/./) as string })
    expect(told["hint"]).not.toContain("-- sh")
  })

  test("is refused elsewhere without a word of what is there", async () => {
    const elsewhere = ["..", "out", "nowhere", "../nowhere"].map((cwd) =>
      session.call("run_command", { groups: ["stripe"], program: "true", cwd }),
    )
    const told = (await Promise.all(elsewhere)).map(errorOf)
    expect(new Set(told.map(({ message }) => message)).size).toBe(1)
  })

  test("is refused with a value in an argument, which others could see", async () => {
    const raw = new Raw(machine, SERVED)
    await raw.initialize()
    const file = newFile()
    for (const value of [KEY, Buffer.from(KEY).toString("base64")]) {
      await raw.callTool(value, "run_command", {
        program: "touch",
        args: [file, value],
        groups: ["stripe"],
      })
      const { result } = await raw.answer(value)
      expect(result).toMatchObject({
        isError: true,
        structuredContent: { error: { code: "GATE_REFUSED" } },
      })
      expect(valuesIn(JSON.stringify(result), VALUES)).toEqual([])
    }
    expect(existsSync(file)).toBe(false)
    expect(audited(machine).at(-1)).toMatchObject({ event: "refused", reason: "GATE_REFUSED" })
    await raw.end()
  })
})

describe("a server without --allow-run", () => {
  test("has no such tool, and says so when it is called", async () => {
    await using without = await Session.open(machine, ["--agent", "ci"])
    const { tools } = await without.client.listTools()
    expect(tools.map(({ name }) => name)).not.toContain("run_command")
    const asked = { program: "true", groups: ["stripe"] }
    await expect(without.call("run_command", asked)).rejects.toThrow("there is no such tool")
  })

  test("takes no --isolate", async () => {
    const { code, stderr } = await machine.call(["mcp", "--agent", "ci", "--isolate", "none"])
    expect([code, stderr]).toEqual([2, expect.stringContaining("--allow-run")])
  })
})
