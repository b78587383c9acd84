import { spawnSync } from "node:child_process"
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { bubblewrap } from "../../../scripts/bubblewrap.mjs"
import { hookClients } from "../../../scripts/hook-clients.mjs"
import { noProc, noPseudoTerminal, noRoot, testUnless, withoutProgram } from "../../needs.js"
import { type Seen, type Steps, atTerminal } from "../at-terminal.js"
import type { Machine } from "../machine.js"
import { CTRL_C, CTRL_Z, atShell } from "./at-shell.js"
import { VALUES, runMachine } from "./run-machine.js"

const KEY = VALUES["stripe/api-key"]
const REDACTED = "[REDACTED stripe/api-key]"
const OPTIONS = ["--agent", "ci", "-s", "stripe/api-key"]
const LINE = `agent-vault run ${OPTIONS.join(" ")} --`
const CTRL_D = "\u0004"
const MEGABYTE = 1024 * 1024

/** Runs a command at a terminal; says how much came, and by how many KiB the command grew. */
const COUNTS = `import os, pty, sys
def held():
    for line in open(f"/proc/{pid}/status"):
        if line.startswith("VmRSS"):
            return int(line.split()[1])
    return 0
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(sys.argv[1], sys.argv[1:])
total, first, most, asked = 0, 0, 0, 0
try:
    while data := os.read(terminal, 65536):
        total += data.count(b"x")
        if total - asked >= 1 << 20:
            first, most, asked = first or held(), max(most, held()), total
except OSError:
    pass
os.waitpid(pid, 0)
print(total, most - first)
`

let machine: Machine

beforeAll(async () => {
  machine = await runMachine()
})
afterAll(() => machine.remove())

type More = Parameters<typeof atTerminal>[3]

/** Runs a program at a terminal of 24 rows and 80 columns, and types. */
function at(command: readonly string[], steps: Steps = [], more: More = {}): Promise<Seen> {
  const argv = ["run", ...OPTIONS, "--", ...command]
  return atTerminal(machine, argv, steps, { size: [24, 80], ...more })
}

const sh = (line: string, steps: Steps = [], more: More = {}): Promise<Seen> =>
  at(["sh", "-c", line], steps, more)

const node = (program: string, steps: Steps = []): Promise<Seen> =>
  at(["node", "-e", `const key = process.env.STRIPE_API_KEY; ${program}`], steps)

/** A script in the repository: its text is not typed, so none of its words is seen too early. */
function script(name: string, text: string): void {
  writeFileSync(join(machine.repo, name), text)
}

function testHere(name: string, body: () => Promise<void>): void {
  testUnless(noPseudoTerminal, name, body)
}

describe("the terminal", () => {
  testHere("is one, with the size of ours, and redacted", async () => {
    const { shown, code } = await sh(
      "tty; stty size; test -t 0 && test -t 1 && test -t 2 && echo all; echo $STRIPE_API_KEY; exit 3",
    )
    expect(shown).toMatch(/^\/dev\/\S+\n24 80\nall\n/)
    expect(shown).toContain(REDACTED)
    expect({ code, leaks: shown.includes(KEY) }).toEqual({ code: 3, leaks: false })
  })

  testHere("has the settings of ours, and controls the program", async () => {
    const set = "stty erase ^H -ixon rows 30; "
    const inner = "stty -a; (: > /dev/tty) && echo controls"
    const argv = ["sh", "-c", `${set} ${LINE} sh -c '${inner}'; stty erase ^? ixon`]
    const { shown } = await atTerminal(machine, argv, [], { program: [], size: [24, 80] })
    expect(shown).toMatch(/rows 30; columns 80/)
    expect(shown).toMatch(/erase = \^H/)
    expect(shown).toMatch(/-ixon/)
    expect(shown).toContain("controls")
  })

  testHere("changes its size as ours does, and the program hears of it", async () => {
    const { shown } = await node(
      `process.on("SIGWINCH", () => setImmediate(() => {
         console.log("now " + process.stdout.columns + "x" + process.stdout.rows); process.exit(0) }))
       setInterval(() => {}, 1000)
       console.log("ready " + process.stdout.columns)`,
      [["ready 80", { size: [40, 132] }]],
    )
    expect(shown).toContain("now 132x40")
  })

  testHere("gives each key, as a program asks for it", async () => {
    const { shown, code } = await node(
      `process.stdin.setRawMode(true)
       process.stdin.on("data", (keys) => {
         console.log("got " + keys.toString("hex") + ".\\r")
         if (keys.includes(113)) process.exit(4)
       })
       console.log("ready\\r")`,
      [
        ["ready", "\u001b[A"],
        ["got 1b5b41.", CTRL_C],
        ["got 03.", CTRL_Z],
        ["got 1a.", CTRL_D],
        ["got 04.", "\r"],
        ["got 0d.", "q"],
      ],
    )
    expect({ code, shown }).toMatchObject({ code: 4 })
  })

  testHere("Ctrl-D ends the input", async () => {
    const { shown } = await sh("echo ready; cat; echo end", [
      ["ready", "one\r"],
      ["one\r\none\r\n", "two\r"],
      ["two\r\ntwo\r\n", CTRL_D],
    ])
    expect(shown).toContain("end")
  })

  testHere("takes more keys than the program reads, and loses none", async () => {
    const typed = `${"x".repeat(1000)}\r`.repeat(60)
    const { shown } = await node(
      `let length = 0
       process.on("SIGUSR1", () => process.stdin.on("data", (data) => {
         length += data.length
         if (length === 60_060) { console.log("read " + length); process.exit() }
       }))
       setInterval(() => {}, 1000)
       console.log("ready")`,
      [
        ["ready", typed],
        ["xxx", { signal: "SIGUSR1" }],
      ],
    )
    expect(shown).toContain("read 60060")
  })

  testHere("stays what it was for stderr that leads elsewhere", async () => {
    const file = join(machine.home, "stderr")
    const { shown } = await sh(
      'test -t 2 || echo "no terminal"; echo "to the file $STRIPE_API_KEY" >&2',
      [],
      { stderr: file },
    )
    expect(shown).toBe("no terminal\n")
    expect(readFileSync(file, "utf8")).toBe(`to the file ${REDACTED}\n`)
  })

  test.each([
    ["stdout is a pipe", "| cat", "no terminal to write to\ninput\n"],
    ["stdin is a file", "< /dev/null", "no terminal to write to\n"],
  ])("is not made where %s", async (_what, rest, shown) => {
    const inner = 'test -t 1 || echo "no terminal to write to"; test -t 0 && echo input'
    const argv = ["sh", "-c", `${LINE} sh -c '${inner}' ${rest}`]
    expect((await atTerminal(machine, argv, [], { program: [] })).shown).toBe(shown)
  })

  testHere("is not taken from whoever is in front", async () => {
    const { shown } = await atShell(machine, [
      ["prompt 1: ", `${LINE} sh -c 'test -t 1 || echo "pi""pe"; echo $STRIPE_API_KEY' & wait\r`],
      ["prompt 2: ", "exit\r"],
    ])
    expect(shown).toContain("the program gets pipes, not a terminal: it runs in the background")
    expect(shown).toContain(`pipe\n${REDACTED}`)
  })

  test("pipes, and a line that says so, where the package is not installed", async () => {
    const parked = join(machine.home, "bin", "alone")
    mkdirSync(parked, { recursive: true })
    const argv = [
      "sh",
      "-c",
      `cp -rL "$(dirname "$(readlink -f "$(command -v agent-vault)")")" ${parked}/cli
      node ${parked}/cli/bin.cjs run ${OPTIONS.join(" ")} -- sh -c 'test -t 1 || echo pipe; echo $STRIPE_API_KEY'`,
    ]
    const { shown } = await atTerminal(machine, argv, [], { program: [] })
    expect(shown).toMatch(
      /^agent-vault: the program gets pipes, not a terminal: [^\n]*not installed/,
    )
    expect(shown.split("\n").slice(1)).toEqual(["pipe", REDACTED, ""])
  })

  testHere("is set by no stty of the repository", async () => {
    mkdirSync(join(machine.repo, "bin"))
    writeFileSync(join(machine.repo, "bin/stty"), "#!/bin/sh\nexit 1\n", { mode: 0o755 })
    const env = { PATH: `bin:${machine.env["PATH"] ?? ""}` }
    expect((await at(["sh", "-c", "test -t 1 && echo yes"], [], { env })).shown).toBe("yes\n")
  })

  testHere("what the program finds: its environment, and no descriptor of ours", async () => {
    const env = { "odd.name": "kept", BASH_ENV: "/nowhere", "BASH_FUNC_f%%": "() { echo f; }" }
    const { shown } = await at(["env"], [], { env })
    expect(`\n${shown}`).toContain("\nodd.name=kept\n")
    expect(shown).toContain("\nBASH_FUNC_f%%=")
    expect(shown).toContain(`\nSTRIPE_API_KEY=${REDACTED}\n`)
    expect(shown).not.toMatch(/^(?:tty|settings|beginning|code|POSIXLY_CORRECT)=/m)
    // The last is that of `ls` itself.
    expect((await at(["ls", "/proc/self/fd"])).shown.trim().split(/\s+/)).toEqual([
      "0",
      "1",
      "2",
      "3",
    ])
  })

  testUnless(noProc ?? noPseudoTerminal, "only the program has the value", async () => {
    const { shown } = await node(
      `const { readFileSync, readdirSync } = require("node:fs")
       const holders = readdirSync("/proc").filter((pid) => /^\\d+$/.test(pid)).filter((pid) => {
         try { return ["environ", "cmdline"].some((file) => readFileSync("/proc/" + pid + "/" + file).includes(key)) }
         catch { return false }
       })
       console.log(String(holders.length), String(holders[0] === String(process.pid)))`,
    )
    expect(shown).toBe("1 true\n")
  })
})

describe("what comes out of it", () => {
  testHere("a value in its forms, and in lines that a terminal ends", async () => {
    const { shown } = await node(
      `console.log([key, Buffer.from(key).toString("base64"), Buffer.from(key).toString("hex"),
         [...key].join("\\u001b[32m"), key.slice(0, 9) + "\\n" + key.slice(9)].join("|"))`,
    )
    expect(shown.replaceAll("\u001b[32m", "").replaceAll("\r", "")).toBe(
      `${REDACTED}|${REDACTED}|${REDACTED}|${REDACTED}|${REDACTED}\n\n`,
    )
  })

  testHere("what only begins like a value is there while the program waits", async () => {
    const { shown, code } = await node(
      `process.stdout.write("<" + key.slice(0, 8)); process.stdin.once("data", () => {
         process.stdout.write(key.slice(8) + ">"); process.exit(0) })`,
      [[`<${KEY.slice(0, 8)}`, "\r"]],
    )
    expect(code).toBe(0)
    expect(shown).not.toContain(KEY.slice(8))
    expect(shown).toContain(`${REDACTED}>`)
  })

  testHere("any bytes, and UTF-8 that is cut anywhere", async () => {
    const text = "é漢🔑\u001b[31mrot\u001b[0m\u0000\u0007|".repeat(20_000)
    writeFileSync(join(machine.repo, "text"), text)
    const { shown } = await sh("stty -opost; dd if=text bs=7 2>/dev/null")
    expect(shown === text).toBe(true)
  })

  testUnless(noProc ?? noPseudoTerminal, "50 MB: little is held, and nothing is lost", async () => {
    const size = 50 * MEGABYTE
    const inner = `stty -opost; head -c ${size} /dev/zero | tr "\\\\0" x`
    writeFileSync(join(machine.repo, "count.py"), COUNTS)
    const argv = ["python3", "count.py", "agent-vault", "run", ...OPTIONS, "--", "sh", "-c", inner]
    const { stdout } = await machine.shell(argv.map((word) => `'${word}'`).join(" "))
    const [total, grown] = stdout.trim().split(" ").map(Number)
    expect(total).toBe(size)
    expect(grown).toBeLessThan(64 * 1024)
  })
})

describe("job control", () => {
  testHere(
    "Ctrl-Z stops it with us, fg goes on, and between the shell has the terminal",
    async () => {
      script(
        "stops.sh",
        'trap "echo goes on" CONT; echo ready; until read x; do :; done; echo "<$x> $STRIPE_API_KEY"; exit 6',
      )
      const { shown } = await atShell(machine, [
        ["prompt 1: ", `${LINE} sh stops.sh\r`],
        ["ready", CTRL_Z],
        ["prompt 2: ", "stty -a | tr ' ' _\r"],
        ["prompt 3: ", "fg\r"],
        ["goes on", "hello\r"],
        ["prompt 4: ", "echo code=$?; exit\r"],
      ])
      expect(shown).toMatch(/\bopost_|_opost\b/)
      expect(shown).toMatch(/\bisig_icanon_/)
      expect(shown).toContain(`<hello> ${REDACTED}`)
      expect(shown).toContain("code=6")
    },
  )

  testHere("bg goes on behind the shell, and fg brings it back", async () => {
    script(
      "behind.sh",
      `trap "echo goes on" CONT; echo ready; until [ -e go ]; do sleep 0.02; done
       echo behind; until read x; do :; done; echo "<$x>"; exit 6`,
    )
    const { shown } = await atShell(machine, [
      ["prompt 1: ", `${LINE} sh behind.sh\r`],
      ["ready", CTRL_Z],
      ["prompt 2: ", "bg\r"],
      ["goes on", "touch go\r"],
      ["behind", "fg\r"],
      ["sh behind.sh\r\n", "hello\r"],
      ["prompt 5: ", "echo code=$?; exit\r"],
    ])
    expect(shown).toContain("<hello>")
    expect(shown).toContain("code=6")
  })

  testHere("a shell in it has jobs of its own", async () => {
    script("asks.sh", 'trap "echo goes on" CONT; echo ready; until read x; do :; done; exit 3')
    const { shown, code } = await at(
      ["env", "PS1=inner \\#: ", "bash", "--norc", "--noprofile", "-i"],
      [
        ["inner 1: ", "sh asks.sh\r"],
        ["ready", CTRL_Z],
        ["inner 2: ", "jobs\r"],
        ["inner 3: ", "fg\r"],
        ["goes on", "x\r"],
        ["inner 4: ", "echo code=$? $STRIPE_API_KEY; exit 5\r"],
      ],
    )
    expect(shown).toMatch(/Stopped +sh asks/)
    expect(shown).not.toContain("no job control")
    expect(shown).toContain(`code=3 ${REDACTED}`)
    expect(code).toBe(5)
  })

  testHere("SIGTSTP to us stops both", async () => {
    script(
      "tells.sh",
      'trap "echo goes on" CONT; kill -TSTP $(cat run.pid); until read x; do :; done; echo "<$x>"',
    )
    const { shown } = await atShell(machine, [
      ["prompt 1: ", `sh -c 'echo $$ > run.pid; exec ${LINE} sh tells.sh'\r`],
      ["prompt 2: ", "fg\r"],
      ["goes on", "hello\r"],
      ["prompt 3: ", "exit\r"],
    ])
    expect(shown).toContain("Stopped")
    expect(shown).toContain("<hello>")
  })
})

describe("signals, and the end", () => {
  testHere("a signal to us ends a program that does not care", async () => {
    for (const [signal, code] of [
      ["SIGTERM", 143],
      ["SIGINT", 130],
      ["SIGHUP", 129],
    ] as const) {
      const steps: Steps = [["ready", { signal }]]
      expect((await sh("stty raw -echo; echo ready; exec sleep 600", steps)).code).toBe(code)
    }
  })

  testHere("a program that is killed", async () => {
    const { shown, code } = await sh("stty raw -echo; kill -9 $$")
    expect({ shown, code }).toEqual({ shown: "", code: 137 })
  })

  testHere("a program that stays, stays; so do we", async () => {
    const { code } = await node(
      `process.on("SIGTERM", () => { console.log("no"); process.stdin.once("data", () => process.exit(9)) })
       setInterval(() => {}, 1000); console.log("ready")`,
      [
        ["ready", { signal: "SIGTERM" }],
        ["no", "\r"],
      ],
    )
    expect(code).toBe(9)
  })

  testHere("if we are killed, the terminal is put back, and the program is told", async () => {
    const said = join(machine.home, "hangup")
    const trapped = `trap "echo gone > ${said}; exit" HUP`
    const { code } = await sh(
      `${trapped}; stty raw -echo; echo ready; while :; do sleep 0.02; done`,
      [["ready", { signal: "SIGKILL" }]],
      { outlived: true },
    )
    expect(code).toBe(-9)
    await expect.poll(() => existsSync(said)).toBe(true)
  })

  testHere("a process that is left behind does not hold the terminal", async () => {
    const { shown, code } = await sh("sleep 600 & echo $!; exit 7")
    process.kill(Number(shown.trim()))
    expect(code).toBe(7)
  })

  testHere("all that a program writes before its end is shown", async () => {
    const { shown } = await sh("stty -opost; seq 1 20000; (sleep 600 & echo $! > left)")
    process.kill(Number(readFileSync(join(machine.repo, "left"), "utf8")))
    expect(shown.trim().split("\n")).toEqual(
      Array.from({ length: 20_000 }, (_, i) => String(i + 1)),
    )
  })

  test.each([
    ["nosuch", 127, "COMMAND_NOT_FOUND: there is no program nosuch"],
    ["/etc/passwd", 126, "COMMAND_NOT_STARTED: /etc/passwd cannot be run (EACCES)"],
  ])("%s is not started: %i", async (command, code, says) => {
    const seen = await at([command], [], { env: { NO_COLOR: "1" } })
    expect(seen.code).toBe(code)
    expect(seen.shown).toContain(says)
  })
})

/** A program that people use at a terminal: what is typed, what proves that it worked, its code. */
interface Known {
  readonly name: string
  readonly command: readonly string[]
  readonly steps: Steps
  readonly proves: readonly (string | RegExp)[]
  readonly ends?: number
  readonly lack?: string | undefined
}

// Under CI, Node shows no colours, whatever the terminal is.
const inNoCi = ["env", "-u", "CI", "-u", "NO_COLOR"]
const clean = [...inNoCi, "HOME=/nowhere", "PAGER=", "LESS="]
const QUIT = "q"
/** Claude Code, with nobody to speak to: in a network of its own. */
const agents = await hookClients()
const isolation = await bubblewrap()
const [noAgent] = [agents, isolation].flatMap((each) => ("missing" in each ? [each.missing] : []))
const alone = ["--dev-bind", "/", "/", "--unshare-net", "--die-with-parent"]
const agent = [
  ...("path" in isolation ? [isolation.path, ...alone] : []),
  "path" in agents ? join(agents.path, "@anthropic-ai/claude-code-linux-x64/claude") : "",
]
/** What it asks at its first start, answered. */
const settled = (repo: string) => ({
  hasCompletedOnboarding: true,
  theme: "dark",
  customApiKeyResponses: { approved: ["not-a-key"] },
  projects: { [repo]: { hasTrustDialogAccepted: true } },
})
const noPostgres = existsSync("/usr/lib/postgresql") ? undefined : "needs a PostgreSQL server"
const hasDatabase = (noRoot ?? withoutProgram("psql") ?? noPostgres) === undefined

/** A server of the test's own: its socket and its data are in a folder of the user that it runs as. */
const DATABASE = join(tmpdir(), "pg")

function postgres(line: string): void {
  const inner = `PATH="$PATH:$(ls -d /usr/lib/postgresql/*/bin | tail -1)"; cd /; ${line}`
  const { status } = spawnSync("su", ["postgres", "-s", "/bin/sh", "-c", inner], {
    stdio: "ignore",
  })
  if (status !== 0) throw new Error(`${line}: it failed`)
}

/** The table of docs/run.md names each. */
const known: readonly Known[] = [
  {
    name: "vim",
    command: [...clean, "vim", "-u", "NONE", "-N", "value.txt"],
    steps: [
      ['"value.txt" 0L', ":r !printenv STRIPE_API_KEY\r"],
      ["REDACTED", ":q!\r"],
    ],
    proves: ["\u001b[?1049h", "\u001b[?1049l"],
    lack: withoutProgram("vim"),
  },
  {
    name: "less",
    command: [...clean, "sh", "-c", "(seq 1 100; echo $STRIPE_API_KEY) | less"],
    steps: [
      ["23", "G"],
      ["REDACTED", QUIT],
    ],
    proves: ["\u001b[?1049h", "(END)"],
    lack: withoutProgram("less"),
  },
  {
    name: "top",
    command: [...clean, "top", "-d", "1"],
    steps: [["load average", QUIT]],
    proves: [/Tasks:|Mem/],
    lack: withoutProgram("top", "top, of procps"),
  },
  {
    name: "htop",
    command: [...clean, "htop", "-d", "10"],
    steps: [["Quit", QUIT]],
    proves: ["\u001b[?1049h", "\u001b[?1049l"],
    lack: withoutProgram("htop"),
  },
  {
    name: "python -i",
    command: [...clean, "python3", "-i"],
    steps: [
      [">>> ", "import os; x = os.environ['STRIPE_API_KEY']; x\r"],
      [`'${REDACTED}'\r\n>>> `, "import time; print('sle' + 'eps'); time.sleep(600)\r"],
      ["sleeps", CTRL_C],
      ["KeyboardInterrupt\r\n>>> ", "print(40 + 2)\r"],
      ["42\r\n>>> ", "exit()\r"],
    ],
    proves: [`'${REDACTED}'`],
  },
  {
    name: "node",
    command: [...clean, "node"],
    steps: [
      ["> ", "process.env.STRIPE_API_KEY\r"],
      [REDACTED, "[process.stdout.isTTY, 'colours'.length]\r"],
      ["\u001b[33m7", ".exit\r"],
    ],
    proves: ["\u001b[33mtrue"],
  },
  {
    name: "psql",
    command: [...clean, "PAGER=more", "psql", "-h", DATABASE, "-U", "postgres"],
    steps: [
      ["=# ", "\\set x `echo $STRIPE_API_KEY`\r"],
      ["=# ", "select :'x' as value, n from generate_series(1, 100) n;\r"],
      ["--More--", QUIT],
      ["=# ", "\\q\r"],
    ],
    proves: [`${REDACTED} |   1`],
    lack: noRoot ?? withoutProgram("psql") ?? noPostgres,
  },
  {
    name: "a full-screen program (curses)",
    command: [...clean, "python3", "screen.py"],
    steps: [
      ["press", { size: [30, 100] }],
      ["30x100", QUIT],
    ],
    proves: ["\u001b[?1049h", REDACTED, "\u001b[?1049l"],
  },
  {
    name: "Claude Code",
    command: [
      "sh",
      "-c",
      `HOME="$PWD/settled" exec "$@"`,
      "sh",
      ...inNoCi,
      "ANTHROPIC_API_KEY=not-a-key",
      "ANTHROPIC_BASE_URL=http://127.0.0.1:9",
      "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1",
      "DISABLE_AUTOUPDATER=1",
      ...agent,
    ],
    // A command of the person's own, which no model sees before.
    steps: [
      ["\u276f", "!"],
      ["for shell mode", "echo v=$STRIPE_API_KEY"],
      ["v=$STRIPE_API_KEY", "\r"],
      [REDACTED, { signal: "SIGTERM" }],
    ],
    proves: [`v=${REDACTED}`],
    ends: 143,
    lack: noAgent,
  },
]

/** It looks again and again: ncurses, told of a new size just before it waits for a key, waits all the same. */
const SCREEN = `import curses, os
def main(screen):
    curses.start_color()
    screen.timeout(100)
    while True:
        screen.addstr(1, 1, os.environ["STRIPE_API_KEY"], curses.A_BOLD)
        screen.addstr(2, 1, "press q, %dx%d" % screen.getmaxyx())
        screen.refresh()
        key = screen.getch()
        if key == ord("q"):
            break
        if key == curses.KEY_RESIZE:
            screen.clear()
curses.wrapper(main)
`

describe("programs that people use", () => {
  beforeAll(() => {
    if (hasDatabase) {
      mkdirSync(DATABASE)
      spawnSync("chown", ["postgres", DATABASE])
      const options = `-o "-k ${DATABASE} -c listen_addresses=''"`
      postgres(`initdb -D ${DATABASE}/data -A trust -N`)
      postgres(`pg_ctl -D ${DATABASE}/data ${options} -w -l ${DATABASE}/log start`)
    }
    writeFileSync(join(machine.repo, "value.txt"), "")
    writeFileSync(join(machine.repo, "screen.py"), SCREEN)
    mkdirSync(join(machine.repo, "settled"))
    const answers = JSON.stringify(settled(machine.repo))
    writeFileSync(join(machine.repo, "settled", ".claude.json"), answers)
  })

  afterAll(() => {
    if (hasDatabase) postgres(`pg_ctl -D ${DATABASE}/data -m immediate stop`)
  })

  for (const { name, command, steps, proves, ends = 0, lack } of known) {
    testUnless(lack ?? noPseudoTerminal, name, async () => {
      const { shown, code } = await at(command, steps)
      expect(code, shown).toBe(ends)
      for (const proof of proves) expect(shown).toMatch(proof)
      expect(shown).not.toContain(KEY)
    })
  }

  test("the table of docs/run.md names each", () => {
    const page = readFileSync(new URL("../../../docs/run.md", import.meta.url), "utf8")
    const [, table = ""] = page.split("## At a terminal\n")
    // The first cell of each row.
    const rows = [...(table.split("\n## ")[0] ?? "").matchAll(/^\| (.+?) +\|/gm)]
    const named = new Set(rows.map(([, cell = ""]) => cell.replaceAll("`", "").trim()))
    expect(known.map(({ name }) => name).filter((name) => !named.has(name))).toEqual([])
  })
})
