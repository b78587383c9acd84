import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, beforeAll, describe, expect } from "vitest"
import { bubblewrap } from "../../../scripts/bubblewrap.mjs"
import { hookClients } from "../../../scripts/hook-clients.mjs"
import { testUnless } from "../../needs.js"
import { type Machine, vaultMachine } from "../machine.js"

/**
 * The programs themselves, from their registry, with a model of ours: in a network of their own, so
 * that nothing leaves this machine.
 */
const VALUE = `fake-key-${"of-a-service-".repeat(2)}1`
const model = fileURLToPath(new URL("clients/fake-model.mjs", import.meta.url))
const clients = await hookClients()
const isolation = await bubblewrap()
const lacks = [clients, isolation].flatMap((found) => ("missing" in found ? [found.missing] : []))
const [lack] = lacks
const folder = "path" in clients ? clients.path : ""
const bwrap = "path" in isolation ? isolation.path : ""
const CODEX = join(folder, "@openai/codex-linux-x64/vendor/x86_64-unknown-linux-musl/bin/codex")
const GEMINI = join(folder, "@google/gemini-cli/bundle/gemini.js")
const CLAUDE = join(folder, "@anthropic-ai/claude-code-linux-x64/claude")

const machines: Machine[] = []
let template: Machine
beforeAll(async () => {
  template = await vaultMachine()
  machines.push(template)
  await template.call(["set", "stripe/api-key"], VALUE)
})
afterAll(() => machines.forEach((machine) => machine.remove()))

/** What the model got of each call of a tool. */
interface Seen {
  readonly machine: Machine
  readonly outputs: readonly string[]
  /** Everything that was sent to the model. */
  readonly sent: string
}

async function session(
  client: keyof typeof STARTS,
  /** A line of `agent-vault` that sets it up. */
  install: string,
  calls: readonly object[],
): Promise<Seen> {
  const machine = template.copy()
  machines.push(machine)
  writeFileSync(join(machine.repo, "notes.txt"), `it was ${VALUE}\n`)
  writeFileSync(join(machine.repo, ".env"), "A=1\n")
  const installed = await machine.shell(`agent-vault ${install} --client ${client} --agent ci`)
  expect(installed.code).toBe(0)
  const log = join(machine.home, "model.log")
  writeFileSync(log, "")
  const start = STARTS[client](machine)
  const words = calls.map((call) => `'${JSON.stringify(call).replaceAll("'", String.raw`'\''`)}'`)
  // The client begins once the model listens, and the model ends with the client's namespace.
  const inside = `coproc MODEL { exec node "${model}" 7801 "${log}" ${words.join(" ")}; }
    read -r _ <&"\${MODEL[0]}"; ${start} </dev/null >"${machine.home}/out.txt" 2>&1`
  writeFileSync(join(machine.home, "session.sh"), inside)
  const ran = await machine.shell(
    `"${bwrap}" --dev-bind / / --unshare-net --unshare-pid --proc /proc --die-with-parent bash "${machine.home}/session.sh"`,
  )
  const sent = readFileSync(log, "utf8")
  const outputs = outputsIn(sent)
  if (outputs.length !== calls.length) {
    appendFileSync(log, ran.stderr)
    throw new Error(`${readFileSync(join(machine.home, "out.txt"), "utf8")}${ran.stderr}`)
  }
  return { machine, outputs, sent }
}

function startOfClaude(machine: Machine): string {
  Object.assign(machine.env, {
    ANTHROPIC_BASE_URL: "http://127.0.0.1:7801",
    ANTHROPIC_API_KEY: "not-a-key",
    DISABLE_AUTOUPDATER: "1",
    CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1",
    // As root, it takes this mode only where it is told that all of it is a sandbox.
    IS_SANDBOX: "1",
  })
  const servers = join(machine.repo, ".mcp.json")
  const server = existsSync(servers) ? ` --mcp-config "${servers}"` : ""
  return `"${CLAUDE}" -p go --permission-mode bypassPermissions${server}`
}

function startOfCodex(machine: Machine): string {
  const home = join(machine.home, ".codex")
  mkdirSync(home, { recursive: true })
  const file = join(home, "config.toml")
  const trusted = `\n[projects."${machine.repo}"]\ntrust_level = "trusted"\n`
  const service = "http://127.0.0.1:7801/v1"
  const start = `"${CODEX}" exec --dangerously-bypass-hook-trust --dangerously-bypass-approvals-and-sandbox`
  if (existsSync(file)) {
    // With a provider of ours, whose service is elsewhere.
    appendFileSync(file, trusted)
    return `${start} -c 'model="fake"' -c 'model_providers.agent-vault.base_url="${service}"' go`
  }
  const provider = `[model_providers.fake]\nname = "fake"\nbase_url = "${service}"\nwire_api = "responses"\n`
  writeFileSync(file, `model = "fake"\nmodel_provider = "fake"\n${provider}${trusted}`)
  return `${start} go`
}

/** Gemini CLI runs the hooks of a project only in a folder that its person trusts. */
function startOfGemini(machine: Machine): string {
  const home = join(machine.home, ".gemini")
  mkdirSync(home)
  const settings = {
    security: { auth: { selectedType: "gemini-api-key" } },
    privacy: { usageStatisticsEnabled: false },
    general: { enableAutoUpdate: false },
  }
  writeFileSync(join(home, "settings.json"), JSON.stringify(settings))
  const trusted = { [machine.repo]: "TRUST_FOLDER" }
  writeFileSync(join(home, "trustedFolders.json"), JSON.stringify(trusted))
  Object.assign(machine.env, {
    GOOGLE_GEMINI_BASE_URL: "http://127.0.0.1:7801",
    GEMINI_API_KEY: "not-a-key",
  })
  return `node "${GEMINI}" --approval-mode yolo -m gemini-2.5-flash -p go`
}

/** Sets a client up for a model on loopback, and returns the line that starts it. */
const STARTS = {
  "claude-code": startOfClaude,
  codex: startOfCodex,
  "gemini-cli": startOfGemini,
} as const

/** The results of tools in the last request, which has the whole conversation. */
function outputsIn(sent: string): string[] {
  const bodies = sent
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Readonly<Record<string, unknown[]>> | null)
  const last = bodies.findLast((body) => LISTS.some((name) => body?.[name] !== undefined))
  const items = LISTS.flatMap((name) => last?.[name] ?? []) as {
    content?: unknown
    type?: string
    output?: unknown
    parts?: { functionResponse?: { response: unknown } }[]
  }[]
  return items.flatMap((item) => {
    const responses = (item.parts ?? []).flatMap(({ functionResponse }) => functionResponse ?? [])
    if (responses.length > 0) return responses.map(({ response }) => JSON.stringify(response))
    if (item.type === "function_call_output") return [JSON.stringify(item.output)]
    const parts = Array.isArray(item.content)
      ? (item.content as { type: string; content?: unknown }[])
      : []
    return parts
      .filter(({ type }) => type === "tool_result")
      .map(({ content }) => JSON.stringify(content))
  })
}

/** Where a request has what was said before: Claude Code's, Codex's and Gemini CLI's. */
const LISTS = ["messages", "input", "contents"] as const

/** A line of the audit. */
async function noted(machine: Machine, door: string) {
  const { lines } = JSON.parse((await machine.call(["audit", "--json"])).stdout) as {
    lines: { door: string; call?: string; session?: string; turn?: string }[]
  }
  return lines.find((line) => line.door === door)
}

const UUID = /^[\da-f-]{36}$/

describe.each([
  [
    "claude-code",
    CLAUDE,
    (command: string) => ({ name: "Bash", input: { command, description: "x" } }),
    { name: "mcp__agent-vault__get_secret" },
  ],
  [
    "codex",
    CODEX,
    (command: string) => ({ name: "exec_command", input: { cmd: command } }),
    { name: "get_secret", namespace: "mcp__agent_vault" },
  ],
] as const)("%s", (client, program, shell, show) => {
  const missing = lack ?? (existsSync(program) ? undefined : `${program} is not there`)

  testUnless(missing, "runs its model's commands redacted, and shows it no value", async () => {
    const { outputs, sent, machine } = await session(client, "hooks install -g stripe --redact", [
      shell('printf "key=%s\\n" "$STRIPE_API_KEY"; exit 3'),
      shell("cat notes.txt"),
      shell("cat .env"),
    ])
    expect(outputs[0]).toContain("key=[REDACTED stripe/api-key]")
    expect(outputs[1]).toContain("it was [REDACTED stripe/api-key]")
    expect(outputs[2]).toContain(".env is not for a model to read")
    expect(sent).not.toContain(VALUE)
    const read = await noted(machine, "run")
    expect(read?.call).toMatch(/^(toolu|call)_1$/)
    expect([read?.session, read?.turn]).toEqual([
      expect.stringMatching(UUID),
      expect.stringMatching(UUID),
    ])
  })

  testUnless(missing, "runs them blind: with a placeholder, and no key in reach", async () => {
    const { outputs, sent } = await session(client, "hooks install -g stripe", [
      shell("cat .git/HEAD"),
      shell(
        'echo "$STRIPE_API_KEY"; ls -A "$HOME/.config"/agent-vaul*; env | grep -c ^AGENT_VAULT',
      ),
    ])
    expect(outputs[0]).toContain("USE_REFUSED")
    expect(outputs[1]).toContain("USE_REFUSED")
    expect(sent).not.toContain(VALUE)
  })

  testUnless(missing, "names to the MCP server what its calls belong to", async () => {
    const call = { ...show, input: { name: "stripe/api-key" } }
    const { outputs, machine } = await session(client, "mcp install --reveal allow", [call])
    expect(outputs[0]).toContain(VALUE)
    const read = await noted(machine, "mcp")
    expect(read?.call).toMatch(/^(toolu|call)_1$/)
    expect(read?.session).toMatch(UUID)
    if (client === "codex") expect(read?.turn).toMatch(UUID)
  })
})

/** A call of Gemini CLI's shell. */
function geminiShell(command: string) {
  return { name: "run_shell_command", input: { command } }
}

const noGemini = lack ?? (existsSync(GEMINI) ? undefined : `${GEMINI} is not there`)
testUnless(
  noGemini,
  "gemini-cli runs its model's commands redacted, and shows it no value",
  async () => {
    const { outputs, sent, machine } = await session(
      "gemini-cli",
      "hooks install -g stripe --redact",
      [
        geminiShell('printf "key=%s\\n" "$STRIPE_API_KEY"'),
        { name: "read_file", input: { file_path: "notes.txt" } },
        geminiShell("cat .env"),
      ],
    )
    expect(outputs[0]).toContain("key=[REDACTED stripe/api-key]")
    expect(outputs[1]).toContain("it was [REDACTED stripe/api-key]")
    expect(outputs[2]).toContain(".env is not for a model to read")
    expect(sent).not.toContain(VALUE)
    // It tells of its session, and of no turn and no call.
    expect((await noted(machine, "run"))?.session).toMatch(UUID)
  },
)

testUnless(
  noGemini,
  "gemini-cli runs them blind: with a placeholder, and no key in reach",
  async () => {
    const command =
      'echo "$STRIPE_API_KEY"; ls -A "$HOME/.config"/agent-vaul*; env | grep -c ^AGENT_VAULT'
    const call = geminiShell(command)
    const { outputs, sent } = await session("gemini-cli", "hooks install -g stripe", [call])
    expect(outputs[0]).toContain("USE_REFUSED")
    expect(sent).not.toContain(VALUE)
  },
)

testUnless(
  lack,
  "codex takes its own key from the command that hooks install gives it",
  async () => {
    const call = { name: "exec_command", input: { cmd: "true" } }
    const install =
      "use stripe/api-key openai --yes && agent-vault hooks install -g stripe --api-key stripe/api-key"
    const { sent, outputs } = await session("codex", install, [call])
    expect(sent).toContain(`{"authorization":"Bearer ${VALUE}"}`)
    expect(outputs.join()).not.toContain(VALUE)
  },
)
