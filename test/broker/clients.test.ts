import { execFileSync } from "node:child_process"
import { readFileSync, symlinkSync, writeFileSync } from "node:fs"
import type { IncomingMessage, ServerResponse } from "node:http"
import { userInfo } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { gitHubCli, newerNodes, nodeClients, pythonClients } from "../../scripts/broker-clients.mjs"
import { bubblewrap } from "../../scripts/bubblewrap.mjs"
import type { Found } from "../../scripts/pinned.mjs"
import { installed } from "../../scripts/system-package.mjs"
import { proveSigV4, readSigV4 } from "../../src/broker/sign/sigv4.js"
import { type Machine, type Ran, vaultMachine } from "../cli/machine.js"
import { GIVEN, KEY_ID, SECRET, SessionServer } from "../core/leases/session-server.js"
import { testUnless } from "../needs.js"
import { Service } from "./proxy/broker-world.js"

const programs = fileURLToPath(new URL("clients/", import.meta.url))
const page = fileURLToPath(new URL("../../docs/broker.md", import.meta.url))
const value = `fake-key-${"of-a-service-".repeat(3)}1`
const awsKey = `fakeAwsKey${"0123456789".repeat(3)}`
const node = await nodeClients()
const python = await pythonClients()
const isolation = await bubblewrap()

/** A client, how it is called, and where it works. */
interface Client {
  readonly name: string
  readonly found: Found
  /** A line of shell; `$TOOL` is where the client was found, `$P` the folder of its programs. */
  readonly line: string
  /** Whether it works only where the program has a network of its own. */
  readonly needsIsolation?: string
  /** What it does not do by itself, for the table. */
  readonly remark?: string
  /** The secrets that it runs with, in place of the usual ones. */
  readonly secrets?: string
  /** What a client that is no program of ours prints when the reply came back scrubbed. */
  readonly prints?: RegExp
}

const ofPython = (name: string, remark?: string): Client => ({
  name: `Python: ${name}`,
  found: python,
  line: `"$TOOL" "$P/${name}_client.py"`,
  ...(remark === undefined ? {} : { remark }),
})
const ofNode = (name: string, what: string): Client => ({
  name: `Node 20: ${what}`,
  found: node,
  line: `node "$P/${name}.mjs"`,
})
const newer = (version: keyof typeof newerNodes, name: string, what: string): Client => ({
  name: `Node ${version}: ${what}`,
  found: node,
  line: `"$TOOL/${newerNodes[version]}" "$P/${name}.mjs"`,
})

const CLIENTS: readonly Client[] = [
  {
    name: "curl",
    found: installed("curl"),
    line: `curl -sS -w ' %{http_code}' -H "Authorization: Bearer $KEY" "$BASE/v1/echo"`,
  },
  {
    name: "git, over HTTPS",
    found: installed("git"),
    line: `git ls-remote "https://x-access-token:$KEY@$HOST/repo.git" && echo 200`,
    prints: /refs\/heads\/main[^]*200/,
    remark: "the key as the password, with a use of scheme basic",
  },
  {
    name: "gh (GitHub CLI)",
    found: await gitHubCli(),
    line: `GH_ENTERPRISE_TOKEN="$KEY" gh api "$BASE/api/v3/user" && echo 200`,
  },
  {
    name: "AWS CLI, SigV4",
    found: python,
    line: `AWS_DEFAULT_REGION=us-east-1 "$TOOL" -m awscli s3api list-buckets --endpoint-url "$BASE" && echo 200`,
    prints: /a-bucket[^]*200/,
    remark: "signed anew: the key is never on the wire",
  },
  {
    name: "AWS CLI, SigV4, by a lease of STS",
    found: python,
    line: `AWS_DEFAULT_REGION=us-east-1 "$TOOL" -m awscli s3api list-buckets --endpoint-url "$BASE" && echo 200`,
    secrets: "-s stripe/leased",
    prints: /a-bucket \[REDACTED stripe\/leased\][^]*200/,
    remark: "signed anew with short-lived keys, which it does not hold",
  },
  ofPython("urllib"),
  ofPython("requests"),
  ofPython("httpx"),
  ofPython("aiohttp", "only with `trust_env=True`: it follows no variable by itself"),
  ofPython("openai"),
  ofPython("anthropic"),
  ofNode("fetch", "fetch"),
  ofNode("https", "node:https"),
  ofNode("axios", "axios"),
  ofNode("openai", "openai"),
  ofNode("anthropic", "@anthropic-ai/sdk"),
  ofNode("stripe", "stripe, which has an agent of its own"),
  newer(22, "fetch", "fetch"),
  newer(22, "https", "node:https"),
  newer(22, "stripe", "stripe"),
  newer(24, "fetch", "fetch"),
  newer(24, "https", "node:https"),
  newer(24, "stripe", "stripe"),
  newer(26, "fetch", "fetch"),
  newer(26, "https", "node:https"),
  newer(26, "stripe", "stripe"),
  {
    name: "Go: net/http",
    found: installed("go"),
    line: `"$GO_CLIENT"`,
  },
  {
    name: "Java 17: java.net.http",
    found: installed("java"),
    line: `java -XX:TieredStopAtLevel=1 "$P/Client.java"`,
    needsIsolation: "it cannot show a proxy's token",
  },
]

let machine: Machine
let service: Service
let sts: SessionServer
let seen: string[]

beforeAll(async () => {
  machine = await vaultMachine()
  service = await Service.start("api.localhost")
  service.handler = answer
  const roots = join(machine.home, "upstream.pem")
  sts = await SessionServer.start()
  sts.region = "us-east-1"
  writeFileSync(roots, `${service.root}\n${sts.authority}`)
  Object.assign(machine.env, {
    NODE_EXTRA_CA_CERTS: roots,
    BASE: `https://${service.authority}`,
    HOST: service.authority,
    P: programs,
    GO_CLIENT: join(machine.home, "go-client"),
    GIT_TERMINAL_PROMPT: "0",
  })
  // Node looks for packages beside a program, not where it is started.
  const where = join(programs, "node_modules")
  if ("path" in node) {
    try {
      symlinkSync(node.path, where)
    } catch {
      // Another run made it.
    }
  }
  if ("path" in installed("go")) {
    // Go's own cache: without it, its library is compiled anew, which takes 30 s of CPU.
    const cache = process.env["GOCACHE"] ?? join(userInfo().homedir, ".cache/go-build")
    const env = { ...process.env, GOFLAGS: "", GOCACHE: cache }
    const args = ["build", "-o", join(machine.home, "go-client"), join(programs, "client.go")]
    execFileSync("go", args, { env, stdio: "pipe" })
  }
  await set("stripe/api-key", value)
  await set("stripe/aws", awsKey)
  const leased = `--lease aws-sts --with region=us-east-1 --with endpoint=${sts.url}`.split(" ")
  await set("stripe/leased", `${KEY_ID}:${SECRET}`, leased)
  await use("stripe/api-key", "--at header:authorization --scheme bearer")
  await use("stripe/api-key", "--at header:authorization --scheme basic --user x-access-token")
  await use("stripe/api-key", "--at header:x-api-key --scheme raw")
  await use("stripe/leased", "aws-sts")
  await use("stripe/aws", "--at header:authorization --scheme sigv4 --user AKIDEXAMPLE")
})

afterAll(async () => {
  await sts.stop()
  service.close()
  machine.remove()
})

async function set(secret: string, text: string, more: readonly string[] = []): Promise<void> {
  const { code, stderr } = await machine.call(["set", secret, ...more], text)
  if (code !== 0) throw new Error(stderr)
}

async function use(secret: string, rest: string): Promise<void> {
  const line = `agent-vault use ${secret} --host ${service.authority} --method GET --method POST --path '/**' ${rest} --yes`
  const { code, stderr } = await machine.shell(line)
  if (code !== 0) throw new Error(stderr)
}

/** What every client understands something of, with the request's own credentials in it. */
function answer(request: IncomingMessage, response: ServerResponse): void {
  const { method = "", url = "", headers } = request
  const shown = String(headers.authorization ?? headers["x-api-key"] ?? "")
  seen.push(shown)
  if (url.startsWith("/repo.git")) return gitRefs(shown, response)
  if (shown.startsWith("AWS4-HMAC-SHA256")) return buckets(method, url, request, response)
  const said = { role: "assistant", content: `you sent ${shown}` }
  response.setHeader("content-type", "application/json")
  response.end(
    JSON.stringify({
      id: "x",
      object: "list",
      type: "message",
      role: "assistant",
      model: "m",
      created: 1,
      choices: [{ index: 0, finish_reason: "stop", message: said }],
      content: [{ type: "text", text: said.content }],
      usage: { input_tokens: 1, output_tokens: 1 },
      data: [{ id: "cus_1", object: "customer", description: said.content }],
      has_more: false,
      url: "/v1/customers",
    }),
  )
}

/** A line of the protocol, its length in front. */
function pktLine(text: string): string {
  return (text.length + 4).toString(16).padStart(4, "0") + text
}

/** The head of a repository (gitprotocol-http), for whoever shows the key. */
function gitRefs(shown: string, response: ServerResponse): void {
  if (shown === "") {
    response.writeHead(401, { "www-authenticate": 'Basic realm="git"' }).end()
    return
  }
  const refs = pktLine(`${"1".repeat(40)} refs/heads/main\0agent=x\n`)
  response.setHeader("content-type", "application/x-git-upload-pack-advertisement")
  response.end(`${pktLine("# service=git-upload-pack\n")}0000${refs}0000`)
}

/** One bucket, for whoever signed with the real key. */
function buckets(
  method: string,
  url: string,
  { rawHeaders }: IncomingMessage,
  response: ServerResponse,
): void {
  const [path = "", query = ""] = url.split("?")
  const headers = rawHeaders.flatMap((name, at): [string, string][] =>
    at % 2 === 0 ? [[name, rawHeaders[at + 1] ?? ""]] : [],
  )
  const request = { method, path, query, headers }
  const sigV4 = readSigV4(request)
  const isLeased = sigV4?.accessKey === GIVEN.AccessKeyId
  const token = headers.find(([name]) => name.toLowerCase() === "x-amz-security-token")?.[1]
  const key = isLeased ? GIVEN.SecretAccessKey : awsKey
  const isReal = sigV4 !== undefined && proveSigV4(sigV4, request, key) !== undefined
  if (!isReal || token !== (isLeased ? GIVEN.SessionToken : undefined)) {
    response.writeHead(403).end("not signed with the key")
    return
  }
  response.setHeader("content-type", "application/xml")
  response.end(
    `<ListAllMyBucketsResult><Buckets><Bucket><Name>a-bucket ${token}</Name></Bucket></Buckets></ListAllMyBucketsResult>`,
  )
}

async function blind(client: Client, how: "none" | "auto"): Promise<Ran> {
  seen = []
  const tool = "path" in client.found ? client.found.path : ""
  writeFileSync(join(machine.home, "line.sh"), client.line)
  const { secrets = "-s stripe/api-key=KEY -s stripe/aws=AWS_SECRET_ACCESS_KEY" } = client
  const options = `--agent ci --blind --isolate ${how} ${secrets}`
  machine.env["TOOL"] = tool
  return machine.shell(`agent-vault run ${options} -- sh ../line.sh`)
}

function lackOf({ found }: Client, how: "none" | "auto"): string | undefined {
  if ("missing" in found) return found.missing
  return how === "auto" && "missing" in isolation ? isolation.missing : undefined
}

function expectBlind({ prints }: Client, { stdout, stderr, code }: Ran): void {
  expect(code === 0 ? "" : stderr).toBe("")
  expect(stdout).toMatch(/200/)
  expect(`${stdout}${stderr}`).not.toContain(value)
  if (prints === undefined) {
    expect(seen.join("\n")).toContain(value)
    expect(stdout).toContain("[REDACTED stripe/api-key]")
  } else {
    expect(stdout).toMatch(prints)
  }
}

describe.each(["none", "auto"] as const)("a real client, with --isolate %s,", (how) => {
  for (const client of CLIENTS) {
    if (client.needsIsolation !== undefined && how === "none") {
      testUnless(lackOf(client, how), `does not work: ${client.name}`, async () => {
        const { stdout } = await blind(client, how)
        expect(stdout).not.toContain("[REDACTED")
        expect(seen).toEqual([])
      })
    } else {
      testUnless(lackOf(client, how), `works: ${client.name}`, async () => {
        expectBlind(client, await blind(client, how))
      })
    }
  }
})

/** A row without what aligns it. */
function cells(row: string): string {
  return row.replaceAll(/ +/g, " ")
}

test("docs/broker.md has the table of these clients", () => {
  const rows = CLIENTS.map(({ name, needsIsolation, remark = "" }) => {
    const otherwise = needsIsolation === undefined ? "works" : `no: ${needsIsolation}`
    return `| ${name} | works | ${otherwise} | ${remark} |`
  })
  const [, shown = ""] =
    /<!-- clients -->\n\n([^]*?)\n\n<!-- end of clients -->/.exec(readFileSync(page, "utf8")) ?? []
  expect(shown.split("\n").slice(2).map(cells)).toEqual(rows.map(cells))
})
