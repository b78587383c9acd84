import { existsSync, mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect } from "vitest"
import { bubblewrap } from "../../scripts/bubblewrap.mjs"
import { hookClients } from "../../scripts/hook-clients.mjs"
import { type Machine, type Ran, vaultMachine } from "../cli/machine.js"
import { type Call, playModel } from "../cli/hooks/clients/model.mjs"
import { testUnless } from "../needs.js"
import { Service } from "./proxy/broker-world.js"

/**
 * Coding agents from their registry in a blind run, as the README has it: the agent's own key for its
 * model is a placeholder as well, and what its model has it run sends a request with a key. The model
 * and the service are ours, on loopback; a run that is isolated reaches nothing else.
 */
const MODEL_KEY = `sk-fake-${"of-the-model-".repeat(3)}1`
const STRIPE_KEY = `fake-key-${"of-a-service-".repeat(2)}1`
const found = await hookClients()
const isolation = await bubblewrap()
const [lack] = [found, isolation].flatMap((each) => ("missing" in each ? [each.missing] : []))
const folder = "path" in found ? found.path : ""
const CODEX = join(folder, "@openai/codex-linux-x64/vendor/x86_64-unknown-linux-musl/bin/codex")
const CLAUDE = join(folder, "@anthropic-ai/claude-code-linux-x64/claude")

/** An agent program: how it is started, and how its model has it run a line of shell. */
interface Agent {
  readonly name: string
  readonly program: string
  /** The variable that it takes its model's key from, and where in a request it sends it. */
  readonly variable: string
  readonly at: string
  readonly start: (machine: Machine, base: string) => string
  readonly shell: (command: string) => Call
}

const AGENTS: readonly Agent[] = [
  {
    name: "Claude Code",
    program: CLAUDE,
    variable: "ANTHROPIC_API_KEY",
    at: "--at header:x-api-key --scheme raw",
    start(machine, base) {
      // As root, it takes this mode only where it is told that all of it is a sandbox.
      Object.assign(machine.env, { ANTHROPIC_BASE_URL: base, IS_SANDBOX: "1" })
      return `"${CLAUDE}" -p go --permission-mode bypassPermissions`
    },
    shell: (command) => ({ name: "Bash", input: { command, description: "x" } }),
  },
  {
    name: "Codex",
    program: CODEX,
    variable: "OPENAI_API_KEY",
    at: "--at header:authorization --scheme bearer",
    start(machine, base) {
      mkdirSync(join(machine.home, ".codex"))
      writeFileSync(
        join(machine.home, ".codex", "config.toml"),
        `model = "fake"
model_provider = "fake"
[model_providers.fake]
name = "fake"
base_url = "${base}/v1"
env_key = "OPENAI_API_KEY"
wire_api = "responses"
[projects."${machine.repo}"]
trust_level = "trusted"
`,
      )
      return `"${CODEX}" exec --dangerously-bypass-approvals-and-sandbox go`
    },
    shell: (cmd) => ({ name: "exec_command", input: { cmd } }),
  },
]

let template: Machine
let service: Service
/** What the model was sent, and the keys that it and the service were shown. */
let sent: string[]
let shownToModel: Set<string>
let shownToService: string[]

beforeAll(async () => {
  template = await vaultMachine()
  service = await Service.start("api.localhost")
  await call(["set", "stripe/api-key"], STRIPE_KEY)
  await call(["set", "models/key"], MODEL_KEY)
  await call(["grant", "ci", "models"])
  const where = ["--host", service.authority, "--method", "GET", "--yes"]
  await call([
    "use",
    "stripe/api-key",
    ...where,
    "--path",
    "/charges",
    ..."--at header:authorization --scheme bearer".split(" "),
  ])
  for (const { at } of AGENTS) {
    await call([
      "use",
      "models/key",
      ...where,
      "--method",
      "POST",
      "--path",
      "/v1/**",
      ...at.split(" "),
    ])
  }
})

afterAll(() => {
  service.close()
  template.remove()
})

async function call(argv: readonly string[], stdin = ""): Promise<void> {
  const { code, stderr } = await template.call(argv, stdin)
  if (code !== 0) throw new Error(stderr)
}

/** A blind run of the agent, whose model has it run these lines. */
async function blindly(agent: Agent, lines: readonly string[]): Promise<Ran> {
  const machine = template.copy()
  const roots = join(machine.home, "upstream.pem")
  writeFileSync(roots, service.root)
  Object.assign(machine.env, { NODE_EXTRA_CA_CERTS: roots, BASE: `https://${service.authority}` })
  ;[sent, shownToModel, shownToService] = [[], new Set(), []]
  const model = playModel(lines.map((line) => agent.shell(line)))
  service.handler = (request, response) => {
    const { url = "", headers } = request
    const shown = String(headers["x-api-key"] ?? headers.authorization ?? "")
    if (url === "/charges") {
      shownToService.push(shown)
      response.end(`charged with ${shown}`)
      return
    }
    const body = service.got.at(-1)?.body.toString() ?? ""
    sent.push(body)
    shownToModel.add(shown)
    model(url, body, response)
  }
  const options = `--agent ci --blind -s stripe/api-key -s models/key=${agent.variable}`
  try {
    return await machine.shell(
      `agent-vault run ${options} -- ${agent.start(machine, machine.env["BASE"] ?? "")}`,
    )
  } finally {
    machine.remove()
  }
}

describe.each(AGENTS)("a blind run of $name", (agent) => {
  const missing = lack ?? (existsSync(agent.program) ? undefined : `${agent.program} is not there`)

  testUnless(missing, "works with keys that it never holds, its own as well", async () => {
    const { code, stdout, stderr } = await blindly(agent, [
      'printf "key=%s\\n" "$STRIPE_API_KEY"',
      'curl -sS -H "Authorization: Bearer $STRIPE_API_KEY" "$BASE/charges"',
      'curl -sS -X DELETE -H "Authorization: Bearer $STRIPE_API_KEY" "$BASE/charges"',
      'cat "$HOME"/.config/agent-vault/*/*; env; cat /proc/*/environ; echo looked',
    ])
    expect(code === 0 ? "" : stderr).toBe("")
    expect(stdout).toContain("done")
    // Model and service were shown the real keys, and neither came back.
    expect([...shownToModel]).toEqual([expect.stringContaining(MODEL_KEY)])
    expect(shownToService).toEqual([`Bearer ${STRIPE_KEY}`])
    const told = sent.at(-1) ?? ""
    expect(told).toMatch(/key=avp_\w{20}/)
    expect(told).toContain("charged with Bearer [REDACTED stripe/api-key]")
    expect(told).toContain("USE_REFUSED")
    expect(told).toContain("looked")
    expect(told).not.toContain("AGE-SECRET-KEY-")
    const everything = `${sent.join("\n")}${stdout}${stderr}`
    expect(everything).not.toContain(MODEL_KEY)
    expect(everything).not.toContain(STRIPE_KEY)
  })
})
