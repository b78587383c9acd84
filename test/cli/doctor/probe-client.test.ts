import { execFileSync, spawn } from "node:child_process"
import { mkdirSync, readdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { bubblewrap } from "../../../scripts/bubblewrap.mjs"
import { installed } from "../../../scripts/system-package.mjs"
import { testUnless } from "../../needs.js"
import { Machine, type Ran } from "../machine.js"

const found = await bubblewrap()
const lackBubblewrap = "missing" in found ? found.missing : undefined
const java = installed("java")
const STEPS = ["proxy", "token", "host", "authority", "placeholder", "value", "reply"]
const FETCH = `fetch(process.env.PROBE_URL, { headers: { "x-api-key": process.env.PROBE_KEY } })
  .then((reply) => reply.text()).then(console.log)`
const URLLIB = `import os, urllib.request as u
print(u.urlopen(u.Request(os.environ["PROBE_URL"], headers={"Authorization": "Bearer " + os.environ["PROBE_KEY"]})).read())`

const JAVA = `import java.net.*; import java.net.http.*;
public class Get { public static void main(String[] none) throws Exception {
  HttpClient client = HttpClient.newBuilder().proxy(ProxySelector.getDefault()).build();
  client.send(HttpRequest.newBuilder(URI.create(System.getenv("PROBE_URL"))).build(), HttpResponse.BodyHandlers.discarding());
} }`

let machine: Machine

beforeAll(() => {
  machine = new Machine()
  const subject = ["-subj", "/CN=another authority", "-days", "2"]
  const key = ["-newkey", "rsa:2048", "-nodes", "-keyout", "/dev/null"]
  const out = join(machine.home, "other.pem")
  execFileSync("openssl", ["req", "-x509", ...key, "-out", out, ...subject], { stdio: "ignore" })
  writeFileSync(join(machine.home, "fetch.mjs"), FETCH)
  writeFileSync(join(machine.home, "urllib.py"), URLLIB)
  writeFileSync(join(machine.home, "Get.java"), JAVA)
})
afterAll(() => machine.remove())

interface Told {
  readonly ended: number
  readonly steps: readonly { step: string; is: string; saw: string; mend?: string }[]
  readonly exitCode: number
}

/** Tries a client, a line of shell; the doctor's own document, and what the client printed. */
async function tryClient(line: string, options = "--isolate none"): Promise<Told & Ran> {
  const ran = await machine.shell(`agent-vault doctor --json ${options} -- ${line}`)
  if (ran.stdout === "") throw new Error(ran.stderr)
  const told = JSON.parse(ran.stdout) as Told
  expect(ran.code).toBe(told.exitCode)
  expect(told.steps.map(({ step }) => step)).toEqual(STEPS)
  // The value is nobody's but the broker's and the service's.
  expect(`${ran.stdout}${ran.stderr}`).not.toContain("probe-value-")
  return { ...told, ...ran }
}

/** The one step that went wrong; the steps before it are good, and those behind it unknown. */
function onlyWrong({ steps, exitCode }: Told): { step: string; saw: string; mend: string } {
  const at = steps.findIndex(({ is }) => is === "wrong")
  const kinds = steps.map(({ is }) => is)
  const rest = STEPS.length - at - 1
  const expected = [
    ...Array<string>(at).fill("good"),
    "wrong",
    ...Array<string>(rest).fill("unknown"),
  ]
  expect(kinds, JSON.stringify(steps)).toEqual(expected)
  expect(exitCode).toBe(1)
  const { step = "", saw = "", mend = "" } = steps[at] ?? {}
  return { step, saw, mend }
}

const GOOD: readonly (readonly [name: string, line: string, prints: RegExp])[] = [
  ["curl", "curl -sS -H 'Authorization: Bearer {key}' {url}", /REDACTED agent-vault\/probe/],
  ["curl, with the key in the query", "curl -sS '{url}?key={key}'", /REDACTED/],
  [
    "curl, by the variables",
    `sh -c 'curl -sS -H "x-api-key: $PROBE_KEY" "$PROBE_URL"'`,
    /REDACTED/,
  ],
  // What comes back is not Git's protocol: that says nothing of the broker.
  ["git, whose key is a password", "git ls-remote 'https://x:{key}@{host}/repo.git'", /not valid/],
  ["Node", "node ../fetch.mjs", /REDACTED/],
  ["Python", "python3 ../urllib.py", /REDACTED/],
]

describe.each([
  ["none", undefined],
  ["auto", lackBubblewrap],
] as const)("with --isolate %s", (isolation, lack) => {
  for (const [name, line, prints] of GOOD) {
    testUnless(lack, `every step is good: ${name}`, async () => {
      const { steps, exitCode, stderr } = await tryClient(line, `--isolate ${isolation}`)
      expect(steps.filter(({ is }) => is !== "good")).toEqual([])
      expect(exitCode).toBe(0)
      // What the client prints is beside the report, and has no value in it.
      expect(stderr).toMatch(prints)
    })
  }
})

describe("a client that goes round the broker", () => {
  test("is seen at the service itself: curl --noproxy", async () => {
    const told = await tryClient("curl -sS --noproxy '*' -H 'x-api-key: {key}' {url}")
    expect(onlyWrong(told)).toMatchObject({
      step: "proxy",
      saw: "it went round the broker, to the service itself",
      mend: expect.stringMatching(/^curl: .*--noproxy/) as unknown,
    })
  })

  test("is seen too where it trusts everybody: curl -k", async () => {
    const told = await tryClient("curl -ksS --noproxy '*' -H 'x-api-key: {key}' {url}")
    expect(onlyWrong(told).saw).toMatch(/round/)
    // It got no value from there.
    expect(told.stderr).not.toContain("REDACTED")
  })

  test("is seen though it came to the broker as well", async () => {
    const both = "curl -sS -H 'x-api-key: {key}' {url}; curl -sS --noproxy '*' {url}"
    const told = await tryClient(`sh -c "${both}"`)
    expect(told.steps[0]).toMatchObject({
      is: "wrong",
      saw: expect.stringMatching(/as well/) as unknown,
    })
    expect(told.steps.slice(1).every(({ is }) => is === "good")).toBe(true)
    expect(told.exitCode).toBe(1)
  })

  test("is told what leads a Node: no preload", async () => {
    const told = await tryClient("node ../fetch.mjs", "--isolate none --no-preload")
    // Newer ones follow NODE_USE_ENV_PROXY by themselves.
    if (Number(process.versions.node.split(".")[0]) >= 22) return
    expect(onlyWrong(told)).toMatchObject({
      step: "proxy",
      mend: expect.stringMatching(/If it does, Node: .*--no-preload/) as unknown,
    })
  })

  testUnless(lackBubblewrap, "reaches nothing where it is isolated, which is said", async () => {
    const told = await tryClient("curl -sS --noproxy '*' {url}", "--isolate bwrap")
    expect(onlyWrong(told).saw).toMatch(/ or went round, where nothing can be reached$/)
  })

  test("is told that nothing came, where it made no request", async () => {
    const { saw, mend } = onlyWrong(await tryClient("true"))
    expect(saw).toMatch(/^nothing came to the broker/)
    expect(mend).toMatch(/^It is to make a request to \{url\}/)
  })
})

const BARE = "$(echo $HTTPS_PROXY | sed s,.*@,,)"

describe("a client that comes, and", () => {
  test.each([
    ["shows no token", `sh -c 'curl -sS -x http://${BARE} $PROBE_URL'`, "token", /without it/],
    [
      "speaks SOCKS",
      `sh -c 'curl -sS -x socks5h://${BARE} $PROBE_URL'`,
      "token",
      /not for a proxy/,
    ],
    [
      "asks for its own service",
      "curl -sS https://api.example.com/",
      "host",
      /api\.example\.com:443/,
    ],
    ["asks in plain HTTP", "curl -sS http://{host}/", "host", /plain HTTP/],
    ["has roots of its own", "curl -sS --cacert ../other.pem {url}", "authority", /unknown ca/],
    ["sends no key", "curl -sS {url}", "placeholder", /without it/],
    ["sends it elsewhere", "curl -sS '{url}?other={key}'", "placeholder", /no rule/],
    ["sends it in the body", "curl -sS -d 'key={key}' {url}", "placeholder", /body/],
    ["sends it twice", "curl -sS -H 'x-api-key: {key} {key}' {url}", "placeholder", /twice/],
  ])("%s", async (_what, line, step, saw) => {
    const wrong = onlyWrong(await tryClient(line))
    expect(wrong).toMatchObject({ step, saw: expect.stringMatching(saw) as unknown })
    expect(wrong.mend).not.toBe("")
  })

  test("names what a client with roots of its own reads", async () => {
    const told = await tryClient("curl -sS --cacert ../other.pem {url}")
    expect(onlyWrong(told).mend).toMatch(/^curl: it reads CURL_CA_BUNDLE; --cacert/)
  })

  testUnless(
    "missing" in java ? java.missing : undefined,
    "is a Java, which shows no token",
    async () => {
      const told = await tryClient("java -XX:TieredStopAtLevel=1 ../Get.java")
      expect(onlyWrong(told)).toMatchObject({
        step: "token",
        mend: expect.stringMatching(/isolated/) as unknown,
      })
    },
  )
})

test("a client is given no variable of ours, and no vault is needed", async () => {
  const ran = await machine.shell(
    "AGENT_VAULT_AGENT=ci agent-vault doctor --isolate none -- sh -c 'env | grep -c ^AGENT_VAULT_; env | grep ^PROBE_'",
  )
  expect(ran.stderr).toMatch(/^0$/m)
  const names = [...ran.stderr.matchAll(/^(PROBE_\w+)=/gm)].map(([, name]) => name)
  expect(new Set(names)).toEqual(new Set(["PROBE_HOST", "PROBE_KEY", "PROBE_URL"]))
})

test("a signal is the client's, and the report comes after it; nothing is left", async () => {
  const temporary = join(machine.home, "temporary")
  mkdirSync(temporary)
  const client = ["sh", "-c", "echo ready; exec sleep 600"]
  const argv = ["doctor", "--isolate", "none", "--", ...client]
  const { repo: cwd, home } = machine
  const env = { ...machine.env, TMPDIR: temporary }
  const child = spawn(join(home, "bin", "agent-vault"), argv, { cwd, env })
  let [stdout, stderr] = ["", ""]
  child.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString()))
  child.stderr.on("data", (chunk: Buffer) => {
    stderr += chunk.toString()
    if (chunk.includes("ready")) child.kill("SIGTERM")
  })
  const code = await new Promise((resolve) => child.once("close", resolve))
  expect(code, stderr).toBe(1)
  expect(stdout).toMatch(/comes to the broker +WRONG +nothing came/)
  expect(stderr).toContain("The client ended with 143")
  expect(readdirSync(temporary)).toEqual([])
})

testUnless(
  lackBubblewrap,
  "a client that is not there is no verdict where it is isolated",
  async () => {
    const refused = await machine.shell("agent-vault doctor --isolate bwrap -- no-such-program")
    expect(refused).toMatchObject({ code: 127, stdout: "" })
    expect(refused.stderr).toMatch(/COMMAND_NOT_FOUND: there is no program no-such-program/)
    // A shell that is there ends so as well.
    expect(onlyWrong(await tryClient("sh -c no-such-program", "--isolate bwrap")).step).toBe(
      "proxy",
    )
  },
)

test.each([
  ["doctor -- no-such-program", 127, /COMMAND_NOT_FOUND/],
  ["doctor curl", 2, /behind two dashes/],
  ["doctor --isolate nothing -- true", 2, /--isolate is one of/],
])("%s is refused", async (line, code, says) => {
  const how = line.includes("--isolate")
    ? line
    : line.replace("doctor --", "doctor --isolate none --")
  const ran = await machine.shell(`agent-vault ${how}`)
  expect(ran.code).toBe(code)
  expect(ran.stderr).toMatch(says)
})
