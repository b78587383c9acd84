import { spawnSync } from "node:child_process"
import { cpSync, readFileSync, readdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { type Machine, vaultMachine } from "../cli/machine.js"

const bin = fileURLToPath(new URL("../../dist/cli/bin.cjs", import.meta.url))
let machine: Machine

beforeAll(async () => {
  machine = await vaultMachine()
})
afterAll(() => machine.remove())

/** A Node that lacks what a preloaded line takes away, as other runtimes lack it. */
function withLine(line: string, args: readonly string[], on = machine, input = "") {
  const preload = join(machine.home, "preload.cjs")
  writeFileSync(preload, line)
  const argv = ["--require", preload, bin, ...args]
  return spawnSync(process.execPath, argv, { cwd: on.repo, env: on.env, encoding: "utf8", input })
}

/** As Bun 1.4 answers, whose BoringSSL gives this cipher to TLS only. */
const NO_CHACHA = `
  const crypto = require("node:crypto")
  const lacking = (real) => (name, ...rest) => {
    if (name !== "chacha20-poly1305") return real(name, ...rest)
    throw Object.assign(new Error("Unknown cipher"), { code: "ERR_CRYPTO_UNKNOWN_CIPHER" })
  }
  crypto.createCipheriv = lacking(crypto.createCipheriv)
  crypto.createDecipheriv = lacking(crypto.createDecipheriv)`

const get = ["get", "stripe/api-key", "--agent", "ci"]

describe("without the cipher of age's stanzas", () => {
  test("everything is read and written all the same", async () => {
    const other = machine.copy()
    expect(withLine(NO_CHACHA, get, other)).toMatchObject({ stdout: "v", stderr: "", status: 0 })
    expect(withLine(NO_CHACHA, ["set", "stripe/new"], other, "made here").status).toBe(0)
    const { stdout } = await other.call(["get", "stripe/new", "--agent", "ci"])
    expect(stdout).toBe("made here")
    other.remove()
  })

  test("a file that was changed is refused as on any other runtime", async () => {
    const other = machine.copy()
    const folder = join(other.repo, ".agent-vault")
    cpSync(join(folder, "secrets/stripe/webhook.age"), join(folder, "secrets/stripe/api-key.age"))
    cpSync(join(folder, "groups/db.age"), join(folder, "groups/stripe.age"))
    const ran = withLine(NO_CHACHA, get, other)
    expect(ran).toMatchObject({ stdout: "", status: 5 })
    expect(ran.stderr).toBe((await other.call(get)).stderr)
    other.remove()
  })

  test("a key that a file is not sealed to does not open it", async () => {
    const other = machine.copy()
    const { code } = await other.call(["agent", "rekey", "ci"])
    expect(code).toBe(0)
    const old = keyFiles(other).find((file) => file.includes("ci.key.until")) ?? ""
    const ran = withLine(NO_CHACHA, [...get.slice(0, 2), "--identity", old], other)
    expect(ran).toMatchObject({ stdout: "", status: 4 })
    other.remove()
  })
})

/** A primitive that is not there, by each way in which runtimes say so. */
const LACKS = {
  "no X25519": `require("node:crypto").diffieHellman = () => {
    throw Object.assign(new Error("Unsupported"), { code: "ERR_CRYPTO_OPERATION_FAILED" })
  }`,
  "no keys of that kind": `require("node:crypto").createPrivateKey = () => {
    throw Object.assign(new Error("x"), { code: "ERR_OSSL_UNSUPPORTED" })
  }`,
  "no HMAC": `require("node:crypto").createHmac = () => {
    throw new Error("createHmac is not yet implemented")
  }`,
  "another result": `
    const { randomBytes } = require("node:crypto")
    const other = { update: () => other, digest: () => randomBytes(32) }
    require("node:crypto").createHmac = () => other`,
}

describe("without a primitive that nothing stands in for", () => {
  test.each(Object.entries(LACKS))("%s: the runtime is named, not the vault", (_name, line) => {
    const ran = withLine(line, get)
    expect(ran).toMatchObject({ stdout: "", status: 3 })
    expect(ran.stderr).toContain("agent-vault: RUNTIME_UNSUPPORTED: this runtime lacks")
    expect(ran.stderr).toContain("run it with Node")
  })
})

test("without HKDF everything is read; what signs names the runtime", () => {
  const line = `require("node:crypto").hkdfSync = () => {
    throw new Error("hkdfSync is not yet implemented")
  }`
  expect(withLine(line, get)).toMatchObject({ stdout: "v", stderr: "", status: 0 })
  const ran = withLine(line, ["set", "stripe/new"], machine, "made here")
  expect(ran).toMatchObject({ stdout: "", status: 3 })
  expect(ran.stderr).toContain("agent-vault: RUNTIME_UNSUPPORTED: this runtime lacks")
})

function keyFiles(of: Machine): string[] {
  const keys = join(of.home, ".config/agent-vault")
  const names = readdirSync(keys, { recursive: true, encoding: "utf8" })
  return names.map((name) => join(keys, name)).filter((file) => isKey(file))
}

function isKey(file: string): boolean {
  return file.includes(".key") && readFileSync(file, "utf8").includes("agent-vault key")
}
