import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs"
import { dirname, join } from "node:path"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { type Surrounding, spotsOf } from "../../../src/cli/clients/client-files.js"
import { MCP_CLIENTS } from "../../../src/cli/parse/table/mcp-clients.js"
import { type Seen, atTerminal } from "../at-terminal.js"
import { Machine, type Ran } from "../machine.js"

const machines: Machine[] = []
let template: Machine

/** A machine with a vault, and the key of its one agent. */
beforeAll(async () => {
  template = new Machine()
  machines.push(template)
  for (const argv of [
    ["init", "--name", "alice"],
    ["agent", "add", "ci"],
  ]) {
    expect((await template.call(argv)).code).toBe(0)
  }
})
afterAll(() => machines.forEach((machine) => machine.remove()))

function fresh(files: Readonly<Record<string, string | Buffer>> = {}): Machine {
  const machine = template.copy()
  machines.push(machine)
  for (const [path, content] of Object.entries(files)) put(machine, path, content)
  return machine
}

/** Writes a file, from the home folder. */
function put(machine: Machine, path: string, content: string | Buffer): void {
  mkdirSync(dirname(join(machine.home, path)), { recursive: true })
  writeFileSync(join(machine.home, path), content)
}

function read(machine: Machine, path: string): string {
  return readFileSync(join(machine.home, path), "utf8")
}

function install(machine: Machine, words: string): Promise<Ran> {
  return machine.shell(`agent-vault mcp install ${words}`)
}

const files = {
  "claude-code": "repo/.mcp.json",
  cursor: "repo/.cursor/mcp.json",
  vscode: "repo/.vscode/mcp.json",
  codex: "repo/.codex/config.toml",
  "claude-desktop": ".config/Claude/claude_desktop_config.json",
} as const
const clients = MCP_CLIENTS.map(({ name }) => ({ client: name, file: files[name] }))

/** How a client's file starts the server, in the form of that client. */
const expected: Readonly<Record<string, object>> = {
  "claude-code": {
    mcpServers: { "agent-vault": started("${CLAUDE_PROJECT_DIR:-.}", { type: "stdio" }) },
  },
  cursor: { mcpServers: { "agent-vault": started("${workspaceFolder}", { type: "stdio" }) } },
  vscode: { servers: { "agent-vault": started("${workspaceFolder}", { type: "stdio" }) } },
}

function started(dir: string, more: object = {}): object {
  const args = ["mcp", "--dir", dir, "--agent", "ci", "--blind"]
  return { ...more, command: "agent-vault", args }
}

describe("each client", () => {
  test.each(Object.entries(expected))("%s: its file, in its format", async (client, document) => {
    const machine = fresh()
    const { code, stderr } = await install(machine, `--client ${client}`)
    expect(code, stderr).toBe(0)
    expect(stderr).toContain(`Written to ${join(machine.home, files[client as "cursor"])}`)
    expect(JSON.parse(read(machine, files[client as "cursor"]))).toEqual(document)
  })

  test("a server whose model runs programs, where that is asked for", async () => {
    const machine = fresh()
    const { code, stderr } = await install(machine, "--client cursor --allow-run --isolate none")
    expect(code, stderr).toBe(0)
    const { mcpServers } = JSON.parse(read(machine, files.cursor)) as {
      mcpServers: { "agent-vault": { args: string[] } }
    }
    const { args } = mcpServers["agent-vault"]
    expect(args.slice(-4)).toEqual(["--blind", "--allow-run", "--isolate", "none"])
    // How programs are isolated says nothing where none run.
    expect((await install(machine, "--client vscode --isolate none")).code).toBe(2)
  })

  test("what stands there starts the server", async () => {
    const machine = fresh()
    await install(machine, "--client claude-desktop")
    const { mcpServers } = JSON.parse(read(machine, files["claude-desktop"])) as {
      mcpServers: { "agent-vault": { command: string; args: string[] } }
    }
    const { command, args } = mcpServers["agent-vault"]
    const params = {
      protocolVersion: "2025-06-18",
      capabilities: {},
      clientInfo: { name: "test", version: "1" },
    }
    const hello = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "initialize", params })
    const line = [command, ...args].map((word) => `'${word}'`).join(" ")
    // As a client does that was not started by a shell: from another folder, with hardly a variable.
    const { stdout, stderr } = await machine.shell(
      `cd / && echo '${hello}' | env -i HOME="$HOME" ${line}`,
    )
    expect(JSON.parse(stdout), stderr).toMatchObject({
      id: 1,
      result: { serverInfo: { name: "agent-vault" } },
    })
  })

  test("codex: a table in the repository's config.toml", async () => {
    const machine = fresh()
    expect((await install(machine, "--client codex")).code).toBe(0)
    expect(read(machine, files.codex)).toBe(
      [
        "[mcp_servers.agent-vault]",
        'command = "agent-vault"',
        'args = [ "mcp", "--dir", ".", "--agent", "ci", "--blind" ]',
        'env_vars = [ "AGENT_VAULT_HOME", "AGENT_VAULT_IDENTITY_FILE", "XDG_CONFIG_HOME", "XDG_STATE_HOME" ]',
        "",
      ].join("\n"),
    )
  })

  test("claude-desktop: the user's file, by absolute paths, since it has no shell's PATH", async () => {
    const machine = fresh()
    const { code, stderr } = await install(machine, "--client claude-desktop")
    expect(code, stderr).toBe(0)
    expect(stderr).toContain("yours alone")
    const { mcpServers } = JSON.parse(read(machine, files["claude-desktop"])) as {
      mcpServers: { "agent-vault": { command: string; args: string[] } }
    }
    const { command, args } = mcpServers["agent-vault"]
    expect(command).toBe(process.execPath)
    expect(args.slice(1)).toEqual(["mcp", "--dir", machine.repo, "--agent", "ci", "--blind"])
    const version = await machine.shell(`env -i "${command}" "${args[0] ?? ""}" -V`)
    expect(version.stdout).toMatch(/^\d+\.\d+\.\d+\n$/)
    expect(statSync(join(machine.home, files["claude-desktop"])).mode & 0o777).toBe(0o600)
  })

  test("claude-desktop: says where keys are, if that is not home", async () => {
    const machine = fresh()
    const keys = join(machine.home, ".config/agent-vault")
    const words = "mcp install --client claude-desktop --print"
    const { stdout } = await machine.shell(`AGENT_VAULT_HOME="${keys}" agent-vault ${words}`)
    expect(JSON.parse(stdout)).toMatchObject({
      mcpServers: { "agent-vault": { env: { AGENT_VAULT_HOME: keys } } },
    })
  })

  test.each(clients)("$client: a second time changes nothing", async ({ client }) => {
    const machine = fresh()
    await install(machine, `--client ${client}`)
    const before = machine.fingerprint()
    const { code, stdout, stderr } = await install(machine, `--client ${client}`)
    expect({ code, stdout }, stderr).toEqual({ code: 0, stdout: "" })
    expect(stderr).toContain("has it already. Nothing changed.")
    expect(machine.fingerprint()).toEqual(before)
  })

  test.each(clients)(
    "$client: --print prints the file, and writes none",
    async ({ client, file }) => {
      const machine = fresh()
      const before = machine.fingerprint()
      const printed = await install(machine, `--client ${client} --print`)
      expect(printed.code, printed.stderr).toBe(0)
      expect(machine.fingerprint()).toEqual(before)
      await install(machine, `--client ${client}`)
      expect(read(machine, file)).toBe(printed.stdout)
    },
  )

  test.each(clients.filter(({ client }) => client !== "claude-desktop"))(
    "$client: what can be committed holds no key, and no path of this machine",
    async ({ client, file }) => {
      const machine = fresh()
      await install(machine, `--client ${client}`)
      expect(read(machine, file)).not.toContain("AGE-SECRET-KEY")
      expect(read(machine, file)).not.toContain(machine.home)
    },
  )

  test("--reveal and --blind are handed on, --dry-run writes nothing", async () => {
    const machine = fresh()
    const before = machine.fingerprint()
    const { stdout, code } = await install(
      machine,
      "--client cursor --reveal never --blind --dry-run",
    )
    expect(code).toBe(0)
    expect(stdout).toContain('+       "--reveal",\n+       "never",\n+       "--blind"\n')
    expect(machine.fingerprint()).toEqual(before)
  })

  test("a vault below the top of the work tree is named from there", async () => {
    const machine = new Machine()
    machines.push(machine)
    mkdirSync(join(machine.repo, "ops"))
    await machine.call(["init", "ops", "--name", "alice"])
    await machine.call(["agent", "add", "ci", "--dir", "ops"])
    for (const [client, dir] of [
      ["claude-code", "${CLAUDE_PROJECT_DIR:-.}/ops"],
      ["vscode", "${workspaceFolder}/ops"],
      ["codex", "ops"],
    ] as const) {
      const { stdout } = await install(machine, `--client ${client} --dir ops --print`)
      expect(stdout).toContain(`"${dir}"`)
    }
  })

  test.each([
    ["darwin", "/h/Library/Application Support"],
    ["win32", "/h/AppData/Roaming"],
    ["linux", "/h/.config"],
  ] as const)("on %s the users' own files are where the clients look", (platform, data) => {
    const around: Surrounding = { platform, env: { HOME: "/h" }, project: "/p" }
    const own = MCP_CLIENTS.flatMap((client) => spotsOf(client, around))
      .filter(({ scope }) => scope === "user")
      .map(({ file }) => file)
    expect(new Set(own)).toEqual(
      new Set([
        "/h/.claude.json",
        `${data}/Claude/claude_desktop_config.json`,
        "/h/.cursor/mcp.json",
        `${data}/Code/User/mcp.json`,
        "/h/.codex/config.toml",
      ]),
    )
  })
})

describe("how the program is named", () => {
  test("through npx, but never fetched, where the repository depends on it", async () => {
    const manifest = { devDependencies: { "agent-vault": "^0.1.0" } }
    const machine = fresh({ "repo/package.json": JSON.stringify(manifest) })
    const { stdout } = await install(machine, "--client claude-code --print")
    expect(JSON.parse(stdout)).toMatchObject({
      mcpServers: {
        "agent-vault": {
          command: "npx",
          args: expect.arrayContaining(["--no-install", "agent-vault", "mcp"]) as unknown,
        },
      },
    })
  })

  test("a name that is not on PATH is said", async () => {
    const machine = fresh()
    const bin = join(machine.home, "bin", "agent-vault")
    const node = dirname(process.execPath)
    const path = `PATH=${node}:/usr/bin:/bin`
    const line = `${path} node "$(readlink -f "${bin}")" mcp install --client cursor`
    expect((await machine.shell(line)).stderr).toContain("agent-vault is not on your PATH")
  })
})

describe("which agent", () => {
  test("no key here: what an owner does", async () => {
    const machine = new Machine()
    machines.push(machine)
    await machine.call(["init", "--name", "alice"])
    const { code, stderr } = await install(machine, "--client cursor")
    expect(code).toBe(3)
    expect(stderr).toContain("NO_IDENTITY")
    expect(stderr).toContain("agent-vault agent add NAME")
  })

  test("several: all are named; --agent decides", async () => {
    const machine = fresh()
    await machine.call(["agent", "add", "deploy"])
    const { code, stderr } = await install(machine, "--client cursor")
    expect(code).toBe(2)
    expect(stderr).toContain("several agents have a key here: ci, deploy")
    const chosen = await install(machine, "--client cursor --agent deploy --print")
    expect(chosen.stdout).toContain('"deploy"')
  })

  test("one whose key is elsewhere is said, one that does not exist is refused", async () => {
    const machine = fresh()
    await machine.call(["agent", "add", "deploy", "--out", join(machine.home, "deploy.key")])
    const { code, stderr } = await install(machine, "--client cursor --agent deploy")
    expect(code).toBe(0)
    expect(stderr).toContain("The key of deploy is not on this machine")
    const unknown = await install(machine, "--client cursor --agent deplo")
    expect(unknown.code).toBe(3)
    expect(unknown.stderr).toContain("did you mean deploy?")
  })
})

describe("what is in the file stays", () => {
  const entry = started("${workspaceFolder}", { type: "stdio" })

  test.each([
    [
      "comments and commas",
      '{\n  // ours\n  "mcpServers": {\n    "a": { "command": "x" }, // one\n  },\n  "z": [1],\n}\n',
    ],
    ["tabs", '{\n\t"mcpServers": {\n\t\t"a": { "command": "x" }\n\t}\n}\n'],
    ["Windows line ends", '{\r\n  "mcpServers": {\r\n    "a": { "command": "x" }\r\n  }\r\n}\r\n'],
    ["a byte order mark", '\ufeff{\n  "mcpServers": {}\n}\n'],
    ["no table yet", '{\n  "z": 1\n}\n'],
    ["one line", '{"mcpServers":{"a":{"command":"x"}}}'],
    ["nothing", ""],
  ])("JSON: %s", async (_what, text) => {
    const machine = fresh({ [files.cursor]: text })
    const { code, stderr } = await install(machine, "--client cursor")
    expect(code, stderr).toBe(0)
    const edited = read(machine, files.cursor)
    // Each line that was there is there still; only a comma may have come.
    const kept = text.split("\n").filter((line) => /"a"|"z"|ours/.test(line))
    const withoutCommas = edited.replaceAll(",", "")
    for (const line of text.includes("\n") ? kept : []) {
      expect(withoutCommas).toContain(line.replaceAll(",", ""))
    }
    expect(edited.startsWith("\ufeff")).toBe(text.startsWith("\ufeff"))
    const hasUnixLines = text === "" || /(^|[^\r])\n/.test(text)
    expect(/(^|[^\r])\n/.test(edited)).toBe(hasUnixLines)
    expect(edited.includes("\t")).toBe(text.includes("\t"))
    const plainJson = edited
      .replace(/^\ufeff/, "")
      .replace(/\/\/.*$/gm, "")
      .replace(/,(\s*[}\]])/g, "$1")
    expect(JSON.parse(plainJson)).toMatchObject({ mcpServers: { "agent-vault": entry } })
  })

  test("TOML: every line that is not ours", async () => {
    const head = [
      "# mine",
      'model = "m" # which',
      "",
      "[mcp_servers.a]",
      'command = "x"',
      "",
      "# last",
    ]
    const machine = fresh({ [files.codex]: `${head.join("\n")}\n` })
    expect((await install(machine, "--client codex")).code).toBe(0)
    const edited = read(machine, files.codex).split("\n")
    expect(edited.slice(0, head.length)).toEqual(head)
    expect(edited[head.length + 1]).toBe("[mcp_servers.agent-vault]")
  })

  test("TOML: an entry is replaced where it stands, with the tables below it", async () => {
    const text = [
      "[a]",
      "x = 1",
      "[mcp_servers.agent-vault] # old",
      'command = "old"',
      "[mcp_servers.agent-vault.env]",
      'X = "1"',
      "",
      "# of b",
      "[b]",
      'y = """',
      "two lines",
      '"""',
      "",
    ]
    const machine = fresh({ [files.codex]: text.join("\n") })
    expect((await install(machine, "--client codex --yes")).code).toBe(0)
    const edited = read(machine, files.codex).split("\n")
    expect(edited.slice(0, 4)).toEqual([
      "[a]",
      "x = 1",
      "[mcp_servers.agent-vault]",
      'command = "agent-vault"',
    ])
    expect(edited.slice(6)).toEqual(text.slice(6))
  })

  test("the file's mode, and a link in the user's own folders", async () => {
    const machine = fresh({ [files.cursor]: "{}", "dotfiles/claude.json": "{}" })
    chmodSync(join(machine.home, files.cursor), 0o664)
    mkdirSync(join(machine.home, ".config/Claude"), { recursive: true })
    const link = join(machine.home, files["claude-desktop"])
    symlinkSync(join(machine.home, "dotfiles/claude.json"), link)
    await install(machine, "--client cursor")
    await install(machine, "--client claude-desktop")
    expect(statSync(join(machine.home, files.cursor)).mode & 0o777).toBe(0o664)
    expect(lstatSync(link).isSymbolicLink()).toBe(true)
    expect(read(machine, "dotfiles/claude.json")).toContain("agent-vault")
  })
})

describe("another entry of the name", () => {
  const literal = ["old", "literal", "value"].join("-")
  const other = `{ "mcpServers": { "agent-vault": { "command": "x", "env": { "A_KEY": "${literal}" } } } }`
  const question = "Replace it? [yes/no] "

  function asked(machine: Machine, typed: string): Promise<Seen> {
    const argv = ["mcp", "install", "--client", "cursor"]
    return atTerminal(machine, argv, [[question, typed]])
  }

  test("is not replaced where nobody can be asked; --yes replaces it", async () => {
    const machine = fresh({ [files.cursor]: other })
    const before = machine.fingerprint()
    const refused = await install(machine, "--client cursor")
    expect(refused.code).toBe(2)
    expect(refused.stderr).toContain("--yes")
    expect(machine.fingerprint()).toEqual(before)
    const replaced = await install(machine, "--client cursor --yes")
    expect(replaced.code).toBe(0)
    expect(read(machine, files.cursor)).toContain('"mcp"')
    for (const { stdout, stderr } of [refused, replaced]) {
      expect(stdout + stderr).not.toContain(literal)
    }
    expect(replaced.stdout).toContain('-       "A_KEY": "[hidden]"')
  })

  test.each([
    ["no", "no\r", 0],
    ["Ctrl-C", "\u0003", 130],
  ])("%s leaves it", async (_how, typed, code) => {
    const machine = fresh({ [files.cursor]: other })
    const before = machine.fingerprint()
    const seen = await asked(machine, typed)
    expect(seen.code, seen.shown).toBe(code)
    expect(seen.shown).not.toContain(literal)
    expect(machine.fingerprint()).toEqual(before)
  })

  test("yes replaces it", async () => {
    const machine = fresh({ [files.cursor]: other })
    const seen = await asked(machine, "yes\r")
    expect(seen.code, seen.shown).toBe(0)
    expect(read(machine, files.cursor)).not.toContain(literal)
  })
})

describe("a file that cannot be edited is left alone", () => {
  test.each([
    ["cursor", "broken", '{\n  "mcpServers": {', "is not valid JSON, see line 2"],
    ["cursor", "a list", "[]", "holds no object"],
    ["cursor", "servers that are no table", '{ "mcpServers": [] }', "has no table at mcpServers"],
    [
      "cursor",
      "a key twice",
      '{ "mcpServers": { "agent-vault": 1, "agent-vault": 2 } }',
      "cannot be edited here",
    ],
    ["cursor", "no UTF-8", Buffer.from([0x7b, 0xff, 0x7d]), "is not UTF-8"],
    ["codex", "broken", "a = 1\nb =\n", "is not valid TOML, see line 2"],
    [
      "codex",
      "tables in one line",
      'mcp_servers = { a = { command = "x" } }\n',
      "cannot be edited here",
    ],
  ] as const)("%s: %s", async (client, _what, text, says) => {
    const machine = fresh({ [files[client]]: text })
    const before = machine.fingerprint()
    const { code, stderr } = await install(machine, `--client ${client} --yes`)
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining(says) as string })
    expect(stderr).toContain("CONFIG_INVALID")
    expect(machine.fingerprint()).toEqual(before)
  })

  test.each(["repo/.vscode/mcp.json", "repo/.vscode"])(
    "a link in the repository: %s",
    async (path) => {
      const machine = fresh({ "elsewhere/mcp.json": '{ "servers": {} }\n' })
      mkdirSync(dirname(join(machine.home, path)), { recursive: true })
      const target = path.endsWith(".json") ? "elsewhere/mcp.json" : "elsewhere"
      symlinkSync(join(machine.home, target), join(machine.home, path))
      const { code, stderr } = await install(machine, "--client vscode")
      expect(code, stderr).toBe(5)
      expect(read(machine, "elsewhere/mcp.json")).toBe('{ "servers": {} }\n')
    },
  )

  test("without a client, nothing is written anywhere", async () => {
    const machine = fresh()
    const { code, stderr } = await install(machine, "")
    expect(code).toBe(2)
    expect(stderr).toContain("--client claude-code")
    expect(existsSync(join(machine.repo, ".mcp.json"))).toBe(false)
  })
})
