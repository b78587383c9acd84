import { readFileSync, rmSync } from "node:fs"
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest"
import { generateIdentity } from "../../src/core/age/age.js"
import { encodePolicy } from "../../src/core/policy/policy-rules.js"
import { digestOf } from "../../src/core/records/record.js"
import { type SigningKey, signingKey } from "../../src/core/records/signature.js"
import {
  type Answer,
  type Arena,
  type Machine,
  VALUES,
  copyMachine,
  giveKey,
  makeArena,
  newMachine,
  vaultIdOf,
} from "./arena.js"

// Mallory can push and holds no owner's key. The policy refuses ci a secret; she wants it to get it.

const POLICY = "policy.json"
const RULES = `version: 1
rules:
  - { name: granted, when: "true", effect: allow }
  - { name: not the key, when: secret.name == "stripe/api-key", effect: deny }
`
const LOOSE = [{ name: "granted", when: "true", effect: "allow" } as const]
const GET = ["get", "stripe/api-key", "--agent", "ci"]
const OTHER = ["get", "stripe/webhook", "--agent", "ci"]
/** Types the letters that are shown. */
const LETTERS: Answer = ["type ", "LETTERS"]

let arena: Arena
let ci: Machine
let key: SigningKey

beforeAll(async () => {
  arena = await makeArena()
  const { alice } = arena
  alice.write("rules.yaml", RULES)
  expect(alice.run(["policy", "set", "rules.yaml", "--yes"])).toMatchObject({ code: 0 })
  alice.publish()
  arena.ci.pull()
  expect(arena.ci.code(GET)).toBe("4 POLICY_REFUSED")
  expect(arena.ci.code(OTHER, { shows: true })).toBe("0 ok")
  key = signingKey(await generateIdentity("x25519"))
})
afterAll(() => arena.remove())
beforeEach(() => {
  ci = copyMachine(arena.ci)
})
afterEach(() => ci.remove())

type Attack = readonly [name: string, attack: (m: Machine) => void, get: string, check: string]

const ATTACKS: readonly Attack[] = [
  [
    "policy.json is removed",
    (m) => rmSync(m.path(POLICY)),
    "5 DIGEST_MISMATCH",
    "REFUSED  DIGEST_MISMATCH  policy.json is missing",
  ],
  [
    "policy.json has a rule less",
    (m) => m.put(POLICY, encodePolicy(vaultIdOf(m), LOOSE)),
    "5 DIGEST_MISMATCH",
    "REFUSED  DIGEST_MISMATCH  policy.json is not the one that an owner signed",
  ],
  [
    "policy.json has a byte more",
    (m) => m.put(POLICY, `${readFileSync(m.path(POLICY), "utf8")}\n`),
    "5 DIGEST_MISMATCH",
    "REFUSED  DIGEST_MISMATCH",
  ],
  [
    "vault.json says that there is none",
    (m) => {
      rmSync(m.path(POLICY))
      const { policy: _policy, ...record } = m.vaultRecord()
      m.put("vault.json", JSON.stringify(record))
      m.alter("vault.json", { format: 1 })
    },
    "5 SIGNATURE_INVALID",
    "SIGNATURE_INVALID",
  ],
  [
    "vault.json names hers",
    (m) => {
      const bytes = encodePolicy(vaultIdOf(m), LOOSE)
      m.put(POLICY, bytes)
      m.alter("vault.json", { policy: digestOf(bytes) })
    },
    "5 SIGNATURE_INVALID",
    "SIGNATURE_INVALID",
  ],
  [
    "vault.json names hers, and is signed by her",
    (m) => {
      const bytes = encodePolicy(vaultIdOf(m), LOOSE)
      m.put(POLICY, bytes)
      m.forge("vault.json", { policy: digestOf(bytes), serial: 99 }, key)
    },
    "5 SIGNATURE_INVALID",
    "SIGNATURE_INVALID",
  ],
  [
    "vault.json has a policy, and is called one of format 1",
    (m) => m.alter("vault.json", { format: 1 }),
    "5 RECORD_INVALID",
    "RECORD_INVALID",
  ],
  [
    "vault.json and policy.json are those from before",
    (m) => {
      // What was seen is kept by the path of a clone.
      m.code(GET)
      m.git("checkout", "HEAD~2", "--", ".agent-vault/vault.json")
      rmSync(m.path(POLICY))
    },
    "5 ROLLED_BACK",
    "REFUSED  ROLLED_BACK  vault.json was set back",
  ],
]

test.each(ATTACKS)("%s: no value leaves", (_name, attack, get, check) => {
  attack(ci)
  ci.arrive()
  expect(ci.code(GET)).toBe(get)
  expect(ci.code(OTHER)).toBe(get)
  const run = ci.code(["run", "-s", "stripe/webhook", "--agent", "ci", "--", "true"])
  expect(run).toBe(`12${get}`)
  const checked = ci.run(["check", "--agent", "ci"])
  expect(checked.code).toBe(5)
  expect(checked.stdout + checked.stderr).toContain(check)
})

test("an earlier policy of the owner's is not accepted in the place of the present one", () => {
  const { alice } = arena
  const machine = copyMachine(alice)
  machine.write(
    "rules.yaml",
    `${RULES}  - { name: nor the hook, when: secret.name == "stripe/webhook", effect: deny }\n`,
  )
  expect(machine.code(["policy", "set", "rules.yaml", "--yes"])).toBe("0 ok")
  machine.git("checkout", "HEAD~1", "--", ".agent-vault/policy.json")
  machine.arrive()
  expect(machine.code(OTHER)).toBe("5 DIGEST_MISMATCH")
  // With the vault.json that named it, it is older than what this clone has seen.
  machine.git("checkout", "HEAD~2", "--", ".agent-vault/vault.json")
  machine.arrive()
  expect(machine.code(OTHER)).toBe("5 ROLLED_BACK")
  expect(machine.run(["check", "--history"]).stdout).toContain("vault.json")
  machine.remove()
})

test("a policy that no vault.json names is no policy, and check says so", async () => {
  const fresh = await makeArena()
  const { alice } = fresh
  alice.put(POLICY, encodePolicy(vaultIdOf(alice), [{ ...LOOSE[0], effect: "deny" } as never]))
  alice.arrive()
  expect(alice.code(GET, { shows: true })).toBe("0 ok")
  expect(alice.run(["check"]).stdout).toContain("STRAY_FILE  policy.json")
  fresh.remove()
})

test("policy.yaml is a wish: what she writes there lets nothing out until an owner signs it", () => {
  ci.put("policy.yaml", RULES.replace("deny", "allow"))
  ci.arrive()
  expect(ci.code(GET)).toBe("4 POLICY_REFUSED")
  expect(ci.run(["check"]).stdout).toContain("PENDING  policy.yaml: wishes another policy")
  rmSync(ci.path("policy.yaml"))
  ci.arrive()
  expect(ci.code(GET)).toBe("4 POLICY_REFUSED")
  expect(ci.run(["check"]).stdout).toContain("PENDING  policy.yaml: is missing")
})

test("an agent signs no policy, and takes none away", () => {
  ci.write("loose.yaml", RULES.replace("deny", "allow"))
  expect(ci.code(["policy", "set", "loose.yaml", "--yes", "--agent", "ci"])).toBe("4 NOT_OWNER")
  expect(ci.code(["policy", "remove", "--yes", "--agent", "ci"])).toBe("4 NOT_OWNER")
  expect(ci.code(["policy", "set", "loose.yaml", "--yes"])).toBe("3 KEY_NOT_FOUND")
})

test("an owner who acts under an agent's harness is asked for by a person", () => {
  const machine = copyMachine(arena.alice)
  const env = { CLAUDECODE: "1" }
  machine.write("loose.yaml", RULES.replace("deny", "allow"))
  expect(machine.code(["policy", "set", "loose.yaml", "--yes"], { env })).toBe("4 UNCONFIRMED")
  expect(machine.code(["policy", "remove", "--yes"], { env })).toBe("4 UNCONFIRMED")
  expect(machine.code(GET)).toBe("4 POLICY_REFUSED")
  machine.remove()
})

test("a pull request that changes the policy says so, with an owner's signature", () => {
  const machine = copyMachine(arena.alice)
  expect(machine.code(["policy", "remove", "--yes"])).toBe("0 ok")
  const { stdout } = machine.run(["check", "--against", "HEAD~1"])
  expect(stdout).toContain("policy     it was taken away, by an owner's signature")
  expect(stdout).toContain("policy     no longer: deny not the key")
  machine.remove()
})

test("a clone that never saw the vault asks the policy as well", () => {
  const other = newMachine(arena, "another")
  giveKey(arena.alice, other, "ci")
  expect(other.code(GET)).toBe("4 POLICY_REFUSED")
  expect(other.code(OTHER, { shows: true })).toBe("0 ok")
  // Owners sign the policy, and are not asked about.
  expect(arena.alice.run(["get", "stripe/api-key", "--owner"], { shows: true }).stdout).toBe(
    VALUES["stripe/api-key"],
  )
})

test("a program that is too old for the policy reads nothing by it", () => {
  ci.alter("vault.json", { format: 99 })
  ci.arrive()
  expect(ci.code(GET)).toBe("3 FORMAT_NEWER")
  expect(ci.code(OTHER)).toBe("3 FORMAT_NEWER")
})

test("where two owners changed it at once, a merge signs neither", async () => {
  const fresh = await makeArena()
  const { alice } = fresh
  const bob = newMachine(fresh, "second", alice)
  bob.write("rules.yaml", RULES)
  alice.write("rules.yaml", RULES.replace("api-key", "webhook"))
  const set = ["policy", "set", "rules.yaml", "--yes"]
  expect([alice.code(set), bob.code([...set, "--owner"])]).toEqual(["0 ok", "0 ok"])
  expect(alice.code(["sync", "--owner"])).toBe("0 ok")
  const before = bob.snapshot()
  const synced = bob.run(["sync", "--owner"])
  expect(synced).toMatchObject({ code: 6 })
  expect(synced.stderr).toContain("both sides changed the owners of the vault, or its policy")
  expect(bob.snapshot()).toEqual(before)
  fresh.remove()
})

test("a policy that one side changed merges with what the other one did", async () => {
  const fresh = await makeArena()
  const { alice } = fresh
  const bob = newMachine(fresh, "second", alice)
  bob.write("rules.yaml", RULES)
  expect(bob.code(["policy", "set", "rules.yaml", "--yes", "--owner"])).toBe("0 ok")
  expect(alice.code(["set", "stripe/webhook"], { stdin: "newer" })).toBe("0 ok")
  expect(alice.code(["sync", "--owner"])).toBe("0 ok")
  expect(bob.code(["sync", "--owner"])).toBe("0 ok")
  expect(alice.code(["sync", "--owner"])).toBe("0 ok")
  for (const machine of [alice, bob]) {
    expect(machine.run(["check", "--owner"])).toMatchObject({ code: 0 })
    expect(machine.run(["get", "stripe/webhook", "--owner"], { shows: true }).stdout).toBe("newer")
  }
  expect(alice.code(GET)).toBe("4 POLICY_REFUSED")
  expect(alice.run(OTHER, { shows: true }).stdout).toBe("newer")
  fresh.remove()
})

test("where it waits for a person, letters at a terminal let one value out, and nothing else does", () => {
  const machine = copyMachine(arena.alice)
  machine.write("rules.yaml", RULES.replace("deny", "confirm"))
  expect(machine.code(["policy", "set", "rules.yaml", "--yes"])).toBe("0 ok")
  const run = ["run", "-s", "stripe/api-key", "--agent", "ci", "--", "sh", "-c", "echo ran"]
  expect([machine.code(GET), machine.code(run)]).toEqual(["4 UNCONFIRMED", "125 UNCONFIRMED"])
  for (const command of [GET, run]) {
    const refused = machine.atTerminal(command, { answers: [["type ", "yes"]] })
    expect(refused.stdout).toContain("UNCONFIRMED")
    expect(refused.stdout).not.toMatch(/^ran/m)
    const done = machine.atTerminal(command, { answers: [LETTERS], shows: true })
    expect(done, done.stdout).toMatchObject({ code: 0 })
    expect(done.stdout).toContain(command === run ? "ran" : VALUES["stripe/api-key"])
  }
  machine.remove()
})
