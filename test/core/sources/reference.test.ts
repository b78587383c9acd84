import { describe, expect, test } from "vitest"
import { STORES } from "../../../src/core/records/source.js"
import { parseReference, partsOf, storeOf } from "../../../src/core/sources/reference.js"

/** A reference, and the command that a store is asked by; what the store prints, and the value. */
const ASKED = [
  ["op://CI/Stripe key/password", "op read --no-newline op://CI/Stripe key/password", "v", "v"],
  [
    "aws-sm://prod/stripe?region=eu-west-1#key",
    "aws secretsmanager get-secret-value --secret-id=prod/stripe --region=eu-west-1 --output=json",
    JSON.stringify({ SecretString: JSON.stringify({ key: "v", other: "w" }) }),
    "v",
  ],
  [
    "aws-sm://arn:aws:secretsmanager:eu-west-1:111122223333:secret:prod-AbCdEf",
    "aws secretsmanager get-secret-value --secret-id=arn:aws:secretsmanager:eu-west-1:111122223333:secret:prod-AbCdEf --output=json",
    JSON.stringify({ SecretBinary: "/wA=" }),
    "\u{ff}\0",
  ],
  [
    "gcp-sm://my-project/stripe/3",
    "gcloud secrets versions access 3 --secret=stripe --project=my-project --format=get(payload.data) --quiet",
    "_wA=\n",
    "\u{ff}\0",
  ],
  [
    "vault://secret/teams/stripe#key",
    "vault kv get -mount=secret -format=json teams/stripe",
    JSON.stringify({ data: { data: { key: "v" }, metadata: { version: 1 } } }),
    "v",
  ],
  [
    "vault://kv/stripe#key",
    "vault kv get -mount=kv -format=json stripe",
    JSON.stringify({ data: { key: "v" } }),
    "v",
  ],
] as const

test.each(ASKED)(
  "%s is asked for by one command without a shell",
  async (reference, command, printed, value) => {
    const asked: string[] = []
    const run = (program: string, args: readonly string[]): Promise<Buffer> => {
      asked.push([program, ...args].join(" "))
      return Promise.resolve(Buffer.from(printed))
    }
    const scheme = parseReference(reference)
    const read = await storeOf(scheme).read(partsOf(scheme, reference) ?? {}, { env: {}, run })
    expect(asked).toEqual([command])
    expect(Buffer.from(read ?? []).toString("latin1")).toBe(value)
  },
)

const noProgram = (): Promise<Buffer> => Promise.reject(new Error("no program"))

test("env: reads the variable, and no other store does", async () => {
  const env = { STRIPE_KEY: "v", constructor: undefined }
  const read = (name: string) => storeOf("env").read({ name }, { env, run: noProgram })
  expect(Buffer.from((await read("STRIPE_KEY")) ?? []).toString()).toBe("v")
  expect(await read("OTHER")).toBeUndefined()
})

describe("what could be read as more than a reference is none", () => {
  test.each([
    "",
    "stripe",
    "https://example.com/x",
    "file:///etc/passwd",
    "op://--account/x/y",
    "op://CI/-x/y",
    "op://CI/x",
    "op://CI/x/y/z/a",
    "op://CI/x/y\n--reveal",
    "op://CI/x/$(id)",
    "op://CI/../y",
    "aws-sm://file:///etc/passwd",
    "aws-sm://https://example.com",
    "aws-sm://-x",
    "aws-sm://x?region=--endpoint-url",
    "aws-sm://x?endpoint-url=https://example.com",
    "aws-sm://x y",
    "gcp-sm://project-1/--help",
    "gcp-sm://-project/x",
    "gcp-sm://project-1/x/--impersonate-service-account=a",
    "gcp-sm://project-1/@/etc/passwd",
    "vault://-address=http:/x#y",
    "vault://secret/-x#y",
    "vault://secret/../sys#y",
    "vault://secret/x",
    "vault://secret/x#@y",
    "env:",
    "env:A-B",
    "env:AGENT_VAULT_IDENTITY",
    "env:agent_vault_identity",
    "env:A=B",
    "keychain:-w/x",
    "keychain:x/-w",
    "keychain:x",
    "keychain:x/y\n",
    `keychain:agent-vault/${"0".repeat(32)}.${"0".repeat(16)}`,
    "op://CI/x/y\u{0}",
    `env:${"A".repeat(129)}`,
  ])("%j", (text) => {
    expect(() => parseReference(text)).toThrow("is not a reference")
    for (const scheme of STORES) expect(partsOf(scheme, text)).toBeUndefined()
  })
})

test.each([
  ["what a store prints is no JSON", "vault://secret/x#y", "a value that is not JSON"],
  ["a member is missing", "vault://secret/x#y", '{"data":{"data":{}}}'],
  ["a member is no text", "vault://secret/x#data", '{"data":{"data":{"x":1}}}'],
  ["a member belongs to all objects", "aws-sm://x#constructor", '{"SecretString":"{}"}'],
  ["a variable is a word that all objects have", "env:constructor", ""],
  ["base64 is none", "gcp-sm://project-1/x", "not base64!"],
])("there is no value where %s", async (_what, reference, printed) => {
  const scheme = parseReference(reference)
  const run = () => Promise.resolve(Buffer.from(printed))
  expect(
    await storeOf(scheme).read(partsOf(scheme, reference) ?? {}, { env: {}, run }),
  ).toBeUndefined()
})
