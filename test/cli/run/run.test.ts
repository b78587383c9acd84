import { chmodSync, existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { getuid } from "node:process"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { testUnless, withoutProgram } from "../../needs.js"
import type { Machine, Ran } from "../machine.js"
import { VALUES, runMachine, startRun } from "./run-machine.js"

let machine: Machine

beforeAll(async () => {
  machine = await runMachine()
})
afterAll(() => machine.remove())

const CI = "agent-vault run --agent ci"
/** By which root looks into every folder. */
const NO_RIGHTS = "-dac_override,-dac_read_search"

/** What a line of shell did, of which no value may be seen but where `shows` says so. */
async function shell(line: string, shows = false): Promise<Ran> {
  const ran = await machine.shell(line)
  for (const value of Object.values(VALUES).filter(({ length }) => length > 4)) {
    expect(ran.stderr).not.toContain(value)
    if (!shows) expect(ran.stdout).not.toContain(value)
  }
  return ran
}

/** The line of an error, with its hint. */
async function refused(line: string, code = 125): Promise<string> {
  const mark = join(machine.home, "started")
  const ran = await shell(line.replaceAll("CMD", `touch '${mark}'`))
  expect(ran.code, ran.stderr).toBe(code)
  expect(existsSync(mark)).toBe(false)
  expect(ran.stdout).toBe("")
  return ran.stderr
}

describe("the variables of the program", () => {
  test.each([
    ["-s stripe/api-key", "STRIPE_API_KEY", "stripe/api-key"],
    ["--secret=stripe/api-key", "STRIPE_API_KEY", "stripe/api-key"],
    ["-s stripe/api-key=KEY", "KEY", "stripe/api-key"],
    ["-s db/eu/url", "DATABASE_URL", "db/eu/url"],
    ["-s db/eu/url=DB_EU_URL", "DB_EU_URL", "db/eu/url"],
    ["-s 3d/token", "_3D_TOKEN", "3d/token"],
    ["-g stripe", "STRIPE_API_KEY", "stripe/api-key"],
    ["-g stripe -g 3d", "_3D_TOKEN", "3d/token"],
    ["-g stripe -s stripe/api-key=ALSO", "ALSO", "stripe/api-key"],
    ["-s stripe/api-key=A -s stripe/api-key=B", "B", "stripe/api-key"],
    ["-s stripe/api-key -s stripe/api-key -g stripe", "STRIPE_WEBHOOK", "stripe/webhook"],
  ] as const)("%s: %s", async (selection, variable, name) => {
    const ran = await shell(`${CI} ${selection} --no-redact -- printenv ${variable}`, true)
    expect(ran).toEqual({ code: 0, stdout: `${VALUES[name]}\n`, stderr: "" })
  })

  test("a program gets what was selected, and no other secret", async () => {
    const { stdout } = await shell(`${CI} -s stripe/webhook -- env`)
    expect(stdout).toContain("STRIPE_WEBHOOK=[REDACTED stripe/webhook]\n")
    expect(stdout).not.toMatch(/STRIPE_API_KEY|DATABASE_URL/)
  })

  test("it has our environment, but none of our own variables", async () => {
    const key = readdirSync(join(machine.home, ".config/agent-vault"))[0] ?? ""
    const file = join(machine.home, ".config/agent-vault", key, "agents/ci.key")
    const own = `OTHER=1 AGENT_VAULT_IDENTITY="$(cat ${file})" AGENT_VAULT_AGENT=ci AGENT_VAULT_X=1`
    const { stdout, code } = await shell(`${own} agent-vault run -s stripe/api-key -- env`)
    expect(code).toBe(0)
    expect(stdout).toContain("OTHER=1\n")
    expect(stdout).not.toMatch(/AGENT_VAULT|AGE-SECRET-KEY/)
  })

  test("--clean-env leaves what programs need", async () => {
    const { stdout } = await shell(
      `LC_X=1 OTHER=1 TERM=dumb ${CI} --clean-env -s stripe/api-key -- env | cut -d= -f1`,
    )
    const names = stdout.trim().split("\n")
    const needed = "PATH HOME USER LOGNAME SHELL TERM LANG LC_ALL LC_X TZ TMPDIR".split(" ")
    expect(names.filter((name) => !needed.includes(name))).toEqual(["STRIPE_API_KEY"])
    expect(names).toEqual(expect.arrayContaining(["PATH", "HOME", "TERM", "LC_X", "TZ"]))
  })

  test("a variable of that name is replaced", async () => {
    const ran = await shell(`X=old ${CI} -s stripe/webhook=X --no-redact -- printenv X`, true)
    expect(ran.stdout).toBe(`${VALUES["stripe/webhook"]}\n`)
  })
})

describe("what is refused, before anything is started", () => {
  test.each([
    ["", "USAGE: nothing says which secrets the program gets\n  choose them: -s"],
    [
      "-s stripe",
      "NAME_INVALID: -s takes the name of a secret, GROUP/NAME\n  all secrets of a group",
    ],
    ["-s stripe/nothing", "SECRET_NOT_FOUND: there is no secret stripe/nothing"],
    ["-s stripe/nothing=X", "SECRET_NOT_FOUND: there is no secret stripe/nothing"],
    ["-s stripe/api-key -s stripe/nothing=X", "SECRET_NOT_FOUND"],
    ["-g nothing", "GROUP_NOT_FOUND: there is no group nothing"],
    ["-g empty", "SECRET_NOT_FOUND: the group empty has no secrets"],
    ["-g closed", "NOT_GRANTED: ci may not open closed"],
    ["-s closed/key", "NOT_GRANTED: ci may not open closed"],
    ["-s stripe/api-key -s closed/key=X", "NOT_GRANTED: ci may not open closed"],
    ["-s stripe/api-key=X -s stripe/webhook=X", "stripe/api-key and stripe/webhook would both be"],
    ["-g db", "USAGE: db/path may not be the variable PATH: it decides which programs are found"],
    ["-s stripe/api-key=ld_preload", "may not be the variable ld_preload: it decides which code"],
    ["-s stripe/api-key=NODE_OPTIONS", "USAGE: stripe/api-key may not be the variable"],
    ["-s stripe/api-key=AGENT_VAULT_IDENTITY", "USAGE: stripe/api-key may not be the variable"],
    ["-s db/binary=X", "VALUE_NOT_TEXT: db/binary is binary, so it cannot be the variable X"],
    ["-s db/zero=X", "VALUE_NOT_TEXT: db/zero is binary, so it cannot be the variable X"],
    ["--owner -s stripe/api-key", "USAGE: run does not have the option --owner"],
    [
      "-s stripe/api-key --audit /dev/full",
      "AUDIT_UNWRITABLE: the audit /dev/full cannot be written",
    ],
  ])("%s", async (selection, says) => {
    expect(await refused(`${CI} ${selection} -- CMD`)).toContain(says)
  })

  test("what follows = may be a value by mistake, and is not repeated", async () => {
    const said = await refused(`${CI} -s stripe/api-key=sk-live/123 -- CMD`)
    expect(said).toContain("what follows -s stripe/api-key= is not a variable name")
    expect(said).not.toContain("live")
  })

  test.each([
    ["--identity", (file: string) => `agent-vault run --identity ${file}`],
    [
      "AGENT_VAULT_IDENTITY_FILE",
      (file: string) => `AGENT_VAULT_IDENTITY_FILE=$(echo ${file}) agent-vault run`,
    ],
    [
      "AGENT_VAULT_IDENTITY",
      (file: string) => `AGENT_VAULT_IDENTITY="$(cat ${file})" agent-vault run`,
    ],
  ])("an owner's key, by %s", async (_how, line) => {
    const said = await refused(
      `${line("~/.config/agent-vault/*/owner.key")} -s stripe/api-key -- CMD`,
    )
    expect(said).toContain("OWNER_KEY_UNASKED: this is the key of the owner alice")
    expect(said).not.toContain("--owner")
  })

  test("no agent: those of this machine, and the line to type; no word of the owner", async () => {
    const said = await refused(
      `agent-vault run -s stripe/api-key=K --dir . --audit 'a b' --clean-env -- CMD --token abc`,
    )
    expect(said).toBe(
      [
        "agent-vault: NO_IDENTITY: nothing says which agent this is; the keys of ci and deploy are here",
        "  agent-vault run --agent ci -s stripe/api-key=K --dir . --audit 'a b' --clean-env -- touch …",
        "",
      ].join("\n"),
    )
    const line = said.split("\n")[1]?.replace("touch …", "true") ?? ""
    expect((await machine.shell(line)).code).toBe(0)
  })

  test("no agent's key on this machine", async () => {
    const said = await refused("AGENT_VAULT_HOME=/nowhere agent-vault run -s stripe/api-key -- CMD")
    expect(said).toContain("NO_IDENTITY: nothing says which agent this is, and no agent's key is")
    expect(said).toContain("AGENT_VAULT_IDENTITY_FILE")
    expect(said).not.toContain("owner")
  })
})

describe("the exit code", () => {
  beforeAll(() => {
    writeFileSync(join(machine.repo, "not-executable"), "#!/bin/sh\n")
    writeFileSync(join(machine.repo, "no-interpreter"), "#!/nowhere/sh\n")
    chmodSync(join(machine.repo, "no-interpreter"), 0o755)
  })

  test.each([
    ["true", 0],
    ["sh -c 'exit 7'", 7],
    ["sh -c 'exit 255'", 255],
    ["sh -c 'kill -TERM $$'", 143],
    ["sh -c 'kill -KILL $$'", 137],
  ])("%s: %i", async (command, code) => {
    for (const more of ["", "--no-redact"]) {
      const ran = await shell(`${CI} -s stripe/api-key ${more} -- ${command}`)
      expect(ran).toEqual({ code, stdout: "", stderr: "" })
    }
  })

  test.each([
    ["nothing-of-that-name --token abc", 127, "COMMAND_NOT_FOUND: there is no program nothing-of"],
    ["./nowhere abc", 127, "COMMAND_NOT_FOUND: there is no program ./nowhere"],
    ["./no-interpreter abc", 127, "./no-interpreter is there, but what it runs with is not"],
    ["./not-executable abc", 126, "COMMAND_NOT_STARTED: ./not-executable cannot be run (EACCES)"],
    [". abc", 126, "COMMAND_NOT_STARTED: . cannot be run (EACCES)"],
    ["'tool --token abc'", 127, "there is no program tool…\n  give each word by itself"],
    ["TOKEN=abc tool", 127, "there is no program TOKEN…\n  set variables in front"],
  ])("%s: %i, and what the program was to be told is not repeated", async (command, code, says) => {
    const { code: ended, stderr } = await shell(`${CI} -s stripe/api-key -- ${command}`)
    expect(stderr).toContain(says)
    expect(stderr).not.toContain("abc")
    expect(ended).toBe(code)
  })

  testUnless(
    getuid?.() === 0 ? withoutProgram("setpriv") : undefined,
    "a folder of PATH that we may not look into does not make a program be there: 127",
    async () => {
      const closed = join(machine.home, "closed")
      mkdirSync(closed)
      chmodSync(closed, 0)
      const plain =
        getuid?.() === 0 ? `setpriv --bounding-set ${NO_RIGHTS} --inh-caps ${NO_RIGHTS}` : ""
      const line = `${plain} ${CI} -s stripe/api-key -- nothing-of-that-name`
      const { code, stderr } = await shell(`PATH=$PATH:'${closed}'; ${line}`)
      chmodSync(closed, 0o700)
      expect(stderr).toContain("COMMAND_NOT_FOUND: there is no program nothing-of-that-name")
      expect(code).toBe(127)
    },
  )

  test("more than the system takes in a variable: 126", async () => {
    const said = await refused(`${CI} -s db/large -- CMD`, 126)
    expect(said).toContain("COMMAND_NOT_STARTED: the environment (its largest variable is DB_LARGE")
  })
})

describe("the command line", () => {
  test("what is behind -- belongs to the program, whatever it looks like", async () => {
    const words = ["--agent", "deploy", "-s", "closed/key", "--help", "--", "--json", "-V", "a b"]
    const quoted = words.map((word) => `'${word}'`).join(" ")
    const { stdout } = await shell(
      `${CI} -s stripe/api-key -- node -p 'JSON.stringify(process.argv.slice(1))' -- ${quoted}`,
    )
    expect(JSON.parse(stdout)).toEqual(words)
  })

  test("a program may be called as a command of ours", async () => {
    writeFileSync(join(machine.home, "bin", "help"), "#!/bin/sh\necho mine\n", { mode: 0o755 })
    expect((await shell(`${CI} -s stripe/api-key -- help`)).stdout).toBe("mine\n")
  })

  test.each([
    ["a pipe that nobody reads", "mkfifo pipe", "pipe"],
    ["where no folder can be made", "true", "/proc/none/audit"],
  ])("an audit in %s: nothing is started", async (_what, before, file) => {
    const ran = await machine.shell(
      `${before}; timeout 300 ${CI} --audit ${file} -s stripe/api-key -- echo started; code=$?; rm -f pipe; exit $code`,
    )
    expect([ran.code, ran.stdout]).toEqual([125, ""])
    expect(ran.stderr).toContain("AUDIT_UNWRITABLE")
  })

  test("a line in place of a program is not noted", async () => {
    await machine.shell(`${CI} --audit noted -s stripe/api-key -- 'K=canary-value npm start'`)
    const noted = await machine.shell("cat noted")
    expect(noted.stdout).toContain('"name":"stripe/api-key"')
    expect(noted.stdout).not.toContain("canary")
  })

  test("spaces in every path", async () => {
    const folder = join(machine.repo, "my tools")
    mkdirSync(folder)
    writeFileSync(join(folder, "the tool"), '#!/bin/sh\necho "$1 $STRIPE_API_KEY $PLAIN"\n', {
      mode: 0o755,
    })
    writeFileSync(join(folder, "vars env"), "PLAIN=yes\n")
    const ran = await shell(
      `cd / && ${CI} --dir ~/'repo/my tools' --audit ~/'an audit' -s stripe/api-key --env-from ~/'repo/my tools/vars env' -- ~/'repo/my tools/the tool' 'a b'`,
    )
    expect(ran).toEqual({ code: 0, stdout: "a b [REDACTED stripe/api-key] yes\n", stderr: "" })
    expect(readFileSync(join(machine.home, "an audit"), "utf8")).toContain('"program":"the tool"')
  })
})

describe("the audit", () => {
  test("has a line for what is read together, with the program's name and no value", async () => {
    await shell(
      `${CI} -g stripe -s stripe/api-key=K --audit audit.jsonl -- /bin/sh -c : its-argument`,
    )
    const secrets = ["stripe/api-key", "stripe/webhook"].map((name) => ({ name, version: 1 }))
    expect(linesOf(join(machine.repo, "audit.jsonl"))).toEqual([
      expect.objectContaining({ agent: "ci", door: "run", event: "read", program: "sh", secrets }),
    ])
    expect(readFileSync(join(machine.repo, "audit.jsonl"), "utf8")).not.toMatch(
      /canary|its-argument/,
    )
  })

  test("lies in the state folder if nothing else is said", async () => {
    const state = join(machine.home, ".local/state/agent-vault")
    const [vault = ""] = readdirSync(state)
    await shell(`${CI} -s stripe/webhook -- true`)
    expect(linesOf(join(state, vault, "audit/agents/ci.jsonl")).at(-1)).toMatchObject({
      secrets: [{ name: "stripe/webhook" }],
      program: "true",
    })
  })
})

test("a value is in the environment of the program, and in no other, no argument, no file", async () => {
  const value = VALUES["stripe/api-key"]
  const run = startRun(machine, [
    ..."--agent ci -s stripe/api-key --audit seen.jsonl -- sh -c".split(" "),
    "echo $$; read line",
  ])
  await run.says("\n")
  const holders = (what: string): string[] =>
    readdirSync("/proc").filter(
      (pid) => /^\d+$/.test(pid) && contentOf(`/proc/${pid}/${what}`).includes(value),
    )
  expect(holders("environ")).toEqual([run.stdout().trim()])
  expect(holders("cmdline")).toEqual([])
  const files = readdirSync(machine.home, { recursive: true, encoding: "utf8" })
  expect(files.filter((file) => contentOf(join(machine.home, file)).includes(value))).toEqual([])
  run.child.stdin?.end()
  await run.ended
})

function linesOf(file: string): unknown[] {
  const lines = readFileSync(file, "utf8").trim().split("\n")
  return lines.map((line): unknown => JSON.parse(line))
}

function contentOf(file: string): Buffer {
  try {
    return readFileSync(file)
  } catch {
    // A folder, a link that leads nowhere, or a process that has ended.
    return Buffer.alloc(0)
  }
}

test("the exit code of a program that ends at once is its own, each time", async () => {
  const lines =
    "for _ in $(seq 12); do agent-vault run --agent ci -s stripe/api-key -- sh -c 'exit 7'; echo $?; done"
  expect((await machine.shell(lines)).stdout).toBe("7\n".repeat(12))
})
