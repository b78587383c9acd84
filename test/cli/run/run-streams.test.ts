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
import { setTimeout as sleep } from "node:timers/promises"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { noProc, testUnless } from "../../needs.js"
import type { Machine, Ran } from "../machine.js"
import { atTerminal, type Steps } from "../at-terminal.js"
import { CTRL_BACKSLASH, CTRL_C, counting, expectStopAndGoOn } from "./at-shell.js"
import { type Running, VALUES, runMachine, startRun } from "./run-machine.js"

const KEY = VALUES["stripe/api-key"]
const REDACTED = "[REDACTED stripe/api-key]"
const MEGABYTE = 1024 * 1024
/** Longer than anything waits at a terminal. */
const LONG_MS = 200

let machine: Machine

beforeAll(async () => {
  machine = await runMachine()
})
afterAll(() => machine.remove())

const OPTIONS = ["--agent", "ci", "-s", "stripe/api-key"]

function start(...command: string[]): Running {
  return startRun(machine, [...OPTIONS, "--", ...command])
}

/** Runs a program of Node, whose variable `key` is the value. */
function node(program: string): Running {
  return start(process.execPath, "-e", `const key = process.env.STRIPE_API_KEY; ${program}`)
}

function shell(command: string, options = ""): Promise<Ran> {
  return machine.shell(`agent-vault run ${OPTIONS.join(" ")} ${options} -- ${command}`)
}

describe("redaction", () => {
  test("stdout and stderr, each on its own", async () => {
    const ran = await shell(
      `sh -c 'echo "out $STRIPE_API_KEY"; echo "err $STRIPE_API_KEY" >&2; exit 3'`,
    )
    expect(ran).toEqual({ code: 3, stdout: `out ${REDACTED}\n`, stderr: `err ${REDACTED}\n` })
  })

  test("files of the streams can be opened, as programs in containers do", async () => {
    const ran = await shell(
      `bash -c 'echo "$STRIPE_API_KEY" > /dev/stdout; echo "$STRIPE_API_KEY" > /dev/stderr'`,
    )
    expect(ran).toEqual({ code: 0, stdout: `${REDACTED}\n`, stderr: `${REDACTED}\n` })
  })

  test("a value in many pieces, with pauses between them", async () => {
    const run = node(`(async () => {
      for (const char of "a" + key + "b") {
        process.stdout.write(char)
        process.stderr.write(char)
        await new Promise((resolve) => setTimeout(resolve, 15))
      }
    })()`)
    expect(await run.ended).toBe(0)
    expect([run.stdout(), run.stderr()]).toEqual([`a${REDACTED}b`, `a${REDACTED}b`])
  })

  test.each([
    ["the rest of a value", (rest: string) => rest, REDACTED],
    ["something else", () => "?", `${KEY.slice(0, 12)}?`],
  ])(
    "what may begin a value waits in a pipe for %s, longer than at a terminal",
    async (_what, then, shown) => {
      const go = join(machine.home, `go-${randomBytes(4).toString("hex")}`)
      const line = `printf 'a%s' '${KEY.slice(0, 12)}'; echo paused >&2; until [ -e ${go} ]; do sleep 0.05; done; printf %sb '${then(KEY.slice(12))}'`
      const run = start("sh", "-c", line)
      await run.tells("paused")
      await run.says("a")
      await sleep(LONG_MS)
      expect(run.stdout()).toBe("a")
      writeFileSync(go, "")
      expect(await run.ended).toBe(0)
      expect(run.stdout()).toBe(`a${shown}b`)
    },
  )

  test("a value that Python shows, or writes into a page", async () => {
    const value = `kéy-${randomBytes(8).toString("hex")}-<&'"ß€`
    const set = 'printf %s "$VALUE" | agent-vault set shown/x && agent-vault grant ci shown'
    const made = await machine.shell(`VALUE='${value.replaceAll("'", String.raw`'\''`)}'; ${set}`)
    expect(made.code).toBe(0)
    const script = [
      "import html, os, sys",
      "x = os.environ['SHOWN_X']",
      "a = html.escape(x).encode('ascii', 'xmlcharrefreplace').decode()",
      "b = ''.join(f'&#{ord(c)};' for c in x)",
      "print(repr(x.encode())[2:-1], ascii(x)[1:-1], html.escape(x), a, b, sep='|')",
    ].join("\n")
    const python = ["--agent", "ci", "-s", "shown/x", "--", "python3", "-c", script]
    const run = startRun(machine, python)
    expect(await run.ended).toBe(0)
    expect(run.stdout()).toBe(
      `${Array.from({ length: 5 }, () => "[REDACTED shown/x]").join("|")}\n`,
    )
  })

  test("a value that the program encoded", async () => {
    const run = node(
      `console.log(Buffer.from("user:" + key).toString("base64"), encodeURIComponent(key))`,
    )
    await run.ended
    expect(run.stdout()).toContain(REDACTED)
    expect(run.stdout()).not.toContain(Buffer.from(KEY).toString("base64").slice(8, 24))
  })

  test("what only begins like a value is handed on at the end", async () => {
    const run = node(`process.stdout.write(key.slice(0, 12))`)
    await run.ended
    expect(run.stdout()).toBe(KEY.slice(0, 12))
  })

  test("short values: one line says so, and only where it would redact", async () => {
    const options = "-s db/pin -s db/pin=PIN"
    const ran = await shell(`sh -c 'echo $DB_PIN'`, options)
    expect(ran).toEqual({
      code: 0,
      stdout: "1234\n",
      stderr: "agent-vault: not redacted, since they are under 6 bytes long: db/pin\n",
    })
    expect((await shell("true", `${options} --no-redact`)).stderr).toBe("")
  })

  test("--no-redact hands over the streams themselves", async () => {
    const file = join(machine.home, "out")
    const { stdout } = await shell(
      `sh -c 'readlink /proc/self/fd/1; echo $STRIPE_API_KEY' > ${file}; cat ${file}`,
      "--no-redact",
    )
    expect(stdout).toBe(`${file}\n${KEY}\n`)
  })

  test("without mkfifo, and without a folder for it, it works as well", async () => {
    const bin = join(machine.home, "few")
    mkdirSync(bin)
    symlinkSync(process.execPath, join(bin, "node"))
    symlinkSync("/bin/sh", join(bin, "sh"))
    for (const env of [`PATH=${bin}`, "TMPDIR=/nowhere"]) {
      const ran = await machine.shell(
        `${env} ${machine.home}/bin/agent-vault run ${OPTIONS.join(" ")} -- sh -c 'echo $STRIPE_API_KEY; exit 4'`,
      )
      expect(ran).toEqual({ code: 4, stdout: `${REDACTED}\n`, stderr: "" })
    }
  })

  test("nothing is left in the folder for temporary files", async () => {
    const folder = join(machine.home, "temporary")
    mkdirSync(folder)
    const run = startRun(machine, [...OPTIONS, "--", "readlink", "/proc/self/fd/1"], {
      env: { TMPDIR: folder },
    })
    await run.ended
    expect(run.stdout()).toMatch(/^\S+\/temporary\/agent-vault-run-\S+ \(deleted\)\n$/)
    expect(readdirSync(folder)).toEqual([])
  })
})

describe("what is no secret comes through as it is", () => {
  test("any bytes", async () => {
    const bytes = Buffer.concat([
      randomBytes(3 * MEGABYTE),
      Buffer.from("\u001b[31mrot é 漢 🔑\u001b[0m\r\n"),
    ])
    writeFileSync(join(machine.repo, "bytes"), bytes)
    const { stdout } = await shell("cat bytes | sha256sum; sha256sum < bytes")
    const [one, other] = stdout.trim().split("\n")
    expect(one).toBe(other)
  })

  test("stdin, to its end", async () => {
    const { stdout } = await machine.shell(
      `head -c 3000000 /dev/zero | agent-vault run ${OPTIONS.join(" ")} -- wc -c`,
    )
    expect(stdout.trim()).toBe("3000000")
  })

  test("the order within a stream", async () => {
    const { stdout } = await shell(`sh -c 'for i in $(seq 1 2000); do echo $i; done'`)
    expect(stdout.trim().split("\n")).toEqual(Array.from({ length: 2000 }, (_, i) => String(i + 1)))
  })

  test("a prompt without a newline is there while the program waits", async () => {
    const run = node(`
      process.stdin.on("data", () => process.stdout.write("Password: "))
      process.stdin.on("end", () => process.exit(0))
      process.stdout.write("ready ")`)
    await run.says("ready ")
    for (let round = 1; round <= 20; round += 1) {
      const before = run.stdout().length
      run.child.stdin?.write("\n")
      while (!run.stdout().slice(before).includes("Password: ")) await sleep(1)
    }
    run.child.stdin?.end()
    expect(await run.ended).toBe(0)
  })

  test("a protocol of lines: each answer before the next request, and not a byte more", async () => {
    const run = node(`
      require("node:readline").createInterface({ input: process.stdin }).on("line", (line) => {
        const { id, method, params } = JSON.parse(line)
        const result = { method, params, env: method === "leak" ? key : null }
        process.stdout.write(JSON.stringify({ jsonrpc: "2.0", id, result }) + "\\n")
      })`)
    for (let id = 1; id <= 50; id += 1) {
      const params = { text: `é "quoted" ${"x".repeat(id * 100)}`, begins: KEY.slice(0, 7) }
      const method = id === 50 ? "leak" : "tools/call"
      run.child.stdin?.write(`${JSON.stringify({ jsonrpc: "2.0", id, method, params })}\n`)
      await run.says(`"id":${id},`)
      while (!run.stdout().endsWith("\n")) await sleep(1)
      const answer: unknown = JSON.parse(run.stdout().trim().split("\n").at(-1) ?? "")
      const env = method === "leak" ? REDACTED : null
      expect(answer).toEqual({ jsonrpc: "2.0", id, result: { method, params, env } })
    }
    run.child.stdin?.end()
    expect(await run.ended).toBe(0)
  })
})

describe("large output", () => {
  testUnless(
    noProc,
    "100 MB, for a slow reader: the program waits, and little is held",
    async () => {
      const size = 100 * MEGABYTE
      const command = ["sh", "-c", `echo $$ >&2; exec head -c ${size} /dev/zero`]
      const run = startRun(machine, [...OPTIONS, "--", ...command])
      const { stdout } = run.child
      stdout?.removeAllListeners("data")
      stdout?.pause()
      await run.tells("\n")
      const program = Number(run.stderr())
      let length = 0
      let held = await writtenAtRest(program)
      stdout?.on("data", (chunk: Buffer) => {
        length += chunk.length
        held = Math.max(held, (writtenBy(program) ?? length) - length)
      })
      stdout?.resume()
      expect(await run.ended).toBe(0)
      expect(length).toBe(size)
      expect(held).toBeGreaterThan(0)
      expect(held).toBeLessThan(4 * MEGABYTE)
    },
  )

  test("endless output ends with its reader, without a word", async () => {
    const { stdout, stderr } = await shell(
      `sh -c 'yes; echo code $? >&2' | head -1; echo "\${PIPESTATUS[@]}"`,
    )
    expect({ stdout, stderr }).toEqual({ stdout: "y\n0 0\n", stderr: "code 141\n" })
    const alone = await shell(`yes | head -1; echo "\${PIPESTATUS[@]}"`)
    expect(alone).toMatchObject({ stdout: "y\n141 0\n", stderr: "" })
  })

  test("where one stream has no reader, the other goes on", async () => {
    const ran = await shell(
      `sh -c 'trap "" PIPE; while echo x 2>/dev/null; do :; done; echo done >&2; exit 6' | true; echo "\${PIPESTATUS[0]}"`,
    )
    expect(ran).toMatchObject({ stdout: "6\n", stderr: "done\n" })
  })

  test("a full disk is an error of ours", async () => {
    const ran = await shell("echo x > /dev/full")
    expect(ran.code).toBe(125)
    expect(ran.stderr).toContain("NO_ACCESS: the program's output could not be written (ENOSPC)")
  })

  test("who holds the pipe behind the program is waited for, and its output is redacted", async () => {
    const late = "(while kill -0 $$ 2>/dev/null; do sleep 0.01; done; echo late $STRIPE_API_KEY)"
    const ran = await shell(`sh -c '${late} & exit 5'`)
    expect(ran).toEqual({ code: 5, stdout: `late ${REDACTED}\n`, stderr: "" })
  })
})

describe("signals", () => {
  const signals = [
    "SIGTERM",
    "SIGHUP",
    "SIGINT",
    "SIGQUIT",
    "SIGUSR1",
    "SIGUSR2",
    "SIGWINCH",
    "SIGCONT",
  ] as const

  test.each(signals)("%s reaches the program, which decides", async (signal) => {
    const run = node(`
      let count = 0
      process.on("${signal}", () => { count += 1; console.log("got", count); setTimeout(() => process.exit(40 + count), 200) })
      setInterval(() => {}, 1000)
      console.log("ready")`)
    await run.says("ready")
    run.child.kill(signal)
    expect(await run.ended).toBe(41)
  })

  test.each(["SIGTERM", "SIGINT", "SIGHUP", "SIGUSR1"] as const)(
    "%s ends a program that does not care",
    async (signal) => {
      const run = start("sh", "-c", "echo ready; exec sleep 600")
      await run.says("ready")
      run.child.kill(signal)
      expect(await run.ended).toBe(128 + { SIGTERM: 15, SIGINT: 2, SIGHUP: 1, SIGUSR1: 10 }[signal])
    },
  )

  test("a program that stays, stays; so do we", async () => {
    const run = node(
      `process.on("SIGTERM", () => { console.log("no"); setTimeout(() => process.exit(9), 1000) }); setInterval(() => {}, 1000); console.log("ready")`,
    )
    await run.says("ready")
    run.child.kill("SIGTERM")
    await run.says("no")
    expect(await run.ended).toBe(9)
  })

  test("when the program is gone and somebody holds its pipe, a signal ends us", async () => {
    const run = start("sh", "-c", "sleep 600 & echo $! $$; exit 0")
    await run.says("\n")
    const [holder, program] = run.stdout().trim().split(" ").map(Number)
    await expect.poll(() => existsSync(`/proc/${program}`)).toBe(false)
    expect(run.child.exitCode).toBeNull()
    // The first may come before it has noted that the program is gone.
    const endedBy = (): string | null => {
      run.child.kill("SIGTERM")
      return run.child.signalCode
    }
    await expect.poll(endedBy).toBe("SIGTERM")
    process.kill(holder ?? 0)
  })

  test("if we are killed, the program's next line ends it", async () => {
    const run = start("sh", "-c", "echo $$; while :; do echo x; sleep 0.05; done")
    await run.says("x")
    const program = Number(run.stdout().split("\n")[0])
    run.child.kill("SIGKILL")
    await expect.poll(() => isAlive(program)).toBe(false)
  })
})

describe("at a terminal", () => {
  test.each([
    ["SIGINT", CTRL_C, []],
    ["SIGQUIT", CTRL_BACKSLASH, []],
    ["SIGINT", CTRL_C, ["--no-redact"]],
  ] as const)("%s is not delivered twice", async (signal, typed, more) => {
    const argv = ["run", ...OPTIONS, ...more, "--", "node", "-e", counting(signal)]
    const { code, shown } = await atTerminal(machine, argv, [["ready", typed]])
    expect(code, shown).toBe(41)
  })

  test("Ctrl-C ends a program that does not care", async () => {
    const argv = ["run", ...OPTIONS, "--", "sh", "-c", "echo ready; exec sleep 600"]
    expect((await atTerminal(machine, argv, [["ready", CTRL_C]])).code).toBe(130)
  })

  test("the program reads what is typed; only --no-redact shows the value", async () => {
    const program = 'echo ready; read x; test -t 1 && echo terminal; echo "[$x] $STRIPE_API_KEY"'
    const argv = (...more: string[]) => ["run", ...OPTIONS, ...more, "--", "sh", "-c", program]
    const typed: Steps = [["ready", "hello\r"]]
    const { shown } = await atTerminal(machine, argv(), typed)
    expect(shown).toContain(`[hello] ${REDACTED}\n`)
    expect(shown).not.toContain(KEY)
    expect((await atTerminal(machine, argv("--no-redact"), typed)).shown).toContain(
      `terminal\n[hello] ${KEY}`,
    )
  })

  test("Ctrl-Z stops both, and fg goes on", async () => {
    await expectStopAndGoOn(machine, OPTIONS)
  })
})

function isAlive(pid: number): boolean {
  try {
    // A zombie that nobody waits for is dead.
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"))
  } catch {
    return false
  }
}

/** How many bytes a process has written until now; undefined once it is gone. */
function writtenBy(pid: number): number | undefined {
  try {
    const [, bytes] = /^wchar: (\d+)/m.exec(readFileSync(`/proc/${pid}/io`, "utf8")) ?? []
    return bytes === undefined ? undefined : Number(bytes)
  } catch {
    return undefined
  }
}

/** How many bytes a process wrote until it wrote no more, or was gone. */
async function writtenAtRest(pid: number): Promise<number> {
  let [last, times] = [0, 0]
  await expect
    .poll(() => {
      const now = writtenBy(pid) ?? last
      times = now > 0 && now === last ? times + 1 : 0
      last = now
      return times
    })
    .toBeGreaterThan(10)
  return last
}
