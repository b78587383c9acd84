import { spawnSync } from "node:child_process"
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { parse } from "smol-toml"
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest"
import { HOOK_CLIENTS } from "../../../src/cli/parse/table/hook-clients.js"
import { type Machine, type Ran, vaultMachine } from "../machine.js"

const VALUE = `fake-key-${"of-a-service-".repeat(2)}1`
const FILES = {
  "claude-code": ".claude/settings.json",
  codex: ".codex/hooks.json",
  cursor: ".cursor/hooks.json",
  "gemini-cli": ".gemini/settings.json",
} as const
/** What of Codex's own file is looked at. */
interface Config {
  readonly model_provider?: string
  readonly model_providers: Readonly<
    Record<string, { readonly auth?: { readonly command?: string; readonly args?: string[] } }>
  >
}

const CLIENTS = HOOK_CLIENTS.map(({ name }) => name)

let template: Machine
let machine: Machine
const machines: Machine[] = []

beforeAll(async () => {
  template = await vaultMachine()
  machines.push(template)
  await template.call(["set", "stripe/api-key"], VALUE)
})
beforeEach(() => {
  machine = template.copy()
  machines.push(machine)
})
afterAll(() => machines.forEach((each) => each.remove()))

function install(client: string, more = ""): Promise<Ran> {
  return machine.shell(`agent-vault hooks install --client ${client} --agent ci ${more}`)
}

function fileOf(client: (typeof CLIENTS)[number], home = "repo"): string {
  return join(machine.home, home, FILES[client])
}

/** Codex's own file of its user. */
function configFile(): string {
  return join(machine.home, ".codex", "config.toml")
}

/** Sets up its own key, where that file holds a text, if it is there. */
async function installKey(text: string | undefined): Promise<Ran> {
  expect((await machine.call(["use", "stripe/api-key", "openai", "--yes"])).code).toBe(0)
  const file = configFile()
  if (text !== undefined) {
    mkdirSync(dirname(file))
    writeFileSync(file, text)
  }
  return install("codex", "--api-key stripe/api-key")
}

/** What a hook of Claude Code answers. */
async function answer(of: object, options: readonly string[] = []): Promise<unknown> {
  const message = { hook_event_name: "PreToolUse", cwd: machine.repo, ...of }
  const argv = ["hooks", "answer", "claude-code", "--agent", "ci", ...options]
  const { stdout, stderr, code } = await machine.call(argv, JSON.stringify(message))
  expect([code, stderr]).toEqual([0, ""])
  return stdout === "" ? undefined : JSON.parse(stdout)
}

describe.each(CLIENTS)("hooks install for %s", (client) => {
  test("writes the file once, status tries it, and uninstall leaves no trace", async () => {
    const before = machine.fingerprint()
    expect(await install(client, "-g stripe")).toMatchObject({ code: 0 })
    const written = readFileSync(fileOf(client), "utf8")
    expect(written).not.toContain(machine.home)
    const again = await install(client, "-g stripe")
    expect(again.stderr).toContain("Nothing changed")
    expect(readFileSync(fileOf(client), "utf8")).toBe(written)

    const status = await machine.shell("agent-vault hooks status")
    expect(status).toMatchObject({ code: 0, stderr: "" })
    expect(status.stdout).toMatch(new RegExp(`^ok +${client}: `))

    const gone = await machine.shell(`agent-vault hooks uninstall --client ${client}`)
    expect(gone.stderr).toContain("Removed")
    expect(machine.fingerprint()).toEqual(before)
    const none = await machine.shell(`agent-vault hooks uninstall --client ${client}`)
    expect(none).toMatchObject({
      code: 0,
      stderr: expect.stringContaining("Nothing changed") as string,
    })
  })

  test("in the user's own file names where the program is; dry-run writes nothing", async () => {
    const before = machine.fingerprint()
    const dry = await install(client, "--global --dry-run")
    expect(dry.stderr).toContain("Dry run")
    expect(machine.fingerprint()).toEqual(before)
    expect((await install(client, "--global")).code).toBe(0)
    expect(readFileSync(fileOf(client, "."), "utf8")).toContain("bin.cjs")
    expect((await machine.shell("agent-vault hooks status")).code).toBe(0)
  })
})

describe("hooks install", () => {
  test("keeps what others have in the file, comments too, and so does uninstall", async () => {
    const file = fileOf("claude-code")
    const text = '{\n  // mine\n  "model": "x"\n}\n'
    mkdirSync(dirname(file))
    writeFileSync(file, text)
    await install("claude-code", "-g stripe")
    expect(readFileSync(file, "utf8")).toContain("// mine")
    await machine.shell("agent-vault hooks uninstall --client claude-code")
    expect(readFileSync(file, "utf8")).toBe(text)
  })

  test("takes the client's own key from a secret whose use names its service, and from no other", async () => {
    const refused = await install("claude-code", "--api-key stripe/api-key")
    expect(refused).toMatchObject({
      code: 4,
      stderr: expect.stringContaining("USE_REFUSED") as string,
    })
    expect(existsSync(fileOf("claude-code"))).toBe(false)
    expect((await install("claude-code", "--api-key stripe/none")).stderr).toContain(
      "SECRET_NOT_FOUND",
    )
    expect((await install("cursor", "--api-key stripe/api-key")).stderr).toContain("USAGE")
    expect((await install("codex", "--api-key stripe/api-key")).stderr).toContain(
      "agent-vault use stripe/api-key openai",
    )
    expect((await machine.call(["use", "stripe/api-key", "anthropic", "--yes"])).code).toBe(0)
    expect((await install("claude-code", "--api-key stripe/api-key")).code).toBe(0)
    const { apiKeyHelper } = JSON.parse(readFileSync(fileOf("claude-code"), "utf8")) as {
      apiKeyHelper: string
    }
    // As Claude Code starts it.
    const started = await machine.shell(apiKeyHelper)
    expect(started).toEqual({ code: 0, stderr: "", stdout: VALUE })
    const status = await machine.shell("agent-vault hooks status")
    expect(status).toMatchObject({ code: 0, stderr: "" })
    expect(status.stdout).toContain("ok   claude-code: its own key, stripe/api-key in ")
    expect(status.stdout).toContain("right on the client's own key, stripe/api-key")
    expect(status.stdout).not.toContain(VALUE)
    await machine.shell("agent-vault hooks uninstall --client claude-code")
    expect(existsSync(fileOf("claude-code"))).toBe(false)
  })

  describe("gives Codex its own key, in its user's file", () => {
    const MINE = '# mine\nmodel = "x" # fast\n\n[mcp_servers.a] # theirs\ncommand = "b"\n'

    test.each([
      ["there is none", undefined],
      ["it has comments and tables", MINE],
      ["its lines end as Windows has them", MINE.replaceAll("\n", "\r\n")],
      ["its last line has no end", MINE.trimEnd()],
      ["it has providers", `${MINE}[model_providers.corp]\nname = "corp"\n`],
    ])("where %s: once, tried by status, and without a trace in the end", async (_what, text) => {
      expect(await installKey(text)).toMatchObject({ code: 0 })
      const written = readFileSync(configFile(), "utf8")
      expect(written.endsWith(text ?? "")).toBe(true)
      const config = parse(written) as unknown as Config
      expect(config.model_provider).toBe("agent-vault")
      const { auth, ...provider } = config.model_providers["agent-vault"] ?? {}
      expect(provider).toMatchObject({
        base_url: "https://api.openai.com/v1",
        wire_api: "responses",
      })
      // As Codex starts it, wherever it is.
      const { command = "", args = [] } = auth ?? {}
      const started = spawnSync(command, args, { cwd: "/", env: machine.env, encoding: "utf8" })
      expect(started).toMatchObject({ status: 0, stdout: VALUE })
      expect((await install("codex", "--api-key stripe/api-key")).stderr).toContain(
        "Nothing changed",
      )
      expect(readFileSync(configFile(), "utf8")).toBe(written)

      const status = await machine.shell("agent-vault hooks status")
      expect(status).toMatchObject({ code: 0, stderr: "" })
      expect(status.stdout).toContain("ok   codex: its own key, stripe/api-key in ")
      expect(status.stdout).not.toContain(VALUE)
      await machine.call(["revoke", "ci", "stripe"])
      const closed = await machine.shell("agent-vault hooks status")
      expect(closed.code).toBe(1)
      expect(closed.stdout).toContain("WRONG on the client's own key, stripe/api-key: exit code")

      expect((await machine.shell("agent-vault hooks uninstall --client codex")).code).toBe(0)
      if (text === undefined) expect(existsSync(dirname(configFile()))).toBe(false)
      else expect(readFileSync(configFile(), "utf8")).toBe(text)
    })

    test("and leaves the provider that the file chooses, which it tells", async () => {
      const text = `model_provider = "corp"\n${MINE}`
      const installed = await installKey(text)
      expect(installed.stderr).toContain("codex -c model_provider=agent-vault")
      const config = parse(readFileSync(configFile(), "utf8")) as unknown as Config
      expect(config.model_provider).toBe("corp")
      expect(config.model_providers["agent-vault"]?.auth?.args).toContain("stripe/api-key")
      await machine.shell("agent-vault hooks uninstall --client codex")
      expect(readFileSync(configFile(), "utf8")).toBe(text)
    })

    test("but not where the file is written so that it cannot", async () => {
      const text = `${MINE}[model_providers]\ncorp = { name = "corp" }\n`
      expect(await installKey(text)).toMatchObject({
        code: expect.any(Number) as number,
        stderr: expect.stringContaining("CONFIG_INVALID") as string,
      })
      expect(readFileSync(configFile(), "utf8")).toBe(text)
      expect(existsSync(fileOf("codex"))).toBe(false)
    })

    test("and another vault's stays", async () => {
      await installKey(MINE)
      const file = configFile()
      const theirs = readFileSync(file, "utf8").replace(machine.repo, "/elsewhere")
      writeFileSync(file, theirs)
      await machine.shell("agent-vault hooks uninstall --client codex")
      expect(readFileSync(file, "utf8")).toBe(theirs)
    })
  })

  test("names the vault of the client's own key in a file for all projects", async () => {
    expect((await machine.call(["use", "stripe/api-key", "anthropic", "--yes"])).code).toBe(0)
    expect((await install("claude-code", "--global --api-key stripe/api-key")).code).toBe(0)
    const text = readFileSync(fileOf("claude-code", "."), "utf8")
    const { apiKeyHelper } = JSON.parse(text) as { apiKeyHelper: string }
    expect(await machine.shell(`cd / && ${apiKeyHelper}`)).toMatchObject({ stdout: VALUE })
    await machine.shell("agent-vault hooks uninstall --client claude-code --global")
    expect(existsSync(fileOf("claude-code", "."))).toBe(false)
  })

  test.each([
    ["", "--client claude-code"],
    ["--client claud", "claude-code"],
    ["--client claude-code --agent nobody", "AGENT_NOT_FOUND"],
    ["--client claude-code --redact -g stripe --isolate none", "--redact"],
    ["--client claude-code --agent ci -g stripe --allow https://x", "--allow takes a host"],
  ])("with %j says what is wrong", async (options, said) => {
    const { code, stderr } = await machine.shell(`agent-vault hooks install ${options}`)
    expect(code).toBeGreaterThan(1)
    expect(stderr).toContain(said)
  })

  test("is refused where the file is not what the client reads", async () => {
    const file = fileOf("claude-code")
    mkdirSync(dirname(file))
    for (const text of ["{", '{"hooks": []}', '{"hooks": {"PreToolUse": {}}}']) {
      writeFileSync(file, text)
      expect((await install("claude-code")).stderr).toContain("CONFIG_INVALID")
      expect(readFileSync(file, "utf8")).toBe(text)
    }
  })
})

describe("hooks status", () => {
  test("without hooks says how to have some", async () => {
    const { code, stderr } = await machine.shell("agent-vault hooks status")
    expect([code, stderr]).toEqual([0, expect.stringContaining("hooks install")])
  })

  test("does not start what a file names, and says that it was not tried", async () => {
    await install("claude-code", "-g stripe")
    const file = fileOf("claude-code")
    const text = readFileSync(file, "utf8")
    const evil = `touch ${machine.home}/made; agent-vault hooks answer claude-code`
    writeFileSync(file, text.replaceAll("agent-vault hooks answer claude-code", evil))
    const { code, stdout } = await machine.shell("agent-vault hooks status")
    expect([code, stdout]).toEqual([0, expect.stringContaining("ok")])
    expect(existsSync(join(machine.home, "made"))).toBe(false)
    writeFileSync(file, text.replaceAll(" || exit 2", `; touch ${machine.home}/made`))
    expect((await machine.shell("agent-vault hooks status")).stdout).toContain("not tried")
    expect(existsSync(join(machine.home, "made"))).toBe(false)
  })

  test("finds a hook that does not refuse what it should, or is called too seldom", async () => {
    await install("claude-code", "-g stripe")
    const file = fileOf("claude-code")
    const text = readFileSync(file, "utf8")
    writeFileSync(file, text.replaceAll("answer claude-code", "answer gemini-cli"))
    const wrong = await machine.shell("agent-vault hooks status --json")
    expect(wrong.code).toBe(1)
    expect(JSON.parse(wrong.stdout)).toMatchObject({ hooks: [{ works: false }] })
    writeFileSync(file, text.replaceAll('"PostToolUse"', '"Stop"'))
    expect((await machine.shell("agent-vault hooks status")).code).toBe(1)
  })
})

function shell(command: string): object {
  return { tool_name: "Bash", tool_input: { command } }
}

function after(output: unknown): object {
  return { ...shell("x"), hook_event_name: "PostToolUse", tool_response: output }
}

describe("hooks answer", () => {
  test("puts a command behind a run that redacts, which does what it says", async () => {
    const message = {
      ...shell('printf "%s" "$STRIPE_API_KEY"'),
      hook_event_name: "PreToolUse",
      cwd: machine.repo,
      session_id: "s-1",
    }
    writeFileSync(join(machine.home, "message.json"), JSON.stringify(message))
    const said = await machine.shell(
      "agent-vault hooks answer claude-code --agent ci -g stripe --redact < ../message.json",
    )
    const { command } = (
      JSON.parse(said.stdout) as { hookSpecificOutput: { updatedInput: { command: string } } }
    ).hookSpecificOutput.updatedInput
    expect(await machine.shell(command)).toMatchObject({ stdout: "[REDACTED stripe/api-key]" })
    const { lines } = JSON.parse((await machine.call(["audit", "--json"])).stdout) as {
      lines: { session: string }[]
    }
    expect(lines.map(({ session }) => session)).toContain("s-1")
  })

  test("leaves a command as it is where the client runs blind already, or no secret is chosen", async () => {
    expect(await answer(shell("ls"))).toBeUndefined()
    const { env } = machine
    env["HTTPS_PROXY"] = "http://x:token@127.0.0.1:1"
    env["SSL_CERT_FILE"] = "/tmp/agent-vault-broker-x/bundle.pem"
    expect(await answer(shell("ls"), ["-g", "stripe"])).toBeUndefined()
    env["SSL_CERT_FILE"] = "/etc/ssl/cert.pem"
    expect(await answer(shell("ls"), ["-g", "stripe"])).toBeDefined()
  })

  test("leaves a command as it is where there is no vault, and refuses reads of keys there too", async () => {
    const elsewhere = { cwd: machine.home }
    expect(await answer({ ...shell("ls"), ...elsewhere }, ["-g", "stripe"])).toBeUndefined()
    const read = { tool_name: "Read", tool_input: { path: ".config/agent-vault" } }
    expect(await answer({ ...read, ...elsewhere }, ["-g", "stripe"])).toMatchObject({
      hookSpecificOutput: { permissionDecision: "deny" },
    })
  })

  test("in a program that runs blind leaves its commands as they are", async () => {
    expect((await machine.call(["use", "stripe/api-key", "stripe", "--yes"])).code).toBe(0)
    const message = { hook_event_name: "PreToolUse", cwd: machine.repo, ...shell("ls") }
    writeFileSync(join(machine.repo, "message.json"), JSON.stringify(message))
    const line = "agent-vault hooks answer claude-code --agent ci -g stripe < message.json"
    const blind = `agent-vault run --agent ci --blind --isolate none -g stripe -- sh -c '${line}'`
    expect(await machine.shell(blind)).toMatchObject({ code: 0, stdout: "" })
    expect((await machine.shell(line)).stdout).toContain("--blind")
  })

  test.each([
    ["as it is", VALUE, "[REDACTED stripe/api-key]"],
    ["in base64", Buffer.from(VALUE).toString("base64"), "[REDACTED stripe/api-key]"],
    [
      "within a text",
      `é ${VALUE}\n${VALUE}!`,
      "é [REDACTED stripe/api-key]\n[REDACTED stripe/api-key]!",
    ],
  ])("takes a value out of what a tool said, %s", async (_, text, clean) => {
    expect(await answer(after({ stdout: text, n: [1, { deep: text }], none: null }))).toEqual({
      hookSpecificOutput: {
        hookEventName: "PostToolUse",
        updatedToolOutput: { stdout: clean, n: [1, { deep: clean }], none: null },
      },
    })
  })

  test("says nothing of an output without values, nor where there is no vault", async () => {
    expect(await answer(after({ stdout: "hello" }))).toBeUndefined()
    expect(await answer({ ...after(VALUE), cwd: machine.home })).toBeUndefined()
  })

  test("lets nothing through of an output that it cannot look into", async () => {
    const record = join(machine.repo, ".agent-vault/vault.json")
    writeFileSync(record, readFileSync(record, "utf8").replace('"alice"', '"mallory"'))
    expect(await answer(after({ stdout: "hello" }))).toMatchObject({
      decision: "block",
      reason: expect.stringMatching(/RECORD_INVALID|SIGNATURE_INVALID/) as string,
    })
  })

  test.each([["not JSON"], ["[1]"], ["7"], [""]])(
    "ends with a no for a message that is none: %j",
    async (text) => {
      const { code, stdout, stderr } = await machine.call(["hooks", "answer", "codex"], text)
      expect([code, stdout]).toEqual([2, ""])
      expect(stderr).not.toContain("not JSON")
    },
  )

  test("of a client that it does not know is a usage error", async () => {
    const { code, stderr } = await machine.call(["hooks", "answer", "claude"], "{}")
    expect([code, stderr]).toEqual([2, expect.stringContaining("claude-code")])
  })
})
