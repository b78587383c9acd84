import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { Server } from "node:net"
import { setImmediate } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { bubblewrap } from "../../../scripts/bubblewrap.mjs"
import { findBubblewrap, isolated, programInside } from "../../../src/broker/isolate/bubblewrap.js"
import { openRefusedCalls } from "../../../src/broker/isolate/refused-calls.js"
import { start as startChild } from "../../../src/cli/run/child.js"
import { testUnless } from "../../needs.js"
import { atTerminal, plain } from "../at-terminal.js"
import type { Machine } from "../machine.js"
import { CTRL_C, CTRL_Z, atShell, counting, expectStopAndGoOn } from "./at-shell.js"
import { type Running, runMachine, startRun } from "./run-machine.js"

const programs = mkdtempSync(join(tmpdir(), "agent-vault-programs-"))
const found = await bubblewrap()
const lackBubblewrap = "missing" in found ? found.missing : undefined

let machine: Machine

beforeAll(async () => {
  machine = await runMachine()
  const rule = ["--host", "api.example.com", "--method", "GET", "--path", "/**"]
  const place = ["--at", "header:authorization", "--scheme", "bearer", "--yes"]
  const { code, stderr } = await machine.call(["use", "stripe/api-key", ...rule, ...place])
  if (code !== 0) throw new Error(stderr)
})
afterAll(() => {
  machine.remove()
  rmSync(programs, { recursive: true })
})

/** Programs that do not start, with their exit code and what is said. */
function notThere(): readonly (readonly [string, string, number, string])[] {
  const [text, script] = [join(programs, "text"), join(programs, "script")]
  writeFileSync(text, "echo began\n", { mode: 0o644 })
  writeFileSync(script, "#!/nowhere/sh\necho began\n", { mode: 0o755 })
  const start =
    "check that it is a program that you may execute; for a script, name its interpreter first"
  return [
    [
      "a program that is not there",
      "no-such-program",
      127,
      "COMMAND_NOT_FOUND: there is no program no-such-program\n  is it installed, and on PATH? what only a shell knows: -- sh -c 'LINE'",
    ],
    [
      "a script whose interpreter is not there",
      script,
      127,
      `COMMAND_NOT_FOUND: ${shortened(script)} is there, but what it runs with is not\n  look at the interpreter in its first line (#!), or at its libraries`,
    ],
    [
      "a file that may not be executed",
      text,
      126,
      `COMMAND_NOT_STARTED: ${shortened(text)} cannot be run (EACCES)\n  ${start}`,
    ],
    [
      "a folder in place of a program",
      programs,
      126,
      `COMMAND_NOT_STARTED: ${shortened(programs)} cannot be run (EACCES)\n  ${start}`,
    ],
  ]
}

function shortened(path: string): string {
  return path.length > 60 ? `${path.slice(0, 60)}…` : path
}

describe.each([
  ["bwrap", lackBubblewrap],
  ["none", undefined],
] as const)("a blind run, --isolate %s", (isolation, lack) => {
  const options = ["--agent", "ci", "--blind", "--isolate", isolation, "-s", "stripe/api-key"]
  const start = (...command: string[]): Running => startRun(machine, [...options, "--", ...command])

  for (const signal of ["SIGTERM", "SIGHUP", "SIGINT", "SIGUSR2"] as const) {
    testUnless(lack, `${signal} reaches the program once, which ends as it likes`, async () => {
      const run = start(process.execPath, "-e", counting(signal))
      await run.says("ready")
      run.child.kill(signal)
      expect(await run.ended, run.stderr()).toBe(41)
    })
  }

  testUnless(lack, "what --allow cannot mean is told before anything starts", async () => {
    for (const text of ["https://x", "api.example.com/v1", "*.example.com", "u@x.com", "x y"]) {
      const run = startRun(machine, [...options, "--allow", text, "--", "echo", "began"])
      expect(await run.ended, text).toBe(125)
      expect(run.stdout()).toBe("")
      expect(run.stderr()).toBe(
        `agent-vault: USAGE: --allow takes a host, or HOST:PORT, and not "${text}"\n  as --allow api.example.com: no scheme, user or path, and each host by itself\n`,
      )
    }
  })

  for (const [what, command, code, told] of notThere()) {
    testUnless(lack, `${what} is told by us`, async () => {
      const run = start(command)
      expect(await run.ended).toBe(code)
      expect(run.stdout()).toBe("")
      expect(run.stderr().slice(run.stderr().indexOf("agent-vault: COMMAND_"))).toBe(
        `agent-vault: ${told}\n`,
      )
    })
  }

  testUnless(lack, "what is too large with what the run adds is told by us", async () => {
    const most = 128 * 1024 - "JAVA_TOOL_OPTIONS=".length - 1
    const env = { JAVA_TOOL_OPTIONS: "-Dx=".padEnd(most, "x") }
    const run = startRun(machine, [...options, "--", "echo", "began"], { env })
    expect(await run.ended).toBe(126)
    expect(run.stdout()).toBe("")
    expect(run.stderr()).toMatch(
      /\nagent-vault: COMMAND_NOT_STARTED: the environment \(its largest variable is JAVA_TOOL_OPTIONS, \d+ bytes\) is more than the system takes\n {2}Linux takes [^\n]*\n$/,
    )
  })

  testUnless(lack, "a variable that shells set by themselves is refused", async () => {
    for (const name of ["OPTIND", "UID", "RANDOM"]) {
      const variable = ["-s", `stripe/api-key=${name}`]
      const run = startRun(machine, [...options.slice(0, -2), ...variable, "--", "echo", "began"])
      expect(await run.ended).toBe(125)
      expect(run.stdout()).toBe("")
      expect(run.stderr()).toBe(
        `agent-vault: USAGE: stripe/api-key may not be the variable ${name}: shells set it by themselves\n  give it another name: -s stripe/api-key=NAME\n`,
      )
    }
  })

  testUnless(lack, "a signal ends a program that does not care", async () => {
    const run = start("sh", "-c", "echo ready; exec sleep 600")
    await run.says("ready")
    run.child.kill("SIGTERM")
    expect(await run.ended).toBe(128 + 15)
  })

  testUnless(lack, "Ctrl-C is the program's, once", async () => {
    const argv = ["run", ...options, "--", process.execPath, "-e", counting("SIGINT")]
    const { code, shown } = await atTerminal(machine, argv, [["ready", CTRL_C]])
    expect(code, shown).toBe(41)
  })

  testUnless(lack, "Ctrl-C ends a program that does not care", async () => {
    const argv = ["run", ...options, "--", "sh", "-c", "echo ready; exec sleep 600"]
    expect((await atTerminal(machine, argv, [["ready", CTRL_C]])).code).toBe(130)
  })

  testUnless(lack, "a program has the whole screen, and puts it back", async () => {
    const argv = ["run", ...options, "--", "python3", "-c", FULL_SCREEN]
    const seen = await atTerminal(machine, argv, [["in full", "q"]])
    expect(seen.code, seen.shown).toBe(5)
    expect(seen.shown).toContain("\u001b[?1049h")
    expect(plain(seen)).toContain("\u001b[?1049l")
  })

  testUnless(lack, "Ctrl-Z stops it, and fg goes on", async () => {
    await expectStopAndGoOn(machine, options)
  })

  testUnless(lack, "a shell has jobs of its own inside", async () => {
    const inner = `PS1='inside \\#: ' bash --norc --noprofile -i`
    const { shown } = await atShell(machine, [
      ["prompt 1: ", `agent-vault run ${options.join(" ")} -- env ${inner}\r`],
      ["inside 1: ", "sh -c 'echo rea''dy; exec sleep 600'\r"],
      ["ready", CTRL_Z],
      ["inside 2: ", "kill -KILL %1\r"],
      ["inside 3: ", "sh -c 'echo rea''dy; exec sleep 600'\r"],
      ["ready", CTRL_C],
      ["inside 4: ", "exit 6\r"],
      ["prompt 2: ", "echo code=$?; exit\r"],
    ])
    expect(shown).toContain("Stopped")
    expect(shown).toContain("code=6")
  })
})

testUnless(
  lackBubblewrap,
  "a broker that cannot serve keeps neither side from its end",
  async () => {
    const means = await findBubblewrap(process.env)
    if (!("program" in means)) throw new Error(means.missing)
    const listenInside = new URL("../../../dist/cli/listen-inside.cjs", import.meta.url)
    const view = { folders: [], files: [] }
    const words = isolated(means, fileURLToPath(listenInside), view, ["echo", "began"])
    const [command = "", ...args] = words
    let taken: Server | undefined
    const take = (listener: Server): Promise<string> => {
      taken = listener
      return Promise.reject(new Error("it cannot serve"))
    }
    const inside = { meanwhile: () => {}, take, programInside, openRefusedCalls }
    const launch = { command, args, env: { PATH: process.env["PATH"] ?? "" }, inside }
    const child = await startChild({ ...launch, output: "nowhere" }, false)
    expect(await child.ended).toBe(125)
    // What listens keeps a process from its end.
    expect(taken?.listening).toBe(false)
  },
)

test("what has ended when it is answered has not begun", async () => {
  const script = `
    const server = require("node:net").createServer()
    server.listen(0, "127.0.0.1", () => process.send("here", server))`
  const answers: ((lines: string) => void)[] = []
  const take = (listener: Server): Promise<string> => {
    listener.close()
    return new Promise((resolve) => answers.push(resolve))
  }
  const inside = { meanwhile: () => {}, take, programInside, openRefusedCalls }
  let hasBegun = false
  const begun = (): void => void (hasBegun = true)
  const [command, args] = [process.execPath, ["-e", script]]
  const launch = { command, args, env: {}, inside, begun, output: "nowhere" } as const
  const child = await startChild(launch, false)
  await expect.poll(() => answers.length).toBe(1)
  process.kill(child.pid, "SIGKILL")
  await child.ended
  for (const answer of answers) answer("too late")
  await setImmediate()
  expect(hasBegun).toBe(false)
})

testUnless(lackBubblewrap, "an isolated program has the variables that another has", async () => {
  const file = join(machine.home, "texts")
  writeFileSync(file, `TEXT="it's \\"one\\" $x"\nHTTPS_PROXY=http://elsewhere.example\n`)
  const variables = async (isolation: string): Promise<Map<string, string>> => {
    const options = ["--agent", "ci", "--blind", "--isolate", isolation, "-s", "stripe/api-key"]
    const run = startRun(machine, [...options, "--env-from", file, "--", "env", "-0"], {
      env: { TEXT: "before", AGENT_VAULT_TEST: "ours", STRIPE_API_KEY: "before" },
    })
    expect(await run.ended, run.stderr()).toBe(0)
    return new Map(
      run
        .stdout()
        .split("\0")
        .map((each): [string, string] => [
          each.slice(0, each.indexOf("=")),
          each.slice(each.indexOf("=") + 1),
        ]),
    )
  }
  const [boxed, other] = [await variables("bwrap"), await variables("none")]
  // A shell that starts a program may tell which.
  const names = [boxed, other].map((each) => [...each.keys()].filter((name) => name !== "_"))
  expect(names[0]?.toSorted()).toEqual(names[1]?.toSorted())
  expect(boxed.get("TEXT")).toBe(other.get("TEXT"))
  expect(boxed.get("STRIPE_API_KEY")).not.toBe("before")
  expect(boxed.get("HTTPS_PROXY")).toBe(`http://x:${tokenIn(boxed)}@127.0.0.1:8118`)
  expect(names[0]?.filter((name) => /^(?:AGENT_VAULT|NODE_CHANNEL)/.test(name))).toEqual([])
})

testUnless(lackBubblewrap, "no process inside holds what placeholders stand for", async () => {
  const file = join(machine.home, "replaced")
  writeFileSync(file, "HTTPS_PROXY=http://theirs-of-a-file.example\nTEXT=kept\n")
  const options = ["--agent", "ci", "--blind", "--isolate", "bwrap", "--env-from", file]
  const script = "tr '\\0' '\\n' < /proc/1/environ; echo; echo of the program; env"
  const words = [...options, "-s", "stripe/api-key=MINE", "--", "sh", "-c", script]
  const run = startRun(machine, words, {
    env: {
      MINE: "theirs-of-a-key",
      ALL_PROXY: "http://theirs-of-a-proxy.example",
      AWS_ACCESS_KEY_ID: "theirs-of-a-name",
      GITHUB_TOKEN: "theirs-of-a-service",
    },
  })
  expect(await run.ended, run.stderr()).toBe(0)
  const [first = "", program = ""] = run.stdout().split("\nof the program\n")
  expect(first).toContain("\nTEXT=kept\n")
  expect(first).not.toContain("theirs")
  // What this run gives nothing for stays the program's.
  const theirs = program.split("\n").filter((line) => line.includes("theirs"))
  expect(theirs.toSorted()).toEqual([
    "AWS_ACCESS_KEY_ID=theirs-of-a-name",
    "GITHUB_TOKEN=theirs-of-a-service",
  ])
})

function tokenIn(variables: ReadonlyMap<string, string>): string {
  return new URL(variables.get("ALL_PROXY") ?? "").password
}

testUnless(lackBubblewrap, "what whoever starts us left open leads to nothing inside", async () => {
  const keys = '"$HOME/.config/agent-vault"'
  const options = "--agent ci --blind --isolate bwrap -s stripe/api-key"
  for (const descriptor of [5, 16, 20, 63]) {
    const { code, stdout, stderr } = await machine.shell(
      `exec ${descriptor}< ${keys}; ls /proc/self/fd/${descriptor}/
      agent-vault run ${options} -- sh -c 'echo inside; ls -A /proc/self/fd/${descriptor}/ || true'`,
    )
    expect(code, stderr).toBe(0)
    const [outside, inside] = stdout.split("inside\n")
    expect(outside).not.toBe("")
    expect(inside).toBe("")
  }
})

testUnless(lackBubblewrap, "what is there of what is hidden is not told by us", async () => {
  const options = ["--agent", "ci", "--blind", "--isolate", "bwrap", "-s", "stripe/api-key"]
  const home = join(machine.home, ".config", "agent-vault")
  const names = [...readdirSync(home), "none"]
  expect(names.length).toBeGreaterThan(1)
  for (const name of names) {
    const run = startRun(machine, [...options, "--", join(home, name)])
    expect(await run.ended).toBe(127)
    expect(run.stderr()).toMatch(/^agent-vault: COMMAND_NOT_FOUND: there is no program /m)
  }
})

testUnless(lackBubblewrap, "an isolated program ends with us, whatever ends us", async () => {
  const options = ["--agent", "ci", "--blind", "--isolate", "bwrap", "-s", "stripe/api-key"]
  const word = `canary-${process.pid}`
  // What a broker leaves that is killed, certificates, goes with the machine.
  machine.env["TMPDIR"] = machine.home
  const run = startRun(machine, [...options, "--", "sh", "-c", "echo ready; sleep 600", word])
  await run.says("ready")
  expect(await isRunning(word)).toBe(true)
  run.child.kill("SIGKILL")
  await expect.poll(() => isRunning(word)).toBe(false)
})

async function isRunning(word: string): Promise<boolean> {
  // Without the look itself: its own line has brackets in it.
  const { stdout } = await machine.shell(`ps -eo args | grep "[${word[0]}]${word.slice(1)}"; true`)
  return stdout !== ""
}

const FULL_SCREEN = `
import curses, sys
def main(screen):
    rows, columns = screen.getmaxyx()
    screen.addstr(rows // 2, 1, "in full")
    screen.refresh()
    sys.exit(5 if screen.getkey() == "q" else 6)
curses.wrapper(main)`
