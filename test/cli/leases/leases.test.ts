import { generateKeyPairSync } from "node:crypto"
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { APP_KEY, Issuer, KEY_LINE } from "../../core/leases/issuer.js"
import { Machine, type Ran } from "../machine.js"
import { doLine } from "../typed-line.js"

const NAME = "github/token"
const TOKEN = "ghs_12345_not-a-real-token-1"

let machine: Machine
let issuer: Issuer
beforeEach(async () => {
  issuer = await Issuer.start()
  machine = new Machine()
  writeFileSync(join(machine.home, "app.pem"), APP_KEY)
  writeFileSync(join(machine.home, "roots.pem"), issuer.authority)
  const line = `agent-vault init --name alice && agent-vault agent add ci && agent-vault set ${NAME} --from-file ~/app.pem ${issuer.said} && agent-vault grant ci github && rm ~/app.pem`
  expect(await owner(line)).toMatchObject({ code: 0 })
})
afterEach(async () => {
  machine.remove()
  await issuer.stop()
})

/** What an owner does before a lease, or looks at after, which need be no process. */
const owner = (line: string): Promise<Ran> => doLine(machine, line)

const shell = (line: string) => machine.shell(`export SSL_CERT_FILE=~/roots.pem; ${line}`)

async function audited(): Promise<string[]> {
  const { stdout } = await machine.shell("cat ~/.local/state/agent-vault/*/audit/agents/ci.jsonl")
  const lines = stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Readonly<Record<string, string>>)
  return lines
    .filter(({ event }) => event !== "output")
    .map(({ event, door, decision, host = "" }) => [event, door, decision, host].join(" "))
}

test("get hands out a token that lives on, and none that it could not write, and no key", async () => {
  const read = await shell(`agent-vault get ${NAME} --agent ci`)
  expect(read).toMatchObject({ stdout: TOKEN, stderr: "", code: 0 })
  expect(issuer.lines).toEqual(["POST /app/installations/678/access_tokens"])
  expect(issuer.live.has(TOKEN)).toBe(true)
  expect(await audited()).toEqual(["lease cli allowed localhost", "read cli allowed "])
  const found = await machine.shell(`grep -rlF -e ${TOKEN} -e ${KEY_LINE} ~ .`)
  expect(found.stdout).toBe("")
  const full = await shell(`agent-vault get ${NAME} --agent ci >/dev/full`)
  expect(full.code).not.toBe(0)
  expect([...issuer.live]).toEqual([TOKEN])
})

/** Tells a reader to end while the issuer, which says so by a file, is being asked. */
const told = (command: string) =>
  shell(
    `agent-vault ${command} ${NAME} --agent ci & reader=$!
      until test -e ~/asked; do sleep 0.05; done
      kill -TERM $reader; touch ~/told; wait $reader; echo "code $?"`,
  )
const isThere = (file: string): boolean => existsSync(join(machine.home, file))
const say = (file: string): void => writeFileSync(join(machine.home, file), "")

describe("a signal while the issuer is asked", () => {
  test.each(["get", "export --format dotenv -s"])("ends what it gives: %s", async (command) => {
    issuer.before = async () => {
      issuer.before = () => Promise.resolve()
      say("asked")
      while (!isThere("told")) await new Promise((resolve) => setTimeout(resolve, 10))
    }
    expect((await told(command)).stdout).toBe("code 143\n")
    expect(issuer.lines.at(-1)).toBe("DELETE /installation/token")
    expect(issuer.live.size).toBe(0)
    expect(await audited()).toEqual([
      "lease cli allowed localhost",
      "lease-end cli allowed localhost",
      "lease cli refused localhost",
    ])
  })

  test("does not wait for ever", async () => {
    issuer.before = () => {
      say("asked")
      return new Promise(() => undefined)
    }
    expect((await told("get")).stdout).toBe("code 143\n")
    expect(issuer.lines).toHaveLength(1)
  })
})

test("an issuer that switches to another protocol ends no command as if it were done", async () => {
  issuer.instead = ({ socket }) =>
    socket.write("HTTP/1.1 101 Other\r\nConnection: upgrade\r\nUpgrade: other\r\n\r\n")
  const get = await shell(`agent-vault get ${NAME} --agent ci`)
  expect([get.code, get.stderr]).toEqual([6, expect.stringContaining("LEASE_FAILED")])
  const run = await shell(`agent-vault run --agent ci -s ${NAME} -- true`)
  expect([run.code, run.stderr]).toEqual([125, expect.stringContaining("LEASE_FAILED")])
})

test("export hands out a token that lives on, and none that it could not write", async () => {
  const read = await shell(`agent-vault export -s ${NAME}=TOKEN --format dotenv --agent ci`)
  expect(read).toMatchObject({ stderr: "", code: 0 })
  expect(read.stdout).toContain(TOKEN)
  expect(issuer.live.has(TOKEN)).toBe(true)
  const full = await shell(
    `agent-vault export -s ${NAME}=TOKEN --format dotenv --agent ci >/dev/full`,
  )
  expect(full.code).not.toBe(0)
  expect([...issuer.live]).toEqual([TOKEN])
})

test("a program gets the token, which is redacted in what it writes, and ended after it", async () => {
  const ran = await shell(
    `agent-vault run -s ${NAME}=TOKEN --agent ci -- sh -c 'test "$TOKEN" = ${TOKEN} && echo "$TOKEN"'`,
  )
  expect(ran).toMatchObject({ stdout: `[REDACTED ${NAME}]\n`, code: 0 })
  expect(issuer.lines.at(-1)).toBe("DELETE /installation/token")
  expect(issuer.live.size).toBe(0)
  expect(await audited()).toEqual([
    "lease run allowed localhost",
    "read run allowed ",
    "lease-end run allowed localhost",
  ])
})

test("an end that fails is said after the outcome, and noted", async () => {
  const ran = await shell(
    `agent-vault run -s ${NAME} --agent ci -- sh -c 'echo done'; echo "code $?"`,
  )
  expect(ran.stdout).toBe("done\ncode 0\n")
  issuer.instead = (request, response) => {
    if (request.method === "DELETE") response.writeHead(500).end("no")
    else {
      const ends = new Date(Date.now() + 3_600_000).toISOString()
      response.writeHead(201).end(JSON.stringify({ token: TOKEN, expires_at: ends }))
    }
  }
  const failing = await shell(`agent-vault run -s ${NAME} --agent ci -- sh -c 'echo done >&2'`)
  expect(failing.code).toBe(0)
  expect(failing.stderr).toMatch(
    /^done\nnote: the lease of github\/token could not be ended \(it answers 500\): it lives until \S+Z\n$/,
  )
  expect((await audited()).at(-1)).toBe("lease-end run refused localhost")
})

test("an agent is not shown the key, and an owner who asks for it is", async () => {
  const agent = await shell(`agent-vault get ${NAME} --sealed --agent ci`)
  expect(agent).toMatchObject({ stdout: "", code: 4 })
  expect(agent.stderr).toContain("NOT_OWNER")
  expect(await audited()).toEqual(["refused cli refused "])
  const sealed = await shell(`agent-vault get ${NAME} --sealed --owner`)
  expect(sealed).toMatchObject({ stdout: APP_KEY, code: 0 })
  expect(issuer.asked).toEqual([])
})

test("reviewers see that a value is leased, otherwise, or no more", async () => {
  const list = await owner("agent-vault list")
  expect(list.stdout).toContain("github-app")
  const narrower = `${issuer.said} --with permissions=issues:write,contents:read --with repositories=web`
  const meta = await owner(`git tag before; agent-vault meta ${NAME} ${narrower}`)
  const host = new URL(issuer.url).host
  expect(meta.stderr).toContain(
    `~ Readers get a lease: github-app 12345/678 at ${host} (web; contents:read,issues:write)`,
  )
  await shell(`agent-vault get ${NAME} --agent ci`)
  expect(JSON.parse(issuer.asked[0]?.body ?? "")).toEqual({
    repositories: ["web"],
    permissions: { contents: "read", issues: "write" },
  })
  const none = await owner(`git tag narrow; agent-vault meta ${NAME} --lease none`)
  expect(none.stderr).toContain("~ Readers get what is sealed, as it is.")
  const check = await owner("agent-vault check --against narrow")
  expect(check.stdout).toContain(
    `lease      ${NAME} is handed out as it is sealed, and was leased: github-app 12345/678 at ${host} (web;`,
  )
  const history = await owner(`agent-vault history ${NAME}`)
  expect(history.stdout).toContain("lease")
})

test("under a harness, another lease waits for a person", async () => {
  const meta = await machine.shell(`CLAUDECODE=1 agent-vault meta ${NAME} --lease none`)
  expect(meta).toMatchObject({ code: 4, stdout: "" })
  expect(meta.stderr).toContain("UNCONFIRMED")
})

test("what is no key is not stored, and not repeated", async () => {
  writeFileSync(join(machine.home, "other.pem"), "no key at all")
  const set = await owner(`agent-vault set ${NAME} --from-file ~/other.pem`)
  expect(set).toMatchObject({ stdout: "", code: 2 })
  expect(set.stderr).toContain(
    "is leased as github-app, and what is sealed is not an RSA private key",
  )
  expect(set.stderr).not.toContain("no key at all")
  const list = await owner("agent-vault list --json")
  expect(list.stdout).toContain('"version": 1')
})

test("a new value is leased as the one before; a lease of what is no key fails", async () => {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 })
  const pem = privateKey.export({ type: "pkcs8", format: "pem" })
  writeFileSync(join(machine.home, "other.pem"), pem)
  await owner(`agent-vault set ${NAME} --from-file ~/other.pem`)
  const read = await shell(`agent-vault get ${NAME} --agent ci`)
  expect(read).toMatchObject({ stdout: "", code: 6 })
  expect(read.stderr).toContain("it answers 401")
  const earlier = await shell(`agent-vault get ${NAME}@1 --owner`)
  expect(earlier).toMatchObject({ stdout: "", code: 2 })
  const sealed = await shell(`agent-vault get ${NAME}@1 --sealed --owner`)
  expect(sealed.stdout).toBe(APP_KEY)
  writeFileSync(join(machine.home, "other.pem"), "no key at all")
  const none = await shell(
    `agent-vault set ${NAME} --from-file ~/other.pem --lease none &&
      agent-vault meta ${NAME} ${issuer.said} && agent-vault get ${NAME} --agent ci`,
  )
  expect(none).toMatchObject({ stdout: "", code: 6 })
  expect(none.stderr).toContain("is not an RSA private key in PEM")
  expect(none.stderr).not.toContain("no key at all")
  expect(issuer.asked).toHaveLength(1)
})

test("nothing is leased after a revoke, and the key lies in no file", async () => {
  await owner("agent-vault revoke ci github")
  const read = await shell(`agent-vault get ${NAME} --agent ci`)
  expect(read.code).toBe(4)
  expect(issuer.asked).toEqual([])
  expect(readFileSync(join(machine.home, "roots.pem"), "utf8")).not.toContain(KEY_LINE)
})
