import { type ChildProcess, spawn } from "node:child_process"
import { cpSync, mkdirSync, readFileSync, readdirSync, symlinkSync, writeFileSync } from "node:fs"
import { type IncomingMessage, type Server, type ServerResponse, createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest"
import { parseDocument } from "yaml"
import { Machine } from "../cli/machine.js"

const project = fileURLToPath(new URL("../..", import.meta.url))
const VALUE = ["not", "a", "real", "key", "8fK2mQ1x"].join("-")

let template: Machine
let machine: Machine
let api: Server
/** What the API was asked with. */
let seen: string[]
const children: ChildProcess[] = []

beforeAll(async () => {
  template = new Machine()
  const { code, stderr } = await template.shell(`
    set -e
    git init -q -b main && git config user.name alice && git config user.email alice@example.com
    agent-vault init && agent-vault agent add ci && agent-vault agent add robot
    printf %s ${VALUE} | agent-vault set weather/api-key
    printf %s ${VALUE} | agent-vault set registry/token
    agent-vault grant ci weather registry

    # What a vault holds after a year: the examples run beside secrets that are closed to ci,
    # binary, expired and exposed.
    printf %s ${VALUE} | agent-vault set payroll/key
    head -c 256 /dev/urandom | agent-vault set weather/certificate
    ${expiredSecret("weather/old-key")}
    agent-vault grant robot registry && agent-vault revoke robot registry`)
  expect([code, stderr.includes("error")], stderr).toEqual([0, false])
  // Where a user has the package from npm: `import "agent-vault"` finds it there.
  mkdirSync(join(template.repo, "node_modules"))
  symlinkSync(project, join(template.repo, "node_modules/agent-vault"))
  symlinkSync(
    join(project, "node_modules/@modelcontextprotocol"),
    join(template.repo, "node_modules/@modelcontextprotocol"),
  )
  cpSync(join(project, "examples"), join(template.repo, "examples"), { recursive: true })
})

afterAll(() => template.remove())

beforeEach(async () => {
  machine = template.copy()
  seen = []
  api = createServer((request: IncomingMessage, response: ServerResponse) => {
    seen.push(request.headers.authorization ?? "")
    response.end(request.url === "/-/whoami" ? '{"username":"robot"}' : "sunny")
  })
  await new Promise<void>((resolve) => api.listen(0, "127.0.0.1", resolve))
})

afterEach(async () => {
  for (const child of children.splice(0)) child.kill("SIGKILL")
  await new Promise((resolve) => api.close(resolve))
  machine.remove()
})

/** Only a time to come may be set: it is tried with more of it until that is enough, and then passes. */
function expiredSecret(name: string): string {
  const at = "new Date(Date.now() + $s * 1000).toISOString().slice(0, 19) + 'Z'"
  return `s=1
    until printf %s ${VALUE} | agent-vault set ${name} --expires "$(node -p "${at}")"; do s=$((s * 2)); done
    sleep $s`
}

function apiUrl(): string {
  return `http://127.0.0.1:${(api.address() as AddressInfo).port}`
}

/** Runs an example as `ci`. */
function example(line: string): ReturnType<Machine["shell"]> {
  // What a machine sets for npm would outweigh the example's .npmrc.
  const plain = "unset $(env | grep -oiE '^npm_config_[a-z_]+' | sort -u)"
  return machine.shell(`${plain}; export AGENT_VAULT_AGENT=ci API_URL=${apiUrl()}; ${line}`)
}

/** A long-lived agent, and what it printed so far. */
function start(command: string, args: string[], env: NodeJS.ProcessEnv) {
  const child = spawn(command, args, {
    cwd: machine.repo,
    env: { ...machine.env, AGENT_VAULT_AGENT: "ci", API_URL: apiUrl(), ...env },
  })
  children.push(child)
  const printed = { text: "" }
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (data: Buffer) => (printed.text += data.toString("utf8")))
  }
  const code = new Promise((resolve) => child.on("close", resolve))
  return { printed, code }
}

const PYTHON = { PYTHONPATH: join(project, "sdk-python-bridge"), PYTHONUNBUFFERED: "1" }

describe.each([
  ["Node", "node", ["examples/node-agent/agent.mjs"], { PAUSE_MS: "100" }],
  ["Python", "python3", ["examples/python-agent/agent.py"], { PAUSE_S: "0.1", ...PYTHON }],
])("the agent in %s", (_language, command, args, env) => {
  test("asks with the key, shows it nowhere, follows a new one, and obeys a revoke", async () => {
    const { printed, code } = start(command, args, env)
    await expect.poll(() => seen.at(-1)).toBe(`Bearer ${VALUE}`)
    await machine.shell("printf %s another-fake-key | agent-vault set weather/api-key")
    await expect.poll(() => seen.at(-1)).toBe("Bearer another-fake-key")
    await machine.shell("agent-vault revoke ci weather")
    expect(await code).toBe(1)
    expect(printed.text).toContain("asking with [secret weather/api-key: use .reveal()], version 1")
    expect(printed.text).toContain("200 sunny")
    expect(printed.text).toMatch(/NOT_GRANTED: ci may not open weather \(revoked on /)
    expect(printed.text).toContain("agent-vault grant ci weather")
    expect(printed.text).not.toContain(VALUE)
  })
})

describe("a session of an MCP client", () => {
  const session = "node examples/mcp-client/session.mjs weather/api-key"

  test("what is closed to the agent comes with the line that an owner types", async () => {
    const { stdout } = await example(`${session} no`)
    expect(stdout).toContain("payroll/key: closed; ask an owner: agent-vault grant ci payroll")
    expect(stdout).toMatch(/^weather\/certificate: .* run /m)
    expect(stdout).toMatch(/^weather\/old-key: .* run /m)
  })

  test("a value that is no text arrives in base64", async () => {
    const { stdout } = await example(
      "node examples/mcp-client/session.mjs weather/certificate once",
    )
    expect(stdout).toMatch(/^got: .*"encoding":"base64"/m)
  })

  test.each(["once", "session"])("the human says %s", async (choice) => {
    const { stdout, code } = await example(`${session} ${choice}`)
    expect(code).toBe(0)
    expect(stdout).toContain("the server asks:")
    expect(stdout).toContain("agent-vault run --agent ci -s weather/api-key")
    expect(stdout).toMatch(new RegExp(`^got: .*${VALUE}`, "m"))
  })

  test("the human says no", async () => {
    const { stdout, stderr, code } = await example(`${session} no`)
    expect(code).toBe(0)
    expect(stdout).toMatch(/^refused: .*REVEAL_REFUSED/m)
    expect(stdout + stderr).not.toContain(VALUE)
  })
})

describe("run with a real tool", () => {
  test("npm finds its token in the environment, by a file that is committed", async () => {
    const file = join(machine.repo, "examples/run-a-tool/.npmrc")
    const { host } = new URL(apiUrl())
    const text = readFileSync(file, "utf8").replaceAll("registry.example.com", host)
    writeFileSync(file, text.replaceAll("https:", "http:"))
    const { stdout, stderr, code } = await example(
      "cd examples/run-a-tool && agent-vault run --env-from .env.vault -- npm whoami",
    )
    expect([stdout, code, stderr]).toEqual(["robot\n", 0, ""])
    expect(seen).toContain(`Bearer ${VALUE}`)
  })
})

describe("at a CI", () => {
  type Step = { name?: string; run?: string; env?: Record<string, string> }
  type Workflow = { jobs: Record<string, { steps: Step[] }> }
  const [workflow, nightly] = ["github-actions.yml", "end-grants.yml"].map((file) => {
    const text = readFileSync(join(project, "examples/ci", file), "utf8")
    return parseDocument(text, { strict: true }).toJS() as Workflow
  })

  /** The command of the step that has our program in it, with the program that was built. */
  function commandOf(job: string, of = workflow): string {
    const step = of?.jobs[job]?.steps.find(({ run }) => run?.includes("agent-vault"))
    return step?.run?.replaceAll("npx --no-install agent-vault", "agent-vault") ?? ""
  }

  test("the job deploys with a key from the vault, and its log shows none", async () => {
    const { stdout, code } = await machine.shell(
      `key=$(cat .config/agent-vault/*/agents/ci.key "$HOME"/.config/agent-vault/*/agents/ci.key 2>/dev/null)
      export AGENT_VAULT_IDENTITY="$key"
      rm -r "$HOME/.config"; cd examples/ci && ${commandOf("deploy")}`,
    )
    expect([stdout, code]).toEqual([
      `deploying with a key of ${VALUE.length} characters\na careless line: key=[REDACTED weather/api-key]\n`,
      0,
    ])
  })

  test("no job has npx fetch whatever has our name, and hand it a key", () => {
    const jobs = readdirSync(join(project, "examples/ci")).map((file) => `examples/ci/${file}`)
    const fetching = ["README.md", "examples/README.md", ...jobs].filter((file) =>
      readFileSync(join(project, file), "utf8").includes("npx agent-vault"),
    )
    expect(fetching).toEqual([])
  })

  test("the nightly job has an owner's key and no other, and shares what it ended", async () => {
    const command = commandOf("end", nightly).replace("${{ github.workflow }}", "end-grants")
    const { code, stderr } = await machine.shell(
      `git init -q --bare ../origin.git && git remote add origin ../origin.git && git push -q -u origin HEAD
      export AGENT_VAULT_IDENTITY="$(cat "$HOME"/.config/agent-vault/*/owner.key)"
      rm -r "$HOME/.config" && ${command}`,
    )
    expect([code, stderr]).toEqual([0, expect.stringContaining("Checked ")])
  })

  test("the check lets a request for access pass, and stops what was tampered with", async () => {
    const base = "git branch -q pr-base && git update-ref refs/remotes/origin/main pr-base"
    const check = commandOf("check").replace("${{ github.base_ref }}", "main")
    const request = `printf '  - { agent: robot, group: weather }\\n' >> .agent-vault/manifest.yaml`
    const asked = await machine.shell(`${base}; ${request}; git commit -qam ask; ${check}`)
    expect(asked.code).toBe(0)
    const record = ".agent-vault/groups/weather.json"
    const tampered = await machine.shell(
      `sed -i.bak 's/"epoch": 1/"epoch": 2/' ${record}; rm ${record}.bak; git commit -qam x; ${check}`,
    )
    expect(tampered.code).not.toBe(0)
  })

  test("the image is made of files that are there, and of no key", () => {
    const lines = readFileSync(join(project, "examples/ci/Dockerfile"), "utf8").split("\n")
    const copied = lines
      .filter((line) => line.startsWith("COPY "))
      .flatMap((line) => line.split(" ").slice(1, -1))
    expect(copied).toEqual([
      "package.json",
      "package-lock.json",
      ".agent-vault",
      "examples/node-agent",
    ])
    const command = lines.find((line) => line.startsWith("CMD "))?.slice(4) ?? "[]"
    expect(JSON.parse(command)).toEqual(["node", "examples/node-agent/agent.mjs"])
  })
})

describe("a team's pull request", () => {
  test("asks for access, which the owner's apply gives", async () => {
    const { stdout, stderr, code } = await machine.shell("sh examples/pull-request/story.sh")
    expect(stderr).toContain("NOT_GRANTED")
    expect(stdout.trimEnd().split("\n").at(-1)).toBe(VALUE)
    expect(code).toBe(0)
  })
})
