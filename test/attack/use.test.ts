import { copyFileSync, readFileSync } from "node:fs"
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest"
import { generateIdentity } from "../../src/core/age/age.js"
import { type SecretRecord, encodeRecord } from "../../src/core/records/record.js"
import { type SigningKey, signingKey } from "../../src/core/records/signature.js"
import { type Arena, type Machine, copyMachine, makeArena } from "./arena.js"

// Mallory can push and holds no owner's key. She wants the broker to send a key to her host.

const PATH = "secrets/stripe/api-key.json"
const HERS = "evil.example.com"
const RULE = ["--host", "api.stripe.com", "--method", "GET", "--path", "/v1/**"]
const AT = ["--at", "header:authorization", "--yes"]

let arena: Arena
let alice: Machine
let key: SigningKey

beforeAll(async () => {
  arena = await makeArena()
  expect(arena.alice.run(["use", "stripe/api-key", ...RULE, ...AT])).toMatchObject({ code: 0 })
  key = signingKey(await generateIdentity("x25519"))
})
afterAll(() => arena.remove())
beforeEach(() => {
  alice = copyMachine(arena.alice)
})
afterEach(() => alice.remove())

/** The rules that the record has, and one that names her host, in each way. */
function widened(m: Machine): Pick<SecretRecord, "use"> {
  const { use = [] } = m.record(PATH) as SecretRecord
  return { use: use.map((rule) => ({ ...rule, hosts: [...rule.hosts, HERS] })) }
}

type Attack = readonly [name: string, attack: (m: Machine) => void, code: string, of?: string]

const ATTACKS: readonly Attack[] = [
  ["a host is added to a rule", (m) => m.alter(PATH, widened(m)), "SIGNATURE_INVALID"],
  [
    "a host is added to a rule, and signed by her",
    (m) => m.forge(PATH, { ...widened(m), serial: 99 }, key),
    "SIGNATURE_INVALID",
  ],
  [
    "a rule is written into a record that has none",
    (m) => {
      const { use } = m.record(PATH) as SecretRecord
      m.alter("secrets/stripe/webhook.json", { use, format: 2 })
    },
    "SIGNATURE_INVALID",
    "stripe/webhook",
  ],
  [
    "the record with a rule takes the place of one without",
    (m) => {
      for (const ending of ["json", "age"]) {
        const [from, to] = ["api-key", "webhook"].map((name) => `secrets/stripe/${name}.${ending}`)
        copyFileSync(m.path(from ?? ""), m.path(to ?? ""))
      }
    },
    "RECORD_INVALID",
    "stripe/webhook",
  ],
  [
    "a rule is called one of format 1, which has none",
    (m) => m.alter(PATH, { ...widened(m), format: 1 }),
    "RECORD_INVALID",
  ],
  [
    "a rule is called one of a format to come",
    (m) => m.alter(PATH, { ...widened(m), format: 1000 }),
    "SIGNATURE_INVALID",
  ],
  [
    "a rule of a format to come is signed by her",
    (m) => {
      const { signature: _signature, ...body } = m.record(PATH)
      const content = { ...body, format: 1000 as 2, signature: { signer: key.signer } }
      const ed25519 = key.sign("secret", JSON.parse(JSON.stringify(content)) as { a: string })
      m.put(PATH, encodeRecord({ ...content, signature: { signer: key.signer, ed25519 } }))
    },
    "SIGNATURE_INVALID",
  ],
]

const NAMED = ATTACKS.map(([name, attack, code, secret]) => ({ name, attack, code, secret }))

test.each(NAMED)(
  "nobody without an owner's key lets a value go further: $name",
  ({ attack, code, secret = "stripe/api-key" }) => {
    attack(alice)
    alice.arrive()
    const before = alice.snapshot()
    for (const args of [
      ["explain", "GET", `https://${HERS}/v1/charges`],
      ["use", "--list"],
      ["use", secret, "--list"],
      ["use", secret, "github", "--yes"],
      ["use", secret, "--remove"],
      ["set", secret, "--generate", "--use", "github"],
      ["get", secret, "--agent", "ci"],
    ]) {
      const { stdout, stderr } = alice.run(args)
      expect([args, stdout, stderr]).toEqual([args, "", expect.stringContaining(code)])
    }
    expect(alice.snapshot()).toEqual(before)
  },
)

test("a wider rule that an owner took back does not come back", () => {
  const use = ["use", "stripe/api-key"]
  const succeed = (...args: readonly string[]): void => {
    expect(alice.run(args)).toMatchObject({ code: 0 })
  }
  succeed(...use, ...RULE.map((word) => (word === "api.stripe.com" ? HERS : word)), ...AT)
  const wide = readFileSync(alice.path(PATH))
  succeed(...use, "--remove", "2")
  succeed("explain", "GET", "https://api.stripe.com/v1/charges")
  alice.git("update-ref", "refs/remotes/origin/main", "HEAD")
  alice.put(PATH, wide)
  alice.arrive()
  const { stdout, stderr } = alice.run(["explain", "GET", `https://${HERS}/v1/charges`])
  expect([stdout, stderr]).toEqual(["", expect.stringContaining("ROLLED_BACK")])
})
