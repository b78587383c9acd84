import { afterAll, afterEach, beforeAll, beforeEach, describe, expect } from "vitest"
import { type Machine, type Ran, vaultMachine } from "../cli/machine.js"
import { testUnless } from "../needs.js"
import { BaoServer } from "./bao-server.js"
import { giveVault, noServers } from "./store-programs.js"

const NAME = "stripe/api-key"
const VALUE = "not-a-real-größe 💶\n"

let server: BaoServer
let machine: Machine

beforeAll(async () => {
  if (noServers !== undefined) return
  server = await BaoServer.start()
  await server.make("sys/mounts/old", { type: "kv", options: { version: "1" } })
})
beforeEach(async () => {
  if (noServers !== undefined) return
  machine = await vaultMachine()
  giveVault(machine)
  Object.assign(machine.env, {
    VAULT_ADDR: server.url,
    VAULT_CACERT: server.authority,
    VAULT_TOKEN: server.root,
    VAULT_MAX_RETRIES: "0",
  })
  await server.make("secret/data/stripe", { data: { key: VALUE, port: 5432, live: true } })
  await server.make("old/team/stripe", { key: VALUE, port: 5432, data: "of-its-own" })
})
afterEach(() => machine?.remove())
afterAll(() => server?.stop())

/** Says where the value lies, and agrees to it, as the person of this machine. */
async function lies(reference: string): Promise<void> {
  const set = await machine.shell(`agent-vault set ${NAME} --source ${reference} --keep 0`)
  expect(set).toMatchObject({ code: 0 })
  const [, fingerprint = ""] = /--agree ([0-9a-f]{32})/.exec((await get()).stderr) ?? []
  await get(`--agree ${fingerprint} > /dev/null`)
}

const get = (more = ""): Promise<Ran> => machine.shell(`agent-vault get ${NAME} --agent ci ${more}`)

/** Nothing leaves, nothing begins, and nothing of the value is told. */
async function leavesNothing(why: string): Promise<void> {
  const read = await get()
  expect(read).toMatchObject({ stdout: "", code: 6 })
  expect(read.stderr).toContain("SOURCE_FAILED")
  expect(read.stderr).toContain(why)
  const ran = await machine.shell(`agent-vault run -s ${NAME} --agent ci -- echo began`)
  expect(ran).toMatchObject({ stdout: "", code: 125 })
  expect(read.stderr + ran.stderr).not.toContain("größe")
}

describe("a value of the key/value engine", () => {
  testUnless(noServers, "is asked for only once somebody agreed, and is its bytes", async () => {
    await machine.shell(`agent-vault set ${NAME} --source vault://secret/stripe#key --keep 0`)
    const before = await get()
    expect(before).toMatchObject({ stdout: "", code: 4 })
    const [, fingerprint = ""] = /--agree ([0-9a-f]{32})/.exec(before.stderr) ?? []
    expect(await get(`--agree ${fingerprint}`)).toEqual({ stdout: VALUE, stderr: "", code: 0 })
    expect(await get()).toEqual({ stdout: VALUE, stderr: "", code: 0 })
  })

  testUnless(noServers, "is one of its first version too, in folders", async () => {
    await lies("vault://old/team/stripe#key")
    expect((await get()).stdout).toBe(VALUE)
    await lies("vault://old/team/stripe#data")
    expect((await get()).stdout).toBe("of-its-own")
  })

  testUnless(noServers, "is digits where it is a number, and none where it is a yes", async () => {
    for (const path of ["secret/stripe", "old/team/stripe"]) {
      await lies(`vault://${path}#port`)
      expect((await get()).stdout).toBe("5432")
    }
    await lies("vault://secret/stripe#live")
    await leavesNothing("what is there is neither text nor a whole number")
  })

  testUnless(noServers, "goes to a program, and not into its output", async () => {
    await lies("vault://secret/stripe#key")
    const ran = await machine.shell(
      `agent-vault run -s ${NAME} --agent ci -- sh -c 'printf %s "$STRIPE_API_KEY"; printf %s "$STRIPE_API_KEY" | wc -c'`,
    )
    expect(ran.stdout).toContain(`${Buffer.byteLength(VALUE)}\n`)
    expect(ran.stdout).not.toContain("größe")
  })

  testUnless(noServers, "is the newest version, and none when that is deleted", async () => {
    await lies("vault://secret/stripe#key")
    await server.make("secret/data/stripe", { data: { key: "newer" } })
    expect((await get()).stdout).toBe("newer")
    const { stdout } = await machine.shell("vault kv metadata get -format=json secret/stripe")
    const { data } = JSON.parse(stdout) as { data: { current_version: number } }
    const versions = { versions: [data.current_version] }
    await server.make("secret/delete/stripe", versions)
    await leavesNothing("there is nothing of that name")
    await server.make("secret/undelete/stripe", versions)
    expect((await get()).stdout).toBe("newer")
    await server.make("secret/destroy/stripe", versions)
    await leavesNothing("there is nothing of that name")
  })

  testUnless(noServers, "is one of a namespace, as the environment says", async () => {
    await server.make("sys/namespaces/team", {})
    const inTeam = { namespace: "team" }
    await server.make("sys/mounts/kv", { type: "kv", options: { version: "2" } }, [], inTeam)
    await server.make("kv/data/stripe", { data: { key: "of-the-team" } }, [], inTeam)
    machine.env["VAULT_NAMESPACE"] = "team"
    await lies("vault://kv/stripe#key")
    expect((await get()).stdout).toBe("of-the-team")
    delete machine.env["VAULT_NAMESPACE"]
    await leavesNothing("vault ended with 2")
  })
})

describe("whoever is signed in", () => {
  testUnless(noServers, "by vault login, with no token in the environment", async () => {
    delete machine.env["VAULT_TOKEN"]
    const login = await machine.shell(`echo ${server.root} | vault login -no-print -`)
    expect(login.code).toBe(0)
    await lies("vault://secret/stripe#key")
    expect((await get()).stdout).toBe(VALUE)
  })

  testUnless(noServers, "needs no more than to read that path", async () => {
    machine.env["VAULT_TOKEN"] = await server.tokenFor({ "secret/data/stripe": ["read"] })
    await lies("vault://secret/stripe#key")
    expect((await get()).stdout).toBe(VALUE)
    await lies("vault://old/team/stripe#key")
    await leavesNothing("vault ended with 2")
  })

  testUnless(noServers, "reads nothing once the token is revoked", async () => {
    const token = await server.tokenFor({ "secret/data/stripe": ["read"] })
    machine.env["VAULT_TOKEN"] = token
    await lies("vault://secret/stripe#key")
    await server.make("auth/token/revoke", { token })
    await leavesNothing("vault ended with 2")
  })
})

describe("nothing leaves", () => {
  testUnless(noServers, "where there is no such secret, field or engine", async () => {
    for (const [reference, why] of [
      ["vault://secret/none#key", "vault ended with 2"],
      ["vault://none/stripe#key", "vault ended with 2"],
      ["vault://secret/stripe#none", "there is nothing of that name"],
      ["vault://secret/stripe#metadata", "there is nothing of that name"],
      ["vault://old/team/stripe#none", "there is nothing of that name"],
    ] as const) {
      await lies(reference)
      await leavesNothing(why)
    }
  })

  testUnless(noServers, "where the server proves nothing", async () => {
    await lies("vault://secret/stripe#key")
    delete machine.env["VAULT_CACERT"]
    await leavesNothing("vault ended with 2")
  })

  testUnless(noServers, "where the server is down", async () => {
    await lies("vault://secret/stripe#key")
    const down = await BaoServer.start()
    machine.env["VAULT_ADDR"] = down.url
    await down.stop()
    await leavesNothing("vault ended with 2")
  })
})
