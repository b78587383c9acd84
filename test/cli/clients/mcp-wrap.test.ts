import { spawn } from "node:child_process"
import { createHash } from "node:crypto"
import { existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { text as textOf } from "node:stream/consumers"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { readConfig, withEntry, writeConfig } from "../../../src/cli/clients/client-config.js"
import { type Seen, type Steps, atTerminal } from "../at-terminal.js"
import { leaveHalfDone } from "../half-done.js"
import { Machine, type Ran } from "../machine.js"

/** A key as a service makes them, which no scanner may find in this file. */
const KEY = ["ghp", "Canary0123456789", "abcdefghijKLMNOP"].join("_")
const OTHER_KEY = ["sk", "live", "another0123456789canary"].join("_")

/** A server that tells what it was given, as the protocol has it: a line of JSON for each line. */
const SERVER = `
  const { createHash } = require("node:crypto")
  const lines = require("node:readline").createInterface({ input: process.stdin })
  lines.on("line", (line) => {
    const { id, params } = JSON.parse(line)
    const value = process.env[params.variable] ?? ""
    const digest = createHash("sha256").update(value).digest("hex")
    const result = { digest, args: process.argv.slice(2), log: process.env.LOG_LEVEL, padding: "x".repeat(70000) }
    process.stdout.write(JSON.stringify({ jsonrpc: "2.0", id, result }) + "\\n")
  })
`

const machines: Machine[] = []
let template: Machine

beforeAll(async () => {
  template = new Machine()
  machines.push(template)
  for (const argv of [
    ["init", "--name", "alice"],
    ["agent", "add", "ci"],
  ]) {
    expect((await template.call(argv)).code).toBe(0)
  }
  writeFileSync(join(template.home, "server.js"), SERVER)
})
afterAll(() => machines.forEach((machine) => machine.remove()))

function fresh(files: Readonly<Record<string, string>> = {}): Machine {
  const machine = template.copy()
  machines.push(machine)
  for (const [path, content] of Object.entries(files)) {
    const file = join(machine.home, path)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, content)
  }
  return machine
}

function read(machine: Machine, path: string): string {
  return readFileSync(join(machine.home, path), "utf8")
}

function wrap(machine: Machine, words: string): Promise<Ran> {
  return machine.shell(`agent-vault mcp wrap ${words}`)
}

interface ServerEntry {
  readonly command: string
  readonly args: readonly string[]
  readonly env?: Readonly<Record<string, string>>
}

const CURSOR = "repo/.cursor/mcp.json"

/** A configuration with the server github, and what else its env holds. */
function cursor(env: object, more: object = {}): Record<string, string> {
  const github = { command: "node", args: ["../server.js", "a b"], env, ...more }
  return { [CURSOR]: `${JSON.stringify({ mcpServers: { github } }, null, 2)}\n` }
}

function entryIn(machine: Machine): ServerEntry {
  const { mcpServers } = JSON.parse(read(machine, CURSOR)) as {
    mcpServers: Readonly<Record<string, ServerEntry>>
  }
  const entry = mcpServers["github"]
  if (entry === undefined) throw new Error("the entry is gone")
  return entry
}

async function stored(machine: Machine, name: string): Promise<string> {
  const { stdout, code, stderr } = await machine.call(["get", name, "--owner"])
  expect(code, stderr).toBe(0)
  return stdout
}

/** Starts a server as a client does, asks it once, and lets it end. */
async function ask(
  machine: Machine,
  { command, args, env }: ServerEntry,
  variable: string,
): Promise<{ answers: readonly unknown[]; stderr: string }> {
  const own = args.map((arg) => arg.replace("${workspaceFolder}", machine.repo))
  const child = spawn(command, own, { cwd: machine.repo, env: { ...machine.env, ...env } })
  for (const id of [1, 2]) {
    child.stdin.write(`${JSON.stringify({ jsonrpc: "2.0", id, params: { variable } })}\n`)
  }
  child.stdin.end()
  const [stdout, stderr] = await Promise.all([textOf(child.stdout), textOf(child.stderr)])
  const answers = stdout.split("\n").filter(Boolean)
  return { answers: answers.map((line) => JSON.parse(line) as unknown), stderr }
}

/** Every file below the home folder that holds one of the forms, and Git's objects. */
function holders(machine: Machine, value: string): string[] {
  const bytes = Buffer.from(value)
  const forms = [
    bytes,
    ...["base64", "base64url", "hex"].map((form) => Buffer.from(bytes.toString(form as "hex"))),
  ]
  const holds = (content: Buffer): boolean => forms.some((form) => content.includes(form))
  const paths = readdirSync(machine.home, { recursive: true, encoding: "utf8" })
  const files = paths.filter((path) => {
    const file = join(machine.home, path)
    return statSync(file).isFile() && holds(readFileSync(file))
  })
  const objects = machine.git("cat-file", "--batch-all-objects", "--batch", "--buffer")
  return [...files, ...(holds(Buffer.from(objects)) ? ["a Git object"] : [])]
}

describe("a literal key", () => {
  test("is found nowhere but sealed, and the server gets it", async () => {
    const machine = fresh(cursor({ GITHUB_TOKEN: KEY, LOG_LEVEL: "debug", HOST: "${HOST}" }))
    const before = readdirSync(machine.home, { recursive: true, encoding: "utf8" })
    const { code, stdout, stderr } = await wrap(machine, "github --yes")
    expect(code, stderr).toBe(0)
    expect(holders(machine, KEY)).toEqual([])
    expect(stdout + stderr).not.toContain(KEY)
    expect(stdout).toContain('-       "GITHUB_TOKEN": "[hidden]"')
    // No copy of the file, no temporary one: what came is the vault's.
    const after = readdirSync(machine.home, { recursive: true, encoding: "utf8" })
    const came = after.filter((path) => !before.includes(path))
    expect(
      came.filter((path) => !/^repo\/\.(git|agent-vault)\/|^\.local\/state\//.test(path)),
    ).toEqual([])
    expect(await stored(machine, "github/github-token")).toBe(KEY)

    expect(entryIn(machine)).toEqual({
      command: "agent-vault",
      args: [
        "run --agent ci --dir ${workspaceFolder} -s github/github-token=GITHUB_TOKEN -- node".split(
          " ",
        ),
        ["../server.js", "a b"],
      ].flat(),
      env: { LOG_LEVEL: "debug", HOST: "${HOST}" },
    })
    expect(stderr).toContain("Next: agent-vault grant ci github")
    expect((await machine.call(["grant", "ci", "github"])).code).toBe(0)
    const answered = await ask(machine, entryIn(machine), "GITHUB_TOKEN")
    const digest = createHash("sha256").update(KEY).digest("hex")
    const result = { digest, args: ["a b"], log: "debug", padding: "x".repeat(70_000) }
    expect(answered.answers, answered.stderr).toEqual(
      [1, 2].map((id) => ({ jsonrpc: "2.0", id, result })),
    )
    expect(holders(machine, KEY)).toEqual([])
  })

  test.each([
    ["quotes, escapes and letters", 'p"a\\s/ß€😀-secret'],
    ["several lines", "-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n"],
    ["what a shell would take", "$(touch pwned) `x` 'y' --yes-key"],
  ])("byte for byte: %s", async (_what, value) => {
    const machine = fresh(cursor({ A_SECRET: value }))
    const { code, stderr, stdout } = await wrap(machine, "github --yes")
    expect(code, stderr).toBe(0)
    expect(stdout + stderr).not.toContain(value)
    expect(await stored(machine, "github/a-secret")).toBe(value)
    expect(entryIn(machine)).not.toHaveProperty("env")
  })

  test("what is left of it in the file is said, with the line", async () => {
    const machine = fresh()
    const file = join(machine.repo, ".mcp.json")
    writeFileSync(
      file,
      `{\n  // was ${KEY}\n  "mcpServers": {\n    "github": { "command": "node", "env": { "K_TOKEN": "${KEY}" } }\n  }\n}\n`,
    )
    const { stderr } = await wrap(machine, "github --yes")
    expect(stderr).toContain("still holds the value of K_TOKEN, in line 2")
    expect(stderr).not.toContain(KEY)
  })

  test("that Git tracks is to be rotated now", async () => {
    const machine = fresh(cursor({ A_TOKEN: KEY }))
    const plain = await wrap(machine, "github --yes --dry-run")
    expect(plain.stderr).not.toContain("Git tracks")
    machine.git("add", ".cursor/mcp.json")
    const { stderr } = await wrap(machine, "github --yes")
    expect(stderr).toContain("Rotate this key now: Git tracks")
  })

  test("--dry-run changes nothing, and neither does a missing answer", async () => {
    const machine = fresh(cursor({ A_TOKEN: KEY }))
    const before = machine.fingerprint()
    const dry = await wrap(machine, "github --dry-run")
    expect(dry.code, dry.stderr).toBe(0)
    const unasked = await wrap(machine, "github")
    expect(unasked.code).toBe(2)
    expect(unasked.stderr).toMatch(/^ {2}agent-vault mcp wrap .* --yes$/m)
    for (const { stdout, stderr } of [dry, unasked]) expect(stdout + stderr).not.toContain(KEY)
    expect(machine.fingerprint()).toEqual(before)
  })
})

describe("a second time", () => {
  test("it is wrapped already", async () => {
    const machine = fresh(cursor({ A_TOKEN: KEY }))
    await wrap(machine, "github --yes")
    const before = machine.fingerprint()
    const { code, stderr } = await wrap(machine, "github --yes")
    expect(code).toBe(0)
    expect(stderr).toContain("is wrapped already. Nothing changed.")
    expect(machine.fingerprint()).toEqual(before)
  })

  test("a key that came since joins the others", async () => {
    const machine = fresh(cursor({ A_TOKEN: KEY }))
    await wrap(machine, "github --yes")
    const file = join(machine.home, CURSOR)
    const document = {
      mcpServers: { github: { ...entryIn(machine), env: { B_TOKEN: OTHER_KEY } } },
    }
    writeFileSync(file, JSON.stringify(document))
    expect((await wrap(machine, "github --yes")).code).toBe(0)
    const { args } = entryIn(machine)
    expect(args.filter((arg) => arg === "run")).toHaveLength(1)
    const secrets = "-s github/a-token=A_TOKEN -s github/b-token=B_TOKEN --"
    expect(args.slice(5, 10)).toEqual(secrets.split(" "))
  })

  test("after the values were stored and the file was not written", async () => {
    const machine = fresh(cursor({ A_TOKEN: KEY }))
    await machine.call(["set", "github/a-token", "--env", "MINE"], KEY)
    const { code, stderr } = await wrap(machine, "github --yes")
    expect(code, stderr).toBe(0)
    expect(entryIn(machine).args).toContain("github/a-token=A_TOKEN")
    const listed = await machine.call(["list", "--json"])
    expect(JSON.parse(listed.stdout)).toMatchObject({ secrets: [{ version: 1, env: "MINE" }] })
  })

  test("a secret with another value is never replaced", async () => {
    const machine = fresh(cursor({ A_TOKEN: KEY, B_TOKEN: OTHER_KEY }))
    await machine.call(["set", "github/b-token"], "of somebody else")
    const before = machine.fingerprint()
    const { code, stderr } = await wrap(machine, "github --yes")
    expect(code).toBe(6)
    expect(stderr).toContain("github/b-token exists, with another value than B_TOKEN here")
    expect(machine.fingerprint()).toEqual(before)
    expect((await wrap(machine, "github --yes -s github/mine=B_TOKEN")).code).toBe(0)
    expect(await stored(machine, "github/b-token")).toBe("of somebody else")
  })
})

function asked(machine: Machine, steps: Steps, env: NodeJS.ProcessEnv = {}): Promise<Seen> {
  return atTerminal(machine, ["mcp", "wrap", "github"], steps, { env })
}

describe("the questions", () => {
  const where = "Where to store A_TOKEN (GROUP/NAME; - leaves it) [github/a-token] "
  const setting =
    "Where to store LOG_LEVEL, which looks like a setting (GROUP/NAME; - leaves it) [-] "
  const write = "and write "
  const access = "ci does not open tokens. Grant it? [yes/no] "
  const env = { A_TOKEN: KEY, LOG_LEVEL: "debug" }

  test("where, whether, and who may read it", async () => {
    const machine = fresh(cursor(env))
    const seen = await asked(machine, [
      [where, "tokens/github\r"],
      [setting, "\r"],
      [write, "yes\r"],
      [access, "yes\r"],
    ])
    expect(seen.code, seen.shown).toBe(0)
    expect(seen.shown).not.toContain(KEY)
    expect(entryIn(machine).env).toEqual({ LOG_LEVEL: "debug" })
    const { stdout } = await machine.call(["get", "tokens/github", "--agent", "ci"])
    expect(stdout).toBe(KEY)
    expect(holders(machine, KEY)).toEqual([])
  })

  test("under a harness a person's word comes before anything is stored", async () => {
    const machine = fresh(cursor(env))
    await machine.call(["list"])
    const before = machine.fingerprint()
    const steps = [
      [where, "tokens/github\r"],
      [setting, "\r"],
      [write, "yes\r"],
      [access, "yes\r"],
      ["If that is your wish, type ", "\r"],
    ] as const
    const seen = await asked(machine, steps, { CLAUDECODE: "1" })
    expect(seen.code, seen.shown).toBe(4)
    expect(seen.shown).toContain("give ci access to tokens")
    expect(seen.shown).toContain("UNCONFIRMED")
    expect(machine.fingerprint()).toEqual(before)
  })

  test.each([
    ["Ctrl-C at where", [[where, "\u0003"]], 130],
    [
      "Ctrl-C at whether",
      [
        [where, "\r"],
        [setting, "\r"],
        [write, "\u0003"],
      ],
      130,
    ],
    [
      "no",
      [
        [where, "\r"],
        [setting, "\r"],
        [write, "no\r"],
      ],
      0,
    ],
    [
      "Ctrl-C at who",
      [
        [where, "tokens/github\r"],
        [setting, "\r"],
        [write, "yes\r"],
        [access, "\u0003"],
      ],
      130,
    ],
    [
      "leaving all of it",
      [
        [where, "-\r"],
        [setting, "\r"],
      ],
      0,
    ],
    [
      "a name that is none",
      [
        [where, "no name\r"],
        [setting, "\r"],
      ],
      2,
    ],
  ] as const)("%s: nothing changes", async (_how, steps, code) => {
    const machine = fresh(cursor(env))
    // This clone sees the vault for the first time, and remembers that.
    await machine.call(["list"])
    const before = machine.fingerprint()
    const seen = await asked(machine, steps)
    expect(seen.code, seen.shown).toBe(code)
    expect(seen.shown).not.toContain(KEY)
    expect(machine.fingerprint()).toEqual(before)
  })
})

describe("what cannot be wrapped", () => {
  test.each([
    ["a remote server", { type: "http", url: "https://example.com/mcp" }, 2, "is a remote server"],
    ["no command", { args: ["x"] }, 2, "has no command"],
  ])("%s", async (_what, more, code, says) => {
    const entry = { ...more, headers: { Authorization: `Bearer ${KEY}` } }
    const machine = fresh({ [CURSOR]: JSON.stringify({ mcpServers: { github: entry } }) })
    const before = machine.fingerprint()
    const ran = await wrap(machine, "github --yes")
    expect(ran.code).toBe(code)
    expect(ran.stderr).toContain(says)
    expect(ran.stdout + ran.stderr).not.toContain(KEY)
    expect(machine.fingerprint()).toEqual(before)
  })

  test.each([
    ["a flag with it", ["--api-key=hunter2hunter2"], "argument 1 (--api-key)", "hunter2hunter2"],
    [
      "a flag before it",
      ["-v", "--token", "hunter2hunter2"],
      "argument 3 (--token)",
      "hunter2hunter2",
    ],
    ["docker's variable", ["-e", `GITHUB_TOKEN=${KEY}`], "argument 2 (GITHUB_TOKEN)", KEY],
    ["alone", ["serve", KEY], "argument 2 holds a key", KEY],
    ["in an address", ["postgres://u:hunter2@db/x"], "argument 1 holds a key", "hunter2"],
    ["in a line for a shell", ["-c", `A_KEY=${KEY} npx x`], "argument 2", KEY],
  ])("a key in the arguments is a finding: %s", async (_what, args, says, value) => {
    const machine = fresh(cursor({ B_TOKEN: OTHER_KEY }, { args }))
    const { code, stdout, stderr } = await wrap(machine, "github --yes")
    expect(code, stderr).toBe(1)
    expect(stderr).toContain(says)
    expect(stdout + stderr).not.toContain(value)
    expect(entryIn(machine).args.slice(-args.length)).toEqual(args)
  })

  test("a value of env that stands in the arguments as well is not shown there", async () => {
    const args = ["--greeting", "hello correcthorse"]
    const machine = fresh(cursor({ MY_PASSWORD: "correcthorse" }, { args }))
    const { code, stdout, stderr } = await wrap(machine, "github --yes")
    expect(code).toBe(0)
    expect(stdout + stderr).not.toContain("correcthorse")
    expect(stderr).toContain("still holds the value of MY_PASSWORD")
  })

  test("a variable that run gives to no program", async () => {
    const machine = fresh(cursor({ NODE_OPTIONS: "--require=x", A_TOKEN: KEY }))
    const refused = await wrap(machine, "github --yes -s github/x=NODE_OPTIONS")
    expect(refused.code).toBe(2)
    expect((await wrap(machine, "github --yes")).code).toBe(0)
    expect(entryIn(machine).env).toEqual({ NODE_OPTIONS: "--require=x" })
  })

  test.each([
    ["no such variable", "-s github/x=A_TOKN", "did you mean A_TOKEN?"],
    ["no variable", "-s github/x", "-s GROUP/NAME=ENV"],
    ["one variable twice", "-s a/x=A_TOKEN -s a/y=A_TOKEN", "twice"],
    ["one name twice", "-s a/x=A_TOKEN -s a/X=B_TOKEN", "two variables"],
    ["no name", "-s x=A_TOKEN", "NAME_INVALID"],
  ])("--secret with %s", async (_what, words, says) => {
    const machine = fresh(cursor({ A_TOKEN: KEY, B_TOKEN: OTHER_KEY }))
    const before = machine.fingerprint()
    const { code, stderr } = await wrap(machine, `github --yes ${words}`)
    expect(code).toBe(2)
    expect(stderr).toContain(says)
    expect(stderr).not.toContain(KEY)
    expect(machine.fingerprint()).toEqual(before)
  })

  test("an agent's key does not store: that is an owner's", async () => {
    const machine = fresh(cursor({ A_TOKEN: KEY }))
    const before = read(machine, CURSOR)
    const { code, stderr } = await machine.shell(
      "AGENT_VAULT_AGENT=ci agent-vault mcp wrap github --yes",
    )
    expect(code).toBe(4)
    expect(stderr).toContain("NOT_OWNER")
    expect(read(machine, CURSOR)).toBe(before)
  })
})

describe("where the entry is", () => {
  const github = { command: "node", args: ["server.js"], env: { A_TOKEN: KEY } }

  test.each([
    ["repo/.mcp.json", { mcpServers: { github } }, "${CLAUDE_PROJECT_DIR:-.}"],
    ["repo/.vscode/mcp.json", { servers: { github } }, "${workspaceFolder}"],
    [".cursor/mcp.json", { mcpServers: { github } }, "REPO"],
    [".config/Claude/claude_desktop_config.json", { mcpServers: { github } }, "REPO"],
    [".config/Code/User/mcp.json", { servers: { github } }, "REPO"],
    [".claude.json", { mcpServers: { github }, numStartups: 3 }, "REPO"],
    [".claude.json", { projects: { REPO: { mcpServers: { github } } } }, "REPO"],
  ])("%s", async (path, document, dir) => {
    const machine = fresh()
    const here = (text: string): string => text.replaceAll("REPO", machine.repo)
    const file = join(machine.home, path)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, here(JSON.stringify(document)), { mode: 0o600 })
    const { code, stderr } = await wrap(machine, "github --yes")
    expect(code, stderr).toBe(0)
    const edited = read(machine, path)
    expect(edited.replaceAll(/\s/g, "")).toContain(`"--dir","${here(dir)}"`)
    expect(edited).not.toContain(KEY)
    expect(statSync(file).mode & 0o777).toBe(0o600)
    expect(holders(machine, KEY)).toEqual([])
  })

  test("Codex: a table, with all that stands around it", async () => {
    const machine = fresh({
      "repo/.codex/config.toml": [
        'model = "m" # mine',
        "",
        "[mcp_servers.github]",
        'command = "node"',
        'args = ["../server.js"]',
        'env = { "A_TOKEN" = "TOKEN" }'.replace('TOKEN" }', `${KEY}" }`),
        "startup_timeout_sec = 20",
        "",
        "# last",
        "[tui]",
        "x = true",
        "",
      ].join("\n"),
    })
    const { code, stdout, stderr } = await wrap(machine, "github --yes")
    expect(code, stderr).toBe(0)
    expect(stdout + stderr).not.toContain(KEY)
    expect(read(machine, "repo/.codex/config.toml").split("\n")).toEqual([
      'model = "m" # mine',
      "",
      "[mcp_servers.github]",
      'command = "agent-vault"',
      'args = [ "run", "--agent", "ci", "--dir", ".", "-s", "github/a-token=A_TOKEN", "--", "node", "../server.js" ]',
      "startup_timeout_sec = 20",
      'env_vars = [ "AGENT_VAULT_HOME", "AGENT_VAULT_IDENTITY_FILE", "XDG_CONFIG_HOME", "XDG_STATE_HOME" ]',
      "",
      "# last",
      "[tui]",
      "x = true",
      "",
    ])
  })

  test("several files: all are named; --client and --config decide", async () => {
    const machine = fresh({
      ...cursor({ A_TOKEN: KEY }),
      "repo/.mcp.json": JSON.stringify({ mcpServers: { github } }),
    })
    const { code, stderr } = await wrap(machine, "github --yes")
    expect(code).toBe(2)
    expect(stderr).toContain(join(machine.repo, ".mcp.json"))
    expect(stderr).toContain(join(machine.home, CURSOR))
    expect((await wrap(machine, "github --client cursor --yes")).code).toBe(0)
    expect(read(machine, CURSOR)).not.toContain(KEY)
    expect((await wrap(machine, "github --config .mcp.json --yes")).code).toBe(0)
    expect(read(machine, "repo/.mcp.json")).toContain("${CLAUDE_PROJECT_DIR:-.}")
  })

  test("a file of another client", async () => {
    const machine = fresh({ "other/mcp.json": JSON.stringify({ servers: { github } }) })
    const { code, stderr } = await wrap(machine, "github --config ~/other/mcp.json --yes")
    expect(code, stderr).toBe(0)
    expect(read(machine, "other/mcp.json")).toContain(machine.repo)
  })

  test("nowhere", async () => {
    const machine = fresh(cursor({ A_TOKEN: KEY }))
    const { code, stderr } = await wrap(machine, "githb --yes")
    expect(code).toBe(3)
    expect(stderr).toContain("SERVER_NOT_FOUND")
    expect(stderr).toContain("did you mean github?")
  })

  test("a broken file is only in the way of what may be in it", async () => {
    const machine = fresh({ ...cursor({ A_TOKEN: KEY }), "repo/.mcp.json": `{ "${KEY}` })
    const unknown = await wrap(machine, "other --yes")
    expect(unknown.code).toBe(2)
    expect(unknown.stderr).toContain("is not valid JSON")
    expect(unknown.stderr).not.toContain(KEY)
    expect((await wrap(machine, "github --yes")).code).toBe(0)
  })
})

/** A configuration with this env. */
function around(env: string): string {
  return `{ "mcpServers": { "github": { "env": ${env} } } }\n`
}

/** The env of a server as it stands in a file, and after the variable TOKEN has gone. */
const WITHOUT_TOKEN: readonly (readonly [what: string, before: string, after: string])[] = [
  ["the first of two lines", `{\n  "TOKEN": "x",\n  "LOG": "y"\n}`, `{\n  "LOG": "y"\n}`],
  ["the last of two lines", `{\n  "LOG": "y",\n  "TOKEN": "x"\n}`, `{\n  "LOG": "y"\n}`],
  ["the first on one line", `{ "TOKEN": "x", "LOG": "y" }`, `{ "LOG": "y" }`],
  ["the last on one line", `{ "LOG": "y", "TOKEN": "x" }`, `{ "LOG": "y" }`],
  [
    "between comments on others",
    `{\n  // all\n  "A": "y", // of A\n  "TOKEN": "x", // of TOKEN\n  // of B\n  "B": "z"\n}`,
    `{\n  // all\n  "A": "y", // of A\n  // of B\n  "B": "z"\n}`,
  ],
  [
    "the first, below a comment",
    `{\n  // all\n  "TOKEN": "x",\n  /* of\n     B */\n  "B": "z"\n}`,
    `{\n  // all\n  /* of\n     B */\n  "B": "z"\n}`,
  ],
  [
    "the last, behind a comment",
    `{\n  "A": "y", // of A\n  "TOKEN": "x"\n}`,
    `{\n  "A": "y" // of A\n}`,
  ],
  ["the last, before a comma", `{\n  "A": "y",\n  "TOKEN": "x",\n}`, `{\n  "A": "y",\n}`],
  ["commas that begin lines", `{\n  "TOKEN": "x"\n  , "B": "z"\n}`, `{\n  "B": "z"\n}`],
]

test.each(WITHOUT_TOKEN)(
  "what goes takes nothing of its neighbours: %s",
  (_what, before, after) => {
    const machine = fresh({ [CURSOR]: around(before) })
    const config = readConfig({
      client: undefined,
      file: join(machine.home, CURSOR),
      scope: "project",
      format: "json",
      path: ["mcpServers"],
    })
    const { env } = config.servers["github"] as { env: Record<string, string> }
    const { TOKEN: _gone, ...rest } = env
    expect(withEntry(config, "github", { env: rest })).toBe(around(after))
  },
)

test("a file that somebody changes meanwhile is not written", () => {
  const machine = fresh(cursor({ A_TOKEN: "x" }))
  const file = join(machine.home, CURSOR)
  const config = readConfig({
    client: undefined,
    file,
    scope: "project",
    format: "json",
    path: ["mcpServers"],
  })
  const edited = withEntry(config, "github", { command: "y" })
  writeFileSync(file, "{}")
  expect(() => writeConfig(config, edited)).toThrow("was changed meanwhile")
  expect(read(machine, CURSOR)).toBe("{}")
})

test("what a killed command left is completed first", async () => {
  const machine = fresh(cursor({ GITHUB_TOKEN: KEY }))
  const journal = leaveHalfDone(machine)
  const { code, stderr } = await wrap(machine, "github --yes")
  expect(code, stderr).toBe(0)
  expect(existsSync(journal)).toBe(false)
})
