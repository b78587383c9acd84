import { execFileSync } from "node:child_process"
import { cpSync, existsSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as delay } from "node:timers/promises"
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, vi } from "vitest"
import { openVault } from "../../src/core/index.js"
import { type Machine, type Ran, vaultMachine } from "../cli/machine.js"
import { testUnless } from "../needs.js"
import { BaoServer } from "./bao-server.js"
import { PostgresServer } from "./postgres-server.js"
import { noServers } from "./store-programs.js"

const NAME = "stripe/api-key"
const PATH = "database/creds/app"
/** Of a password, what ends the part of an address that it stands in. */
const HARD = `length = 24
rule "charset" { charset = "abcdefghijklmnopqrstuvwxyz0123456789" }
rule "charset" { charset = "/:@%?#&" min-chars = 7 }`
const TOKEN_RULES = { [PATH]: ["read"], "sys/leases/revoke": ["update"] }

let postgres: PostgresServer
let server: BaoServer
let machine: Machine

beforeAll(async () => {
  if (noServers !== undefined) return
  postgres = await PostgresServer.start()
  server = await BaoServer.start()
  await makeDatabase(server)
})
beforeEach(async () => {
  if (noServers !== undefined) return
  machine = await vaultMachine()
  trust(server)
})
afterEach(async () => {
  if (noServers !== undefined) return
  machine.remove()
  await server.make(`sys/leases/revoke-prefix/${PATH}`, { sync: true })
})
afterAll(async () => {
  await server?.stop()
  await postgres?.stop()
})

function trust({ authority }: BaoServer): void {
  const roots = join(machine.home, "roots.pem")
  cpSync(authority, roots)
  machine.env["SSL_CERT_FILE"] = roots
}

/** An engine that makes users of the database, for an hour. */
async function makeDatabase(where: BaoServer, namespace?: string): Promise<void> {
  const asking = namespace === undefined ? {} : { namespace }
  const make = (path: string, body: object) => where.make(path, body, [], asking)
  await make("sys/policies/password/hard", { policy: HARD })
  await make("sys/mounts/database", { type: "database" })
  await make("database/config/app", {
    plugin_name: "postgresql-database-plugin",
    allowed_roles: ["app"],
    connection_url: `postgres://{{username}}:{{password}}@${postgres.host}/postgres?sslmode=disable`,
    username: "postgres",
    password: postgres.password,
    password_policy: "hard",
  })
  const creation_statements = [`CREATE ROLE "{{name}}" WITH LOGIN PASSWORD '{{password}}'`]
  await make("database/roles/app", { db_name: "app", creation_statements, default_ttl: "1h" })
}

/** Seals what leases are taken with, and says how. */
async function lease(sealed: string, ...more: readonly string[]): Promise<Ran> {
  const value = `postgres://{username}:{password}@${postgres.host}/postgres`
  const said = [`endpoint=${server.url}`, `path=${PATH}`, `value=${value}`]
  const names = new Set(more.map((each) => each.split("=")[0]))
  const kept = said.filter((each) => !names.has(each.split("=")[0]))
  const words = [...kept, ...more].map((each) => `--with '${each}'`).join(" ")
  return machine.shell(`printf %s ${sealed} | agent-vault set ${NAME} --lease vault ${words}`)
}

/** An AppRole that may read one path, and what the server lets all do: its role id, and a secret id. */
async function appRole(terms: object = {}): Promise<readonly [string, string]> {
  await server.ask("POST", "sys/auth/approle", { type: "approle" })
  await server.make("sys/policies/acl/reads", {
    policy: JSON.stringify({ path: { [PATH]: { capabilities: ["read"] } } }),
  })
  const role = { token_policies: ["reads"], token_no_default_policy: false, token_ttl: "20m" }
  await server.make("auth/approle/role/agents", { ...role, ...terms })
  const { body } = await server.ask("GET", "auth/approle/role/agents/role-id")
  const { data } = JSON.parse(body.toString()) as { data: { role_id: string } }
  const secret = await server.make("auth/approle/role/agents/secret-id", {}, ["data", "secret_id"])
  return [data.role_id, secret]
}

/** The users that the database has, but for the admin. */
const users = (): string =>
  postgres.query("select rolname from pg_roles where rolcanlogin and rolname <> 'postgres'")

/** How many leases the server looks after. */
async function leases(): Promise<number> {
  const { status, body } = await server.ask("LIST", `sys/leases/lookup/${PATH}`)
  if (status === 404) return 0
  return (JSON.parse(body.toString()) as { data: { keys: unknown[] } }).data.keys.length
}

async function tokens(): Promise<number> {
  const { body } = await server.ask("LIST", "auth/token/accessors")
  return (JSON.parse(body.toString()) as { data: { keys: unknown[] } }).data.keys.length
}

const run = (script: string): Promise<Ran> => {
  writeFileSync(join(machine.home, "script"), script)
  return machine.shell(
    `agent-vault run -s ${NAME}=DATABASE_URL --agent ci -- sh ${machine.home}/script`,
  )
}

/** Logs in to the database, and keeps how, where the test finds it. */
const logsIn = (): string =>
  `printf %s "$DATABASE_URL" > "$HOME/kept"; ${postgres.psql} -qAtX "$DATABASE_URL" -c 'select 1 + 1'`

/** Whether what the program kept still lets anybody in. */
function isLetIn(): boolean {
  const url = readFileSync(join(machine.home, "kept"), "utf8")
  expect(url).toMatch(/^postgres:\/\/v-[^:@/]+:[^:@/?#&]+@127/)
  try {
    execFileSync(postgres.psql, ["-qAtX", url, "-c", "select 1"], { stdio: "pipe" })
    return true
  } catch {
    return false
  }
}

async function audited(): Promise<string[]> {
  const { stdout } = await machine.shell("cat ~/.local/state/agent-vault/*/audit/agents/ci.jsonl")
  const lines = stdout.trimEnd().split("\n")
  const events = lines.map((line) => JSON.parse(line) as { event: string; decision?: string })
  return events.filter(({ event }) => event.startsWith("lease")).map(({ event }) => event)
}

describe("a user of a database lives as long as the program", () => {
  testUnless(noServers, "for a token", async () => {
    await lease(await server.tokenFor(TOKEN_RULES))
    const ran = await run(logsIn())
    expect(ran).toEqual({ stdout: "2\n", stderr: "", code: 0 })
    expect(isLetIn()).toBe(false)
    expect(users()).toBe("")
    expect(await leases()).toBe(0)
    expect(await audited()).toEqual(["lease", "lease-end"])
  })

  testUnless(noServers, "for an AppRole, whose token ends too", async () => {
    const [role, secret] = await appRole()
    await lease(secret, `role=${role}`)
    const before = await tokens()
    const ran = await run(logsIn())
    expect(ran).toEqual({ stdout: "2\n", stderr: "", code: 0 })
    expect(await tokens()).toBe(before)
    // The server ends by itself what a token had, a moment later.
    await expect.poll(leases).toBe(0)
    expect(isLetIn()).toBe(false)
    expect(users()).toBe("")
  })

  testUnless(noServers, "in a namespace", async () => {
    await server.make("sys/namespaces/team", {})
    await makeDatabase(server, "team")
    const token = await server.tokenFor(TOKEN_RULES, { namespace: "team" })
    await lease(token, "namespace=team")
    const ran = await run(logsIn())
    expect(ran).toEqual({ stdout: "2\n", stderr: "", code: 0 })
    expect(isLetIn()).toBe(false)
    expect(users()).toBe("")
  })

  testUnless(noServers, "and on where `get` handed it out, until the server ends it", async () => {
    await lease(await server.tokenFor(TOKEN_RULES))
    const read = await machine.shell(`agent-vault get ${NAME} --agent ci > ~/kept`)
    expect(read).toMatchObject({ stderr: "", code: 0 })
    expect(isLetIn()).toBe(true)
    expect(await leases()).toBe(1)
    await server.make(`sys/leases/revoke-prefix/${PATH}`, { sync: true })
    expect(isLetIn()).toBe(false)
  })
})

testUnless(noServers, "a reader that lives on takes another in time, and ends both", async () => {
  await lease(await server.tokenFor(TOKEN_RULES), "value={username}")
  const vault = await openVault({ dir: machine.repo, agent: "ci", env: machine.env })
  const got = async (): Promise<string> => (await vault.get(NAME)).reveal()
  const first = await got()
  expect(await got()).toBe(first)
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 56 * 60_000 })
  const second = await got()
  expect(users().split("\n").sort()).toEqual([first, second].sort())
  await vault.close()
  vi.useRealTimers()
  expect(users()).toBe("")
  expect(await leases()).toBe(0)
})

/** Nothing leaves, nothing begins, and no user is made. */
async function refused(why: string): Promise<void> {
  const read = await machine.shell(`agent-vault get ${NAME} --agent ci`)
  expect(read).toMatchObject({ stdout: "", code: 6 })
  expect(read.stderr).toContain(`has no lease from ${new URL(server.url).host}: ${why}`)
  expect(await run("echo began")).toMatchObject({ stdout: "", code: 125 })
  expect(users()).toBe("")
  expect(await leases()).toBe(0)
}

describe("what is told, and nothing else, where the server", () => {
  testUnless(noServers, "does not let the token read that", async () => {
    await lease(await server.tokenFor({ "database/creds/other": ["read"] }))
    await refused("it answers 403")
  })

  testUnless(noServers, "has revoked the token", async () => {
    const token = await server.tokenFor(TOKEN_RULES)
    await lease(token)
    await server.make("auth/token/revoke", { token })
    await refused("it answers 403")
  })

  testUnless(noServers, "has another secret id", async () => {
    const [role] = await appRole()
    await lease("not-a-real-secret-id", `role=${role}`)
    await refused("it answers 400 to the login")
  })

  testUnless(noServers, "has no such role, and the login is over", async () => {
    const [role, secret] = await appRole()
    const before = await tokens()
    await lease(secret, `role=${role}`, "path=database/creds/none")
    await refused("it answers 403")
    expect(await tokens()).toBe(before)
  })

  testUnless(noServers, "has no lease there", async () => {
    await server.make("secret/data/app", { data: { username: "u", password: "p" } })
    await lease(await server.tokenFor({ "secret/data/app": ["read"] }), "path=secret/data/app")
    await refused("what is read there is no lease, and would not end")
  })

  testUnless(noServers, "gives other fields, and what it gave is ended", async () => {
    await lease(await server.tokenFor(TOKEN_RULES), "value={token}")
    await refused("it answers without a field token")
  })

  testUnless(noServers, "is none that this machine trusts", async () => {
    await lease(await server.tokenFor(TOKEN_RULES))
    delete machine.env["SSL_CERT_FILE"]
    const read = await machine.shell(`agent-vault get ${NAME} --agent ci`)
    expect(read).toMatchObject({ stdout: "", code: 6 })
    expect(users()).toBe("")
  })
})

describe("an end that fails is said, with how long the lease lives, where", () => {
  const NOTE =
    /^note: the lease of stripe\/api-key could not be ended \((.*)\): it lives until \S+Z\n$/

  testUnless(noServers, "the token may not end it", async () => {
    await lease(await server.tokenFor({ [PATH]: ["read"] }))
    const ran = await run(logsIn())
    expect(ran).toMatchObject({ stdout: "2\n", code: 0 })
    expect(NOTE.exec(ran.stderr)?.[1]).toBe("it answers 403")
    expect(isLetIn()).toBe(true)
  })

  testUnless(noServers, "an AppRole has not even the server's default policy", async () => {
    const [role, secret] = await appRole({ token_no_default_policy: true })
    await lease(secret, `role=${role}`)
    const ran = await run(logsIn())
    expect(ran).toMatchObject({ stdout: "2\n", code: 0 })
    expect(NOTE.exec(ran.stderr)?.[1]).toBe("it answers 403")
  })

  testUnless(noServers, "the server is down by then", async () => {
    const gone = await BaoServer.start()
    await makeDatabase(gone)
    trust(gone)
    await lease(await gone.tokenFor(TOKEN_RULES), `endpoint=${gone.url}`)
    const running = run(`${logsIn()}; touch ~/in; until test -e ~/down; do sleep 0.05; done`)
    while (!existsSync(join(machine.home, "in"))) await delay(20)
    await gone.stop()
    writeFileSync(join(machine.home, "down"), "")
    const ran = await running
    expect(ran).toMatchObject({ stdout: "2\n", code: 0 })
    expect(NOTE.exec(ran.stderr)?.[1]).toMatch(/^cannot reach localhost:\d+: ECONNREFUSED$/)
    expect(isLetIn()).toBe(true)
    postgres.query(
      users()
        .split("\n")
        .map((name) => `drop role "${name}"`)
        .join(";"),
    )
  })
})
