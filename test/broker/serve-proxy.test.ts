import { type ChildProcess, spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import {
  existsSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  unlinkSync,
  symlinkSync,
  writeFileSync,
} from "node:fs"
import { type AddressInfo, connect, createServer } from "node:net"
import { join } from "node:path"
import { text } from "node:stream/consumers"
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest"
import { type Steps, atTerminal, plain } from "../cli/at-terminal.js"
import { type Machine, vaultMachine } from "../cli/machine.js"
import { testUnless } from "../needs.js"
import { answerPage } from "../questions/answer-page.js"
import { Service } from "./proxy/broker-world.js"

const VALUE = ["not", "a", "real", "key", "Zk41vQ"].join("-")

let machine: Machine
let short: string
let service: Service
let seen: string[]
const running: Running[] = []

/** An `agent-vault` that goes on. */
interface Running {
  readonly child: ChildProcess
  readonly stderr: () => string
  readonly ended: Promise<number | null>
}

beforeAll(async () => {
  machine = await vaultMachine()
  service = await Service.start("api.localhost")
  service.handler = (incoming, response) => {
    seen.push(`${incoming.method} ${incoming.url} ${incoming.headers.authorization}`)
    response.end(`you sent ${incoming.headers.authorization}`)
  }
  const roots = join(machine.home, "upstream.pem")
  writeFileSync(roots, service.root)
  Object.assign(machine.env, {
    NODE_EXTRA_CA_CERTS: roots,
    BASE: `https://${service.authority}`,
  })
  // A socket's path has at most 103 bytes, and this home's own is longer.
  short = mkdtempSync("/tmp/av-")
  symlinkSync(join(machine.home, ".local/state"), join(short, "s"))
  machine.env["XDG_STATE_HOME"] = join(short, "s")
  // What a proxy leaves that is killed goes with it.
  machine.env["TMPDIR"] = short
  await machine.call(["set", "stripe/api-key"], VALUE)
  await machine.call(["set", "stripe/webhook"], `${VALUE}-2`)
  const rule = `--host ${service.authority} --path '/v1/**' --at header:authorization --scheme bearer --yes`
  await shell(`agent-vault use stripe/api-key --method GET ${rule}
    agent-vault use stripe/webhook --method GET --ask each ${rule}`)
})

afterAll(() => {
  service.close()
  rmSync(short, { recursive: true })
  machine.remove()
})

beforeEach(() => {
  seen = []
})

afterEach(async () => {
  for (const { child, ended } of running.splice(0)) {
    child.kill("SIGKILL")
    await ended
  }
})

async function shell(line: string): Promise<string> {
  const { code, stdout, stderr } = await machine.shell(`set -e\n${line}`)
  if (code !== 0) throw new Error(stderr)
  return stdout
}

function startVault(...args: readonly string[]): Running {
  const child = spawn(join(machine.home, "bin", "agent-vault"), args, {
    cwd: machine.repo,
    env: machine.env,
    stdio: ["ignore", "pipe", "pipe"],
  })
  let said = ""
  child.stderr.on("data", (chunk: Buffer) => {
    said += chunk.toString()
  })
  const ended = new Promise<number | null>((resolve) => {
    child.once("close", resolve)
  })
  const started = { child, stderr: () => said, ended }
  running.push(started)
  return started
}

async function startProxy(...args: readonly string[]): Promise<Running> {
  const started = startVault("proxy", "--agent", "ci", "-g", "stripe", ...args)
  const hasEnded = started.ended.then((code) => {
    throw new Error(`the proxy ended with ${code}: ${started.stderr()}`)
  })
  await Promise.race([hasEnded, expect.poll(() => started.stderr()).toContain("Ctrl-C ends it")])
  hasEnded.catch(() => {})
  return started
}

const proxies = (): readonly string[] => {
  const folder = join(short, "s/agent-vault/proxies")
  return existsSync(folder) ? readdirSync(folder).map((name) => join(folder, name)) : []
}

const CURL = `curl -sS -H "Authorization: Bearer $STRIPE_API_KEY" "$BASE/v1/x"`
const THROUGH = 'eval "$(agent-vault proxy env)"'

/** What a process of another user prints, or `cut`. */
async function asOther(script: string): Promise<string> {
  const other = spawn(process.execPath, ["-e", script], {
    uid: 65534,
    gid: 65534,
    cwd: "/",
    env: {},
    stdio: ["ignore", "pipe", "inherit"],
  })
  return (await text(other.stdout)).trim()
}
const canBeOther = process.platform === "linux" && process.getuid?.() === 0

testUnless(
  process.platform === "linux" ? undefined : "needs Linux, where a path may be longer",
  "a state folder that is deeper than a socket's path may be is one as well",
  async () => {
    const deep = join(short, "deep".repeat(30))
    machine.env["XDG_STATE_HOME"] = deep
    try {
      const proxy = await startProxy()
      expect(await shell(`${THROUGH}\n${CURL}`)).toContain("[REDACTED stripe/api-key]")
      // A second one sees that the first is there.
      const second = startVault("proxy", "--agent", "ci", "-g", "stripe")
      expect(await second.ended).not.toBe(0)
      expect(second.stderr()).toContain("PORT_TAKEN")
      proxy.child.kill("SIGTERM")
      await proxy.ended
      expect(readdirSync(join(deep, "agent-vault/proxies"))).toEqual([])
    } finally {
      machine.env["XDG_STATE_HOME"] = join(short, "s")
    }
  },
)

test("a socket whose own name is too long is refused, with what to do", async () => {
  const proxy = startVault("proxy", "--agent", "ci", "-g", "stripe", "--socket", "s".repeat(120))
  expect(await proxy.ended).toBe(4)
  expect(proxy.stderr()).toMatch(/NO_ACCESS: .* is too long for a socket.*\n.*shorter path/)
})

describe("a running proxy", () => {
  test("puts values into what another terminal sends, and scrubs what comes back", async () => {
    await startProxy()
    const said = await shell(`${THROUGH}
      ${CURL}; echo
      node -e 'fetch(process.env.BASE + "/v1/n", { headers: { authorization: "Bearer " + process.env.STRIPE_API_KEY } }).then((r) => r.text()).then(console.log)'
      echo "$STRIPE_API_KEY"`)
    expect(seen).toEqual([`GET /v1/x Bearer ${VALUE}`, `GET /v1/n Bearer ${VALUE}`])
    expect(said).not.toContain(VALUE)
    expect(said.split("\n")[0]).toMatch(/^you sent /)
  })

  test("has its token from no file and no line of its own", async () => {
    const { stderr } = await startProxy()
    const { HTTPS_PROXY = "" } = await offered()
    const token = new URL(HTTPS_PROXY).password
    expect(token).toHaveLength(43)
    expect(stderr()).not.toContain(token)
    const { stdout } = await machine.shell(
      `grep -rl -e ${token} "$HOME" /tmp/agent-vault-broker-* || :`,
    )
    expect(stdout).toBe("")
    // Placeholders stay; they and the token are others in the next one.
    expect(await offered()).toEqual(await offered())
  })

  test.each([
    ["no token", ""],
    ["another token", "--proxy-user x:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"],
  ])("lets nobody in with %s", async (_what, user) => {
    await startProxy()
    const address = new URL((await offered())["HTTPS_PROXY"] ?? "").host
    const { code, stdout } = await machine.shell(`${THROUGH}
      curl -sS -x http://${address} ${user} -H "Authorization: Bearer $STRIPE_API_KEY" "$BASE/v1/x"`)
    expect([code === 0, stdout.includes("you sent"), seen]).toEqual([false, false, []])
  })

  test.skipIf(!canBeOther)("tells no other user how it is used", async () => {
    await startProxy()
    const [control = ""] = proxies()
    expect(statSync(control).mode & 0o777).toBe(0o600)
    const script = `require("node:net").connect(${JSON.stringify(control)}).on("data", (d) => console.log(String(d))).on("error", (e) => console.log(e.code))`
    expect(await asOther(script)).toBe("EACCES")
  })

  test("is one for each agent, and takes the place of one that was killed", async () => {
    const first = await startProxy()
    const second = startVault("proxy", "--agent", "ci", "-g", "stripe")
    expect(await second.ended).toBe(6)
    expect(second.stderr()).toMatch(
      /PORT_TAKEN: a proxy of this agent runs already\n.*agent-vault proxy env/,
    )
    // Nor does its port, which the first one has, keep the second from saying that.
    const [, port = ""] = / on 127\.0\.0\.1:(\d+)/.exec(first.stderr()) ?? []
    const third = startVault("proxy", "--agent", "ci", "-g", "stripe", "--port", port)
    expect(await third.ended).toBe(6)
    expect(third.stderr()).toContain("PORT_TAKEN: a proxy of this agent runs already\n")
    await shell(`${THROUGH}; ${CURL}`)
    first.child.kill("SIGKILL")
    await first.ended
    const gone = await machine.shell("agent-vault proxy env")
    expect([gone.code, gone.stderr]).toEqual([
      3,
      expect.stringContaining("agent-vault proxy --agent"),
    ])
    const elsewhere = createServer().listen(0, "127.0.0.1")
    await once(elsewhere, "listening")
    const { port: taken } = elsewhere.address() as AddressInfo
    const fourth = startVault("proxy", "--agent", "ci", "-g", "stripe", "--port", String(taken))
    expect(await fourth.ended).toBe(6)
    expect(fourth.stderr()).toContain(`the broker cannot listen on 127.0.0.1:${taken}\n`)
    elsewhere.close()
    await startProxy()
    await shell(`${THROUGH}; ${CURL}`)
    expect(seen).toHaveLength(2)
  })

  test("says what it refused, each host once", async () => {
    const proxy = await startProxy()
    for (const host of ["other.test", "other.test:8443", "other.test"]) {
      await machine.shell(`${THROUGH}; curl -sS https://${host}/`)
    }
    const last = "no use of this run names other.test:8443"
    await expect.poll(() => proxy.stderr()).toContain(last)
    proxy.child.kill("SIGTERM")
    await proxy.ended
    expect(
      proxy
        .stderr()
        .split("\n")
        .filter((line) => /refused|--allow/.test(line)),
    ).toEqual([
      "agent-vault: refused: no use of this run names other.test:443",
      "  if the program needs it, start it with --allow other.test, or let all through: --unbound tunnel",
      `agent-vault: refused: ${last}`,
      "  if the program needs it, start it with --allow other.test:8443",
    ])
  })

  test("is found beside the socket of one that was killed", async () => {
    await startProxy()
    const [control = ""] = proxies()
    const dead = control.replace(/ci\.sock$/, "deploy.sock")
    const script = `require("node:net").createServer().listen(${JSON.stringify(dead)}, () => process.kill(process.pid, "SIGKILL"))`
    expect(spawnSync(process.execPath, ["-e", script]).signal).toBe("SIGKILL")
    expect(proxies()).toHaveLength(2)
    await shell(`${THROUGH}; ${CURL}`)
    expect(seen).toHaveLength(1)
    unlinkSync(dead)
  })

  test.each(["SIGINT", "SIGTERM", "SIGHUP"] as const)("ends cleanly by %s", async (signal) => {
    const { child, ended } = await startProxy()
    const { HTTPS_PROXY = "", SSL_CERT_FILE = "" } = await offered()
    // A program that holds a connection does not keep it.
    const held = connect(Number(new URL(HTTPS_PROXY).port), "127.0.0.1")
    await once(held, "connect")
    held.on("error", () => {})
    child.kill(signal)
    expect(await ended).toBe(0)
    expect([proxies(), existsSync(SSL_CERT_FILE)]).toEqual([[], false])
  })

  test("listens on a socket that is this user's alone", async () => {
    await startProxy("--socket", "broker/proxy.sock")
    const socket = join(machine.repo, "broker/proxy.sock")
    expect(statSync(socket).mode & 0o777).toBe(0o600)
    expect(new URL((await offered())["HTTPS_PROXY"] ?? "").host).toBe("127.0.0.1:8118")
    const other = canBeOther
      ? await asOther(
          `require("node:net").connect(${JSON.stringify(socket)}).on("connect", () => process.exit()).on("error", (e) => console.log(e.code))`,
        )
      : "EACCES"
    expect(other).toBe("EACCES")
  })

  test("takes no file's place, and says what is open to the network", async () => {
    writeFileSync(join(machine.repo, "mine"), "mine")
    const refused = startVault("proxy", "--agent", "ci", "-g", "stripe", "--socket", "mine")
    expect(await refused.ended).toBe(6)
    expect(readFileSync(join(machine.repo, "mine"), "utf8")).toBe("mine")
    // Another address of loopback, as text; nothing here listens to a network.
    const { stderr } = await startProxy("--listen", "127.0.0.2")
    expect(stderr()).toContain("on 127.0.0.2:")
    expect(stderr()).not.toContain("open to the network")
  })

  test.each([
    [["--port", "x"], "--port"],
    [["--port", "65536"], "--port"],
    [["--listen", "localhost"], "--listen"],
    [["--socket", "a", "--port", "1"], "--socket"],
  ])("refuses %j", async (args, named) => {
    const { code, stderr } = await machine.call(["proxy", "--agent", "ci", "-g", "stripe", ...args])
    expect([code, stderr]).toEqual([2, expect.stringContaining(named)])
  })

  test("names what a container has", async () => {
    await startProxy()
    const variables = await offered(
      "--write trust --mount /broker --address host.docker.internal:81",
    )
    expect(new URL(variables["HTTPS_PROXY"] ?? "").host).toBe("host.docker.internal:81")
    expect(variables["SSL_CERT_FILE"]).toBe("/broker/bundle.pem")
    expect(variables["NODE_OPTIONS"]).toBe("--require /broker/node-preload.cjs")
    const names = readdirSync(join(machine.repo, "trust")).sort()
    expect(names).toEqual(["authority.pem", "bundle.pem", "java.p12", "node-preload.cjs"])
    // Nothing else of ours is there.
    expect(await shell(`node --require ./trust/node-preload.cjs -p 1`)).toBe("1\n")
    const bad = await machine.call(["proxy", "env", "--address", "x y:1"])
    expect(bad.code).toBe(2)
  })
})

/** The page whose address a command said, after this many others. */
async function pageOf({ stderr }: Running, before = 0): Promise<string> {
  const pages = (): string[] => stderr().match(/http:\/\/127\.0\.0\.1:\d+\/[\w-]{43}/g) ?? []
  await expect.poll(() => pages().length).toBeGreaterThan(before)
  return pages()[before] ?? ""
}

describe("a rule that asks", () => {
  const CALL = `curl -sS -H "Authorization: Bearer $STRIPE_WEBHOOK" "$BASE/v1/<b>"`

  test("asks on a page of the proxy without a terminal", async () => {
    const proxy = await startProxy()
    const no = machine.shell(`${THROUGH}; ${CALL}`)
    await answerPage(await pageOf(proxy), "no")
    expect((await no).stdout).toContain("ASK_REFUSED")
    expect(seen).toEqual([])
    const yes = machine.shell(`${THROUGH}; ${CALL}`)
    await answerPage(await pageOf(proxy, 1), "once")
    expect((await yes).stdout).toContain("you sent")
    expect(seen).toEqual([expect.stringContaining(`Bearer ${VALUE}-2`)])
  })

  test("asks at the terminal of the proxy, by letters that nobody types in advance", async () => {
    const script = `(
        until eval "$(agent-vault proxy env 2>/dev/null)" && [ -n "$STRIPE_WEBHOOK" ]; do sleep 0.1; done
        for n in 1 2 3 4; do ${CALL} > said-$n 2>&1; done
        kill -TERM $$
      ) &
      exec agent-vault proxy --agent ci -g stripe`
    const letters = "([a-z]{4})  yes, for this request alone"
    const steps: Steps = [
      ["Type the letters", "\r", letters],
      ["Type the letters", "\r"],
      // No letters have an a.
      ["Type the letters", "aaaa\r"],
      ["Type the letters", "\u0003"],
    ]
    const seenThere = await atTerminal(machine, ["-c", script], steps, { program: ["bash"] })
    const shown = plain(seenThere)
    expect(shown).toContain("May stripe/webhook be sent? a program that uses the proxy of ci asks.")
    expect(shown).toContain(`The request: GET ${service.authority}/v1/<b>`)
    // Its rule says each, so there is no yes for the session.
    expect(shown).not.toContain("until the run ends")
    expect(shown.split("These are none of them: a no.")).toHaveLength(2)
    const said = [1, 2, 3, 4].map((n) => readFileSync(join(machine.repo, `said-${n}`), "utf8"))
    expect(said).toEqual([
      expect.stringContaining("you sent"),
      ...[2, 3, 4].map(() => expect.stringContaining("a person said no to") as string),
    ])
    expect(seen).toHaveLength(1)
  })

  test("asks on a page of a blind run", async () => {
    const run = startVault(
      ..."run --agent ci --blind --isolate none -g stripe -- sh -c".split(" "),
      CALL,
    )
    await answerPage(await pageOf(run), "once")
    expect(await run.ended).toBe(0)
    expect(seen).toHaveLength(1)
    expect(run.stderr()).not.toContain(VALUE)
  })
})

/** What `proxy env` prints for a file. */
async function offered(options = ""): Promise<Readonly<Record<string, string>>> {
  const lines = (await shell(`agent-vault proxy env --format dotenv ${options}`)).trim().split("\n")
  return Object.fromEntries(
    lines.map((line) => {
      const at = line.indexOf("=")
      return [line.slice(0, at), line.slice(at + 1)]
    }),
  )
}
