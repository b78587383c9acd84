import { createHash } from "node:crypto"
import { expect, test } from "vitest"
import { findCredentials } from "../../../src/precommit/detect/detect.js"
import type { Silenced } from "../../../src/precommit/detect/veto.js"
import { negatives, positives } from "./corpus.js"
import { Generator, expand } from "./template.js"

/** What was silenced in a text, as `rule: veto`, each once. */
function silencedIn(text: string): string[] {
  const silenced: Silenced[] = []
  findCredentials(text, {}, (each) => silenced.push(each))
  return [...new Set(silenced.map(({ rule, veto }) => `${rule}: ${veto}`))]
}

const generator = new Generator(14)
const made = (template: string): string => expand(template, generator)
const signed = `X-Amz-Credential=AKIDEXAMPLE%2F1%2Fs3&X-Amz-Signature=${made("{hex:64}")}`
const certificate = `-----BEGIN CERTIFICATE-----\nMII${made("{base64:60}")}\nghp_{crc:30}${made("{base64:20}")}\n`

test.each([
  ["length", "generic-password", 'password: "ab1"'],
  ["word", "generic-password", "password: changes"],
  ["chance", "generic-secret", "token: getTheToken"],
  ["uuid", "generic-secret", `token: ${made("{uuid}")}`],
  ["once", "generic-secret", `client_request_token: "${made("{hex:32}")}"`],
  ["digest", "generic-secret", `key: ${made("{hex:40}")}`],
  ["unreal", "generic-secret", `dummy_token = "${made("{base62:30}")}"`],
  ["literal", "generic-password", "password = 0x8004004Aull"],
  ["stored", "generic-secret", `"key": "uploads/${made("{base62:40}")}.png"`],
  ["code", "generic-password", 'password("path=key_path")'],
  ["ciphertext", "generic-secret", `token: "encrypted:${made("{base64:64}")}"`],
  ["sentence", "generic-password", 'password: "is not Valid2 here"'],
  ["plain", "generic-password", "password: someone@mail.example.org"],
  ["key-id", "generic-secret", `gpg_signing_key = "${made("{HEX:40}")}"`],
  ["reference", "generic-password", 'password: "./secrets/Db1.Pass"'],
  ["filled-in", "generic-secret", "token: ${API_TOKEN}"],
  ["filled-in", "generic-password", 'password: "x1-${DB_PASSWORD}"'],
  ["brackets", "generic-password", 'password: "ab1<cde2"'],
  ["placeholder", "generic-password", 'password: "your-Password1"'],
  ["repeated", "generic-password", 'password: "Ab1Ab1Ab1Ab1"'],
  ["run", "generic-password", 'password: "K1rrrrrrrrX"'],
  ["row", "generic-password", 'password: "Zk123456q"'],
  ["test", "generic-password", 'password: "test-Pa55w"'],
  ["name", "generic-password", 'password: "ORDERS_DB_PASSWORD"'],
  ["empty-token", "generic-secret", 'token: "eyJhbGciOiJub25lIn0.e30."'],
  ["goes-on", "generic-secret", `token: ${made("{base62:30}")}[0]`],
  ["weak", "generic-password", "password: summer-of-love"],
  ["common", "generic-password", 'password: "s3cr3t1"'],
  ["harmless-name", "generic-secret", `csrf_token = "${made("{base62:30}")}"`],
  ["base62", "github-pat", `see ghp_${made("{base62:36}")}`],
  ["words", "google-api-key", "see AIzawide-header-the-of-light-box-light-"],
  ["chance", "posthog-project-key", "see phc_blue-text-main-main-light-main-list-and-rou"],
  ["excused", "aws-presigned-url", signed],
  ["published", "generic-secret", `token: "${createHash("sha256").digest("hex")}"`],
  ["login", "url-password", "postgres://app:password@db.acme.io/x"],
  ["data", "github-pat", certificate.replace("ghp_{crc:30}", () => made("ghp_{crc:30}/"))],
] as const)("%s silences %s", (veto, rule, text) => {
  expect(silencedIn(text), text).toContain(`${rule}: ${veto}`)
})

test("a veto tells of what Base64 hides at the place of the Base64", () => {
  const inner = `api_token = "ghp_${made("{base62:36}")}" # of the deployment, and more of it`
  const text = `data: ${Buffer.from(inner).toString("base64")}`
  const silenced: Silenced[] = []
  findCredentials(text, {}, (each) => silenced.push(each))
  const wrong = silenced.find(({ veto }) => veto === "base62")
  expect(wrong).toMatchObject({ rule: "github-pat", start: 6, end: text.length })
})

test("of two rules at one place, the other one is named", () => {
  const secret = made("sk_live_{base62:24}")
  const text = `curl -u ${secret}: https://api.stripe.com`
  const silenced: Silenced[] = []
  const [found] = findCredentials(text, {}, (each) => silenced.push(each))
  expect(found?.rule).toMatch(/^stripe/)
  expect(silenced).toContainEqual(
    expect.objectContaining({ veto: "better-rule", rule: "curl-user", by: found?.rule }),
  )
})

test("to ask what was silenced changes nothing of what is found", () => {
  const samples = [...positives(14, 1), ...negatives(14, 1)]
  for (const { text, path } of samples) {
    expect(findCredentials(text, { path }, () => {})).toEqual(findCredentials(text, { path }))
  }
})

test("a sign in front makes no reference of a random password, though it has no digit", () => {
  const random = new Generator(1411)
  const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
  const all = `${letters}!#$%&()*+,-./:;<=>?@[]^_{|}~`
  const samples = Array.from("$(./<>[{~").flatMap((sign) =>
    Array.from({ length: 100 }, () => sign + random.text(all, 19)),
  )
  const missed = samples.filter(
    (value) => findCredentials(JSON.stringify({ db: { password: value } })).length === 0,
  )
  // Most of them were.
  expect(missed.length / samples.length, missed[0]).toBeLessThan(0.25)
  for (const value of [
    "~/Library/Acme/Passwords",
    "$(Acme.Db.Password)",
    "/^[A-Z]+$/",
    "<%= Pw %>",
  ]) {
    expect(findCredentials(JSON.stringify({ password: value })), value).toEqual([])
  }
})
