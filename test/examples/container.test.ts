import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { text } from "node:stream/consumers"
import { fileURLToPath } from "node:url"
import { parseEnv } from "node:util"
import { afterAll, beforeAll, describe, expect } from "vitest"
import { parse } from "yaml"
import { bubblewrap } from "../../scripts/bubblewrap.mjs"
import { Service } from "../broker/proxy/broker-world.js"
import { type Machine, type Ran, vaultMachine } from "../cli/machine.js"
import { testUnless } from "../needs.js"

/**
 * examples/broker-container without a container engine: the program of the image's entry point, the
 * variables, the mount and the lack of a network as Dockerfile and compose.yaml say them, in
 * namespaces that bubblewrap makes of this machine's own programs. The image is not built.
 */
const example = fileURLToPath(new URL("../../examples/broker-container", import.meta.url))
const VALUE = ["not", "a", "real", "key", "Vx72"].join("-")
const isolation = await bubblewrap()
const lack = "missing" in isolation ? isolation.missing : undefined
const bwrap = "path" in isolation ? isolation.path : ""

const CURL = `curl -sS -H "Authorization: Bearer $STRIPE_API_KEY" "$BASE/v1/status"`

interface Compose {
  readonly services: {
    readonly agent: {
      readonly network_mode: string
      readonly cap_drop: readonly string[]
      readonly env_file: string
      readonly volumes: readonly string[]
    }
  }
}
const { agent } = (parse(readFileSync(join(example, "compose.yaml"), "utf8")) as Compose).services
const dockerfile = readFileSync(join(example, "Dockerfile"), "utf8")
const [, entry = "[]"] = /^ENTRYPOINT (.*)$/m.exec(dockerfile) ?? []
const [, relayAt = ""] = /^COPY relay.mjs (.*)$/m.exec(dockerfile) ?? []

let machine: Machine
let short: string
let service: Service
let proxy: ChildProcess
/** What the service was shown. */
const shown: unknown[] = []

beforeAll(async () => {
  if (lack !== undefined) return
  machine = await vaultMachine()
  service = await Service.start("api.localhost")
  service.handler = ({ headers: { authorization } }, response) => {
    shown.push(authorization)
    response.end(`you sent ${authorization}`)
  }
  // A socket's path has at most 103 bytes, and this home's own is longer.
  short = mkdtempSync("/tmp/av-")
  symlinkSync(join(machine.home, ".local/state"), join(short, "state"))
  writeFileSync(join(short, "upstream.pem"), service.root)
  Object.assign(machine.env, {
    NODE_EXTRA_CA_CERTS: join(short, "upstream.pem"),
    XDG_STATE_HOME: join(short, "state"),
  })
  cpSync(example, join(machine.repo, "agent"), { recursive: true })
  await machine.call(["set", "stripe/api-key"], VALUE)
  const rule = `--method GET --path '/v1/**' --at header:authorization --scheme bearer --yes`
  await done(`agent-vault use stripe/api-key --host ${service.authority} ${rule}`)
  proxy = await startProxy()
  await done("agent-vault proxy env --write broker --mount /broker --format dotenv > broker.env")
})

afterAll(async () => {
  if (lack !== undefined) return
  proxy.kill("SIGTERM")
  await once(proxy, "close")
  service.close()
  rmSync(short, { recursive: true })
  machine.remove()
})

async function done(line: string): Promise<void> {
  const { code, stderr } = await machine.shell(`cd agent && ${line}`)
  if (code !== 0) throw new Error(stderr)
}

/** The first command of the example's README. */
async function startProxy(): Promise<ChildProcess> {
  const args = ["proxy", "--agent", "ci", "-g", "stripe", "--socket", "broker/proxy.sock"]
  const child = spawn(join(machine.home, "bin", "agent-vault"), args, {
    cwd: join(machine.repo, "agent"),
    env: machine.env,
    stdio: ["ignore", "ignore", "pipe"],
  })
  let said = ""
  for await (const chunk of child.stderr) {
    said += String(chunk)
    if (said.includes("Ctrl-C ends it")) return child
  }
  throw new Error(said)
}

/** `docker compose run agent sh -c LINE`, by bubblewrap. */
async function inContainer(line: string): Promise<Ran> {
  const folder = join(machine.repo, "agent")
  const variables = {
    ...parseEnv(readFileSync(join(folder, agent.env_file), "utf8")),
    PATH: process.env["PATH"],
    BASE: `https://${service.authority}`,
  }
  const args = [
    agent.network_mode === "none" ? ["--unshare-net"] : [],
    ["--unshare-user", "--unshare-pid", "--unshare-ipc", "--die-with-parent", "--clearenv"],
    agent.cap_drop.flatMap((name) => ["--cap-drop", name]),
    ["/usr", "/bin", "/lib", "/lib64", "/etc"].flatMap((path) => ["--ro-bind-try", path, path]),
    ["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--tmpfs", dirname(relayAt)],
    ["--ro-bind", join(folder, "relay.mjs"), relayAt],
    agent.volumes.flatMap((volume) => {
      const [from = "", to = ""] = volume.split(":")
      return ["--ro-bind", join(folder, from), to]
    }),
    Object.entries(variables).flatMap(([name, value = ""]) => ["--setenv", name, value]),
    JSON.parse(entry) as string[],
    ["sh", "-c", line],
  ].flat()
  const child = spawn(bwrap, args, { stdio: ["ignore", "pipe", "pipe"] })
  const [stdout, stderr, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, "close") as Promise<[number]>,
  ])
  return { stdout, stderr, code }
}

describe("the example of a container", () => {
  testUnless(lack, "uses a key that it never holds, and has no other way out", async () => {
    const { stdout, stderr, code } = await inContainer(`${CURL}; env
      curl -sS --noproxy '*' "$BASE/v1/status" 2>&1; exit 3`)
    expect([stderr, code]).toEqual(["", 3])
    expect(stdout).toContain("you sent Bearer [REDACTED stripe/api-key]")
    expect(stdout).toMatch(/^STRIPE_API_KEY=avp_\w+$/m)
    expect(stdout).toMatch(/^curl: \(\d+\) /m)
    expect(stdout).not.toContain(VALUE)
    expect(shown).toEqual([`Bearer ${VALUE}`])
  })

  testUnless(lack, "is refused once its agent was revoked", async () => {
    await done("agent-vault revoke ci stripe")
    const { stdout } = await inContainer(CURL)
    expect(stdout).toContain('"code":"NOT_GRANTED"')
    expect(shown).toHaveLength(1)
  })
})
