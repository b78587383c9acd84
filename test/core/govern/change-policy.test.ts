import { existsSync, readFileSync, rmSync } from "node:fs"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { findVault } from "../../../src/core/index.js"
import {
  addOwner,
  apply,
  inspect,
  removeOwner,
  removePolicy,
  setPolicy,
} from "../../../src/core/owner.js"
import { generateIdentity, recipientOf } from "../../../src/core/age/age.js"
import { digestOf } from "../../../src/core/records/record.js"
import { signingKey } from "../../../src/core/records/signature.js"
import { type World, outcome, vaultWorld } from "../world.js"

const WISH = ".agent-vault/policy.yaml"
const ALLOW = `version: 1
rules:
  - { name: granted, when: "true", effect: allow }
`
const DENY = `${ALLOW}  - { name: not the key, when: secret.name == "stripe/api-key", effect: deny }
`
const CASE = `cases:
  - name: the key stays here
    given: { agent: ci, door: run, secret: stripe/api-key }
    expect: deny
`

let world: World

beforeEach(async () => {
  world = await vaultWorld()
})
afterEach(() => world.remove())

async function sign(rules: string) {
  return setPolicy(await world.request(), { file: "rules.yaml", bytes: Buffer.from(rules) })
}

async function findings(): Promise<readonly string[]> {
  const { env, now, identity: key } = await world.request()
  const { findings: found } = await inspect({ place: findVault(world.top), key, env, now })
  return found.map(({ code, subject }) => `${code} ${subject}`)
}

function text(path: string): string {
  return readFileSync(join(world.top, path), "utf8")
}

describe("a policy that is signed", () => {
  test("is one commit, and leaves nothing to do", async () => {
    const { result, files } = await sign(DENY + CASE)
    expect(result).toMatchObject({ rules: 2, cases: 1, plan: { is: "new", lost: [] } })
    expect(files).toEqual(["policy.json", "policy.yaml", "vault.json"])
    expect(text(WISH)).toBe(DENY + CASE)
    expect(world.git("status", "--porcelain")).toBe("")
    expect(await findings()).toEqual([])
    expect(await world.tryRead("ci", "stripe/api-key")).toBe("POLICY_REFUSED")
    expect(await world.tryRead("ci", "stripe/webhook")).toBe("hook")
  })

  test("and signed again changes nothing; other cases change policy.yaml alone", async () => {
    await sign(DENY)
    const { result, commit } = await sign(DENY)
    expect([result.plan, commit]).toEqual([undefined, undefined])
    expect((await sign(DENY + CASE)).files).toEqual(["policy.yaml"])
  })

  test("leaves every other change of the vault as it was", async () => {
    await sign(DENY)
    await world.set("stripe/webhook", "newer")
    await world.revoke("ci", "stripe")
    await world.grant("ci", "stripe")
    await world.addAgent("more")
    expect(await world.tryRead("ci", "stripe/webhook")).toBe("newer")
    expect(await world.tryRead("ci", "stripe/api-key")).toBe("POLICY_REFUSED")
    expect(await findings()).toEqual([])
  })

  test("goes with its wish, and then there is none", async () => {
    await sign(DENY)
    const { files } = await removePolicy(await world.request())
    expect(files).toEqual(["policy.json", "policy.yaml", "vault.json"])
    expect(JSON.parse(text(".agent-vault/vault.json"))).toMatchObject({ format: 1, serial: 3 })
    expect(await world.tryRead("ci", "stripe/api-key")).toBe("old")
    expect(await findings()).toEqual([])
    expect(await outcome(removePolicy(await world.request()))).toBe("USAGE")
  })

  test("is not signed where a case comes out otherwise, or a condition is none", async () => {
    for (const bad of [
      ALLOW + CASE,
      ALLOW.replace('"true"', '"agent"'),
      ALLOW.replace('"true"', `'request.path.matches("a")'`),
      ALLOW.replace("allow", "permit"),
      ALLOW.replace("version: 1", "version: 2"),
      `${ALLOW}more: 1\n`,
      `${DENY}  - { name: granted, when: "false", effect: deny }\n`,
      "version: 1\nrules: []\n",
      "version: 1\nrules: &a [*a]\n",
      "",
      `${ALLOW}cases: [{ name: a, given: { agent: ci, secret: nope }, expect: allow }]\n`,
      `${ALLOW}cases: [{ name: a, given: { agent: ci, secret: a/b, door: tor }, expect: allow }]\n`,
      `${ALLOW}cases: [{ name: a, given: { agent: ci, secret: a/b, labels: x }, expect: allow }]\n`,
      `${ALLOW}cases: [{ name: a, given: { agent: ci, secret: a/b, request: GET x }, expect: allow }]\n`,
    ]) {
      expect(await outcome(sign(bad)), bad).toBe("CONFIG_INVALID")
    }
    expect(existsSync(join(world.top, ".agent-vault/policy.json"))).toBe(false)
    expect(world.git("status", "--porcelain")).toBe("")
  })
})

describe("policy.yaml, edited by hand", () => {
  test("is signed as it lies there, committed or not", async () => {
    world.write(WISH, DENY)
    expect(await findings()).toEqual(["PENDING policy.yaml"])
    await setPolicy(await world.request())
    expect(await world.tryRead("ci", "stripe/api-key")).toBe("POLICY_REFUSED")
    world.write(WISH, ALLOW)
    // An edit that waits is swept into no other change.
    await world.set("stripe/webhook", "newer")
    expect(world.git("status", "--porcelain")).toBe(" M .agent-vault/policy.yaml")
    await setPolicy(await world.request())
    expect(await world.tryRead("ci", "stripe/api-key")).toBe("old")
    expect([world.git("status", "--porcelain"), await findings()]).toEqual(["", []])
  })

  test("is not written over by another file", async () => {
    await sign(DENY)
    world.write(WISH, ALLOW)
    expect(await outcome(sign(DENY + CASE))).toBe("VAULT_DIRTY")
    expect(text(WISH)).toBe(ALLOW)
  })

  test("is signed by apply, which shows it, once it is committed", async () => {
    world.commit(WISH, DENY)
    const request = await world.request()
    const planned = await apply({ ...request, dryRun: true })
    expect(planned.result.plan.policy).toMatchObject({ is: "new", gained: [{}, {}] })
    expect(await world.tryRead("ci", "stripe/api-key")).toBe("old")
    world.commit(WISH, ALLOW)
    expect(await outcome(apply(request, planned.result.plan.id))).toBe("PLAN_CHANGED")
    world.commit(WISH, DENY)
    await apply(request, planned.result.plan.id)
    expect(await world.tryRead("ci", "stripe/api-key")).toBe("POLICY_REFUSED")
    expect((await apply({ ...request, dryRun: true })).files).toEqual([])
  })

  test("takes no policy away by being lost", async () => {
    await sign(DENY)
    world.git("rm", "--quiet", WISH)
    world.git("commit", "--quiet", "-m", "lost")
    await apply(await world.request())
    expect(await world.tryRead("ci", "stripe/api-key")).toBe("POLICY_REFUSED")
    expect(await findings()).toEqual(["PENDING policy.yaml"])
    expect(await outcome(setPolicy(await world.request()))).toBe("USAGE")
  })

  test("that is broken stops apply, and no reader", async () => {
    await sign(DENY)
    world.commit(WISH, "version: 1\n")
    expect(await outcome(world.apply())).toBe("CONFIG_INVALID")
    expect(await findings()).toEqual(["CONFIG_INVALID policy.yaml"])
    expect(await world.tryRead("ci", "stripe/webhook")).toBe("hook")
  })
})

test("stays when an owner leaves, whose removal signs vault.json anew", async () => {
  await sign(DENY)
  const identity = await generateIdentity("x25519")
  const { signer } = signingKey(identity)
  const { vault } = JSON.parse(text(".agent-vault/vault.json")) as { vault: string }
  const joining = { vault, owner: "bob", recipient: await recipientOf(identity), signer }
  await addOwner({ ...(await world.request()), joining })
  await removeOwner({ ...(await world.request()), owner: "bob" })
  expect(await findings()).not.toContainEqual(expect.stringContaining("vault.json"))
  const signed = JSON.parse(text(".agent-vault/vault.json")) as { policy?: string }
  expect(signed.policy).toBe(digestOf(readFileSync(join(world.top, ".agent-vault/policy.json"))))
})

test("undoing a policy that was never published is the user's own to undo", async () => {
  expect(await world.tryRead("ci", "stripe/api-key")).toBe("old")
  await sign(DENY)
  expect(await world.tryRead("ci", "stripe/api-key")).toBe("POLICY_REFUSED")
  world.git("reset", "--quiet", "--hard", "HEAD~1")
  expect(await world.tryRead("ci", "stripe/api-key")).toBe("old")
})

test("a vault without a policy reads no file of one", async () => {
  world.write(".agent-vault/policy.json", "not a policy")
  expect(await world.tryRead("ci", "stripe/api-key")).toBe("old")
  rmSync(join(world.top, ".agent-vault/policy.json"))
  const before = text(".agent-vault/vault.json")
  expect(JSON.parse(before)).not.toHaveProperty("policy")
})
