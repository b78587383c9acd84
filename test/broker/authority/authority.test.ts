import { execFileSync, spawn, spawnSync } from "node:child_process"
import { X509Certificate } from "node:crypto"
import { once } from "node:events"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { createServer as createWebServer } from "node:http"
import { type AddressInfo, type Server, connect as dial, createServer, isIP } from "node:net"
import { tmpdir, userInfo } from "node:os"
import { join } from "node:path"
import { text } from "node:stream/consumers"
import { TLSSocket, connect } from "node:tls"
import { fileURLToPath } from "node:url"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { Authority } from "../../../src/broker/authority/authority.js"
import { testUnless } from "../../needs.js"

const HOUR = 3_600_000
const folder = mkdtempSync(join(tmpdir(), "agent-vault-authority-"))
const fileOf = (name: string): string => fileURLToPath(new URL(`clients/${name}`, import.meta.url))

/** The hosts of a run, and others whose certificates a client that trusts its authority meets. */
interface Trial {
  readonly bound: readonly string[]
  readonly accepted: readonly string[]
  readonly refused: readonly string[]
}

const TRIALS: Readonly<Record<string, Trial>> = {
  "names and addresses": {
    bound: ["api.example.test", "*.wild.example.test:8443", "127.0.0.1:8443", "[::1]"],
    accepted: ["api.example.test", "a.wild.example.test", "127.0.0.1", "::1"],
    refused: ["example.test", "evil.test", "xapi.example.test", "127.0.0.2", "::2"],
  },
  "names alone": {
    bound: ["api.example.test"],
    accepted: ["api.example.test"],
    refused: ["evil.test", "127.0.0.1", "::1"],
  },
  "addresses alone": {
    bound: ["127.0.0.1"],
    accepted: ["127.0.0.1"],
    refused: ["api.example.test", "127.0.0.2", "::1"],
  },
  nothing: { bound: [], accepted: [], refused: ["api.example.test", "127.0.0.1", "::1"] },
}

/** What a client says of each `HOST=PORT`: a line each, `accepted HOST` or `refused HOST`. */
type Verify = (roots: string, pairs: readonly string[]) => Promise<string>

const CLIENTS: Readonly<
  Record<string, { readonly lack?: string | undefined; readonly verify: Verify }>
> = {
  node: { verify: (roots, pairs) => each(pairs, (host, port) => viaNode(roots, host, port)) },
  openssl: {
    lack: lackOf("openssl", "version"),
    verify: (roots, pairs) =>
      each(pairs, (host, port) => {
        const kind = isAddress(host) ? "-verify_ip" : "-verify_hostname"
        const trust = ["-CAfile", roots, "-no-CApath", "-no-CAstore"]
        const strict = ["-x509_strict", "-check_ss_sig", "-verify_return_error", kind, host]
        const connection = ["-connect", `127.0.0.1:${port}`]
        return viaProgram("openssl", ["s_client", ...connection, ...trust, ...strict], /verif/i)
      }),
  },
  curl: {
    lack: lackOf("curl", "--version"),
    verify: (roots, pairs) =>
      each(pairs, (host, port) => {
        const url = `https://${host.includes(":") ? `[${host}]` : host}:${port}/`
        const to = ["--connect-to", `::127.0.0.1:${port}`]
        return viaProgram("curl", ["-sS", "--cacert", roots, ...to, url], /curl: \(60\)/)
      }),
  },
  // Another library than curl's in many systems: GnuTLS. It is asked for names alone, since git
  // has no way to reach another address than that of its URL.
  git: {
    verify: (roots, pairs) =>
      each(pairs, async (host, port) => {
        if (isAddress(host)) return undefined
        const settings = [
          `http.sslCAInfo=${roots}`,
          `http.curloptResolve=${host}:${port}:127.0.0.1`,
        ]
        const options = settings.flatMap((setting) => ["-c", setting])
        const program = ["ls-remote", `https://${host}:${port}/`]
        return viaProgram("git", [...options, ...program], /certificate|verif/i, /not found/)
      }),
  },
  python: {
    lack: lackOf("python3", "--version"),
    verify: (roots, pairs) => output("python3", [fileOf("client.py"), roots, ...pairs]),
  },
  go: {
    lack: lackOf("go", "version"),
    verify: (roots, pairs) => output(join(folder, "client-go"), [roots, ...pairs]),
  },
  java: {
    lack: lackOf("javac", "-version"),
    verify: (roots, pairs) => output("java", ["-cp", folder, "Client", roots, ...pairs]),
  },
}

beforeAll(() => {
  const go = ["build", "-o", join(folder, "client-go"), fileOf("client.go")]
  // Go's own cache: without it, its library is compiled anew.
  const cache = process.env["GOCACHE"] ?? join(userInfo().homedir, ".cache/go-build")
  const env = { ...process.env, GOCACHE: cache, GOTOOLCHAIN: "local" }
  if (CLIENTS["go"]?.lack === undefined) execFileSync("go", go, { env })
  const java = ["-d", folder, fileOf("Client.java")]
  if (CLIENTS["java"]?.lack === undefined) execFileSync("javac", java)
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe.each(Object.entries(TRIALS))(
  "an authority for %s",
  (name, { bound, accepted, refused }) => {
    const authority = Authority.make(bound)
    const roots = join(folder, `${name.replaceAll(" ", "-")}.pem`)
    const servers: Server[] = []
    const pairs: string[] = []
    beforeAll(async () => {
      writeFileSync(roots, authority.pem)
      for (const host of [...accepted, ...refused]) {
        const server = serverAs(authority, host)
        await once(server.listen(0, "127.0.0.1"), "listening")
        servers.push(server)
        pairs.push(`${host}=${(server.address() as AddressInfo).port}`)
      }
    })
    afterAll(() => servers.forEach((server) => server.close()))

    for (const [client, { lack, verify }] of Object.entries(CLIENTS)) {
      testUnless(lack, `serves its hosts and no others, says ${client}`, async () => {
        const said = (await verify(roots, pairs)).trim().split("\n").toSorted()
        const asked = client === "git" ? (host: string) => !isAddress(host) : () => true
        expect(said.filter(Boolean)).toEqual(
          [
            ...accepted.filter(asked).map((host) => `accepted ${host}`),
            ...refused.filter(asked).map((host) => `refused ${host}`),
          ].toSorted(),
        )
      })
    }
  },
)

/** A server that proves to be a host with what the authority made, whatever name it is asked for. */
function serverAs(authority: Authority, host: string): Server {
  const secureContext = authority.contextFor(host.includes(":") ? `[${host}]` : host)
  const web = createWebServer((_, response) => response.writeHead(404).end())
  return createServer((socket) => {
    const secured = new TLSSocket(socket, { isServer: true, secureContext })
    web.emit(
      "connection",
      secured.on("error", () => socket.destroy()),
    )
  })
}

function isAddress(host: string): boolean {
  return isIP(host) !== 0
}

/** Asks for each pair in turn; what is undefined was not asked. */
async function each(
  pairs: readonly string[],
  isAccepted: (host: string, port: string) => Promise<boolean | undefined>,
): Promise<string> {
  const lines: string[] = []
  for (const pair of pairs) {
    const [host = "", port = ""] = pair.split("=")
    const accepted = await isAccepted(host, port)
    if (accepted !== undefined) lines.push(`${accepted ? "accepted" : "refused"} ${host}`)
  }
  return lines.join("\n")
}

async function viaNode(roots: string, host: string, port: string): Promise<boolean> {
  const name = isAddress(host) ? { host } : { host, servername: host }
  const ca = readFileSync(roots)
  const socket = connect({ ...name, ca, socket: dial({ host: "127.0.0.1", port: Number(port) }) })
  try {
    await once(socket, "secureConnect")
    return true
  } catch (error) {
    expect(String(error)).toMatch(/(?:permitted|excluded) subtree violation/)
    return false
  } finally {
    socket.destroy()
  }
}

/** Whether a program succeeds, or fails for another reason than the certificate. */
async function viaProgram(
  program: string,
  argv: readonly string[],
  untrusted: RegExp,
  trusted?: RegExp,
): Promise<boolean> {
  const { code, stderr } = await ended(program, argv)
  if (code === 0 || trusted?.test(stderr)) return true
  expect(stderr).toMatch(untrusted)
  return false
}

async function output(program: string, argv: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await ended(program, argv)
  expect(code, stderr).toBe(0)
  return stdout
}

async function ended(
  program: string,
  argv: readonly string[],
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const child = spawn(program, argv, { stdio: ["ignore", "pipe", "pipe"] })
  const [stdout, stderr] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, "close"),
  ])
  return { code: child.exitCode, stdout, stderr }
}

/** What is missing for a client, and how to get it. */
function lackOf(program: string, ...argv: readonly string[]): string | undefined {
  return spawnSync(program, argv).status === 0 ? undefined : `needs ${program}: install it`
}

describe("the certificates", () => {
  const start = Date.UTC(2049, 11, 31, 12)
  let now = start
  const authority = Authority.make(["api.example.test"], () => now)
  const root = new X509Certificate(authority.pem)

  test("are a root that says what it is, and trusts itself only", () => {
    expect(root.ca).toBe(true)
    expect(root.verify(root.publicKey)).toBe(true)
    expect(root.checkIssued(root)).toBe(true)
    expect(authority.pem).not.toContain("PRIVATE")
  })

  test("are other ones for each run", () => {
    const other = new X509Certificate(Authority.make(["api.example.test"]).pem)
    expect(other.serialNumber).not.toBe(root.serialNumber)
    expect(other.verify(root.publicKey)).toBe(false)
  })

  test("for a host last a day, and are made anew before they end", () => {
    const first = authority.contextFor("api.example.test")
    expect(authority.contextFor("api.example.test")).toBe(first)
    now = start + 11 * HOUR
    expect(authority.contextFor("api.example.test")).toBe(first)
    // In 2050, times have four digits of the year.
    now = start + 12 * HOUR
    expect(authority.contextFor("api.example.test")).not.toBe(first)
  })

  test("for hosts that a wildcard permits do not fill the memory", () => {
    const first = authority.contextFor("a.api.example.test")
    for (let n = 0; n < 1000; n += 1) authority.contextFor(`${n}.api.example.test`)
    expect(authority.contextFor("a.api.example.test")).not.toBe(first)
  })
})
