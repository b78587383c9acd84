import { generateKeyPairSync } from "node:crypto"
import { describe, expect, test } from "vitest"
import { crc32 } from "../../src/precommit/checksum.js"
import { findCredentials } from "../../src/precommit/detect.js"
import { wordFinder } from "../../src/precommit/keywords.js"
import { mask } from "../../src/precommit/mask.js"
import { randomBits } from "../../src/precommit/random.js"
import { negatives, positives } from "./corpus.js"
import { expand, Generator } from "./template.js"

const make = (template: string, seed = 1): string => expand(template, new Generator(seed))
const rulesIn = (text: string, path?: string): string[] =>
  findCredentials(text, path === undefined ? {} : { path }).map(({ rule }) => rule)

const rulesOf = (template: string): string[] => rulesIn(make(template))

describe("a finding", () => {
  test("is the secret, and nothing else", () => {
    const token = make("{crc:30}")
    const text = `const token = "ghp_${token}" // mine`
    const [found, ...others] = findCredentials(text)
    expect(others).toEqual([])
    expect(text.slice(found?.start, found?.end)).toBe(`ghp_${token}`)
    expect(found).toMatchObject({ rule: "github-pat", kind: "credential" })
  })

  test("is made by the rule that says most", () => {
    const token = make("ghp_{crc:30}")
    expect(rulesIn(`https://ci:${token}@github.com/acme/app`)).toEqual(["github-pat"])
    expect(rulesIn(`Authorization: Bearer ${token}`)).toEqual(["github-pat"])
    expect(rulesIn(`GITHUB_TOKEN=${token}`)).toEqual(["github-pat"])
  })

  test("may follow an escape", () => {
    const token = make("ghp_{crc:30}")
    for (const before of [String.raw`\n`, "%3D", String.raw`\u0022`, "\u001b[32m"]) {
      expect(rulesIn(`${before}${token}`)).toEqual(["github-pat"])
    }
    expect(rulesIn(`a${token}`)).toEqual([])
  })

  test("needs the checksum that the provider documents", () => {
    const token = make("ghp_{crc:30}")
    const wrong = token.slice(0, -1) + (token.endsWith("a") ? "b" : "a")
    expect(rulesIn(`see ${token}`)).toEqual(["github-pat"])
    expect(rulesIn(`see ${wrong}`)).toEqual([])
  })
})

const kindIn = (text: string): string[] => findCredentials(text).map(({ kind }) => kind)

describe("a private key", () => {
  test("is told from an encrypted one", () => {
    const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" })
    const bare = privateKey.export({ type: "pkcs8", format: "pem" }).toString()
    const locked = privateKey
      .export({ type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase: "x" })
      .toString()
    const old = privateKey
      .export({ type: "sec1", format: "pem", cipher: "aes-256-cbc", passphrase: "x" })
      .toString()
    expect(kindIn(bare)).toEqual(["private-key"])
    expect(kindIn(locked)).toEqual(["encrypted-key"])
    expect(kindIn(old)).toEqual(["encrypted-key"])
    expect(kindIn(make("{openssh:none}"))).toEqual(["private-key"])
    expect(kindIn(make("{openssh:aes256-ctr}"))).toEqual(["encrypted-key"])
  })

  test("is found in quotes, on one line, indented, and without its end", () => {
    const { privateKey } = generateKeyPairSync("ed25519")
    const pem = privateKey.export({ type: "pkcs8", format: "pem" }).toString()
    const forms = [
      JSON.stringify({ key: pem }),
      JSON.stringify(JSON.stringify({ key: pem })),
      pem.replace(/^/gm, "    "),
      pem.replaceAll("\n", "\r\n"),
      pem.replace(/-----END[\s\S]*/, ""),
      pem.trim().replace(/^(.*)$/gm, '"$1\\n" +'),
    ]
    for (const form of forms) expect(kindIn(form), form).toEqual(["private-key"])
  })

  test("is all that is looked for in a binary file", () => {
    const text = `ghp_${make("{crc:30}")}\0${make("{age}")}`
    expect(findCredentials(text, { onlyKeys: true }).map(({ rule }) => rule)).toEqual([
      "age-private-key",
    ])
  })
})

describe("a value is given to a name", () => {
  test("by a variable of Terraform, with its type and what is said of it between", () => {
    const said = 'description = "The token, of the API"\n  type = string\n  sensitive = true'
    const block = `variable "api_token" {\n  ${said}\n  default = "{base62:24}"\n}`
    expect(rulesOf(block)).toEqual(["generic-secret"])
    expect(rulesOf(block.replace("{base62:24}", ""))).toEqual([])
  })

  test("by fields or elements that follow each other or lie within each other", () => {
    for (const pair of [
      "<key>API_TOKEN</key>\n<string>{base62:24}</string>",
      "<name>api.token</name><value>{base62:24}</value>",
      "<ApiToken><Value>{base62:24}</Value></ApiToken>",
      '{"name": "API_TOKEN", "type": "secret", "value": "{base62:24}"}',
      "<param-name>api.token</param-name><param-value>{base62:24}</param-value>",
      '"adminToken": { "value": "{base62:24}" }',
      "Parameters:\n  ApiToken:\n    Type: String\n    NoEcho: true\n    Default: {base62:24}\n",
    ]) {
      expect(rulesOf(pair), pair).toEqual(["generic-secret"])
    }
  })

  test("by names that also name what anybody may know", () => {
    expect(rulesOf("RECAPTCHA_SECRET_KEY={base62:30}")).toEqual(["generic-secret"])
    expect(rulesOf("RECAPTCHA_SITE_KEY={base62:30}")).toEqual([])
    expect(rulesOf('"provisionDeviceSecret": "{alnum:20}"')).toEqual(["generic-secret"])
    expect(rulesOf('"deviceToken": "{alnum:20}"')).toEqual([])
    expect(rulesOf("WIKI_PAT={base62:44}")).toEqual(["generic-secret"])
    expect(rulesOf("ACME_TOKEN=acm{hex:32}")).toEqual(["generic-secret"])
  })

  test("as a password that a person chose, bare or behind a flag", () => {
    const chosen = ["Vio", "l1n", "Str", "1ng!"].join("")
    expect(rulesIn(`DB_PASSWORD=${chosen}`)).toEqual(["generic-password"])
    expect(rulesIn(`tool login --password ${chosen}`)).toEqual(["generic-password"])
    expect(rulesIn(`My password is ${chosen} as of today`)).toEqual(["generic-password"])
    expect(rulesIn("The password is now required, the token is null")).toEqual([])
    expect(rulesOf('password = "!{base62:14}7"')).toEqual(["generic-password"])
    expect(rulesOf('password = "#/definitions/password7"')).toEqual([])
    expect(rulesIn("--- PASS: TestViolin1/String#01")).toEqual([])
  })

  test("of a provider's test mode, but not the keys that Stripe's documentation prints", () => {
    expect(rulesOf("ACME_KEY_SECRET=acme_test_{base62:28}")).toEqual(["generic-secret"])
    expect(rulesOf("STRIPE_SECRET_KEY=sk_test_{base62:24}")).toEqual([])
    expect(rulesOf("ACME_SECRET=acme_test_secret")).toEqual([])
  })
})

describe("the set", () => {
  test("is found, but for a few", () => {
    const samples = positives(2)
    const missed = samples.filter(({ text, path, secret }) =>
      findCredentials(text, { path }).every(({ start, end }) => {
        const found = text.slice(start, end)
        return !secret.includes(found) && !found.includes(secret)
      }),
    )
    expect(new Set(samples.map(({ kind }) => kind)).size).toBeGreaterThan(400)
    expect(missed.length / samples.length).toBeLessThan(0.03)
  })

  test("lets pass what is none, but for a few", () => {
    const samples = negatives(2)
    const alarms = samples.filter(({ text, path }) => rulesIn(text, path).length > 0)
    expect(alarms.length / samples.length).toBeLessThan(0.01)
  })
})

/** The first part of a token, which repeated is a token at every turn. */
const jwtHead = Buffer.from('{"alg":"HS256"}').toString("base64url")

test("a text made to keep rules busy is read all the same", () => {
  for (const unit of [
    "eyJ",
    "sk-",
    "://",
    "password=",
    '"kty"',
    "key: ",
    '{"d":"',
    "_token_",
    `${jwtHead}.`,
  ]) {
    const short = unit.repeat(Math.ceil(2 ** 18 / unit.length))
    const started = process.cpuUsage()
    findCredentials(short)
    const { user, system } = process.cpuUsage(started)
    // A quarter of a megabyte; what takes time in squares would take minutes.
    expect((user + system) / 1e6, unit).toBeLessThan(2)
  }
})

test("words are found wherever they are, in any case, overlapping too", () => {
  const found: [number, number][] = []
  wordFinder(["token", "ken-a", "key", "sk-"])("KEYtoKEN-a sk-sk-\u00e9key", (word, at) => {
    found.push([word, at])
  })
  expect(found).toEqual([
    [2, 0],
    [0, 3],
    [1, 5],
    [3, 11],
    [3, 14],
    [2, 18],
  ])
})

test("chance is told from names", () => {
  const generator = new Generator(3)
  for (const template of ["{base62:24}", "{hex:32}", "{alnum:24}", "{base64url:32}"]) {
    expect(randomBits(expand(template, generator))).toBeGreaterThan(14)
  }
  for (const name of ["getAccessTokenForUser", "USER_PASSWORD_FIELD", "node_modules/.bin/x1"]) {
    expect(randomBits(name)).toBeLessThan(0)
  }
})

test("a mask shows the first characters at most, and no control characters", () => {
  expect(mask("ghp_abcdefghijklmnop")).toBe("ghp_… (20 characters)")
  expect(mask("hunter2")).toBe("h… (7 characters)")
  expect(mask("abc")).toBe("… (3 characters)")
  expect(mask("\u001b[31mabcdefghijklm")).toBe("?[31… (18 characters)")
  expect(mask("-----BEGIN X-----\nabc")).not.toContain("abc")
})

test("a checksum is zlib's", () => {
  expect(crc32("123456789")).toBe(0xcbf43926)
})
