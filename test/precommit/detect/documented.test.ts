import { describe, expect, test } from "vitest"
import { findCredentials } from "../../../src/precommit/detect/detect.js"
import { withoutHang } from "../../hang.js"
import { expand, Generator } from "./template.js"

// What is published with a project and opens nothing, beside what looks the same and does.

const rulesOf = (template: string, path?: string, seed = 1): string[] => {
  const text = expand(template, new Generator(seed))
  return findCredentials(text, path === undefined ? {} : { path }).map(({ rule }) => rule)
}

describe("an address that is signed", () => {
  const blob = "https://acme.blob.core.windows.net/c?sv=2022-11-02"

  test.each([
    `${blob}&se=2025-12-31T23%3A59%3A59Z&sp=r&sig={base62:43}%3D`,
    `${blob}&amp;se=2019-01-01&amp;sig={base62:43}%3D`,
    String.raw`{"url": "${blob}\u0026se=2021-05-01T00:00:00Z\u0026sig={base62:43}%3D"}`,
    `${blob}&sig={base62:43}%3D&se=2020-06-01`,
    `${blob}&se=2020-06-01&sig={base62:43}%3D, ${blob}&se=2021-06-01&sig={base62:43}%3D`,
    "https://b.s3.amazonaws.com/a?X-Amz-Date=20230401T120000Z&X-Amz-Expires=900&X-Amz-Signature={hex:64}",
  ])("opens nothing after its end: %s", (template) => {
    expect(rulesOf(template)).toEqual([])
  })

  test.each([
    [`${blob}&se=2099-12-31&sp=r&sig={base62:43}%3D`, 1],
    [`${blob}&sp=r&sig={base62:43}%3D`, 1],
    [`${blob}&st=2019-01-01&se=2099-01-01&sig={base62:43}%3D`, 1],
    [`${blob}&se=2020-01-01&sig=a ${blob}&se=2099-01-01&sig={base62:43}%3D`, 1],
    [`${blob}&se=2020-01-01&sig={base62:43}%3D,${blob}&se=2099-01-01&sig={base62:43}%3D`, 1],
    ["https://b.s3.amazonaws.com/a?X-Amz-Date=20990401T120000Z&X-Amz-Signature={hex:64}", 1],
  ])("is found before it, or without one: %s", (template, count) => {
    expect(rulesOf(template)).toHaveLength(count)
  })
})

const rows = (row: string): string => Array.from({ length: 6 }, () => row).join("\n")

describe("a table of GUIDs", () => {
  test.each([
    `id,key,token\n${rows("{digits:3},{uuid},{uuid}")}`,
    `name,secret_id\n${rows("{alnum:5},{uuid}")}`,
    `| Privilege | Token |\n| --- | --- |\n${rows("| {base62:5} | {uuid} |")}`,
    `INSERT INTO items (id, key, token) VALUES\n${rows("({digits:3}, '{uuid}', '{uuid}'),")}`,
    `[${rows('{"secret_id": "{uuid}", "key_id": "{uuid}"},')}]`,
    rows("- Name: {alnum:5}\n  Key: {uuid}\n  Token: {uuid}"),
    rows('pub const TOKEN_{digits:2}: &str = "{uuid}";'),
    `AUTH = {\n${rows('  "auth_{digits:2}": "{uuid}",')}\n}`,
  ])("is no finding: %s", (template) => {
    for (const seed of [1, 2, 3]) expect(rulesOf(template, undefined, seed)).toEqual([])
  })

  test.each([
    [`name,api_key\n${rows("{alnum:5},{uuid}")}`, 6],
    [`name,session_token\n${rows("{alnum:5},{uuid}")}`, 6],
    [`[${rows('{"client_secret": "{uuid}"},')}]`, 6],
    [`[${rows('{"role_id": "{uuid}", "secret_id": "{uuid}"},')}]`, 6],
    [`id,key\n${rows("{digits:3},{uuid}")}\n\nHEROKU_API_KEY={uuid}\n`, 1],
    ['{"secret_id": "{uuid}"}', 1],
    ["ACME_TOKEN_2={uuid}", 1],
  ])("hides no secret: %s", (template, count) => {
    expect(rulesOf(template)).toHaveLength(count)
  })
})

const members = (more: string): string =>
  `{"members": [{"name": "AuthToken", "type": "string", ${more}}]}`
const exchange = (more: string): string =>
  JSON.stringify({ actions: { Get: [{ title: "Get", input: `POST / HTTP/1.1\n\n${more}` }] } })

describe("an example in the description of an API", () => {
  const schema = "openapi: 3.1.0\npaths:\n  /a:\n    post:\n"

  test.each([
    [members('"example": "{\\"ApiToken\\": \\"{base62:32}\\"}"'), "services/api.json"],
    [members('"example": {"ApiToken": "{base62:32}", "Password": "Vio{digits:4}n!"}'), "api.json"],
    [members('"examples": [{"a": 1}, {"url": "https://a.io/?token={hex:40}"}]'), "api.json"],
    [
      exchange('{"ApplicationToken": "{base62:32}", "OldPassword": "{base62:14}"}'),
      "v1/examples.json",
    ],
    [exchange("Authorization: Bearer {base62:40}"), "v1/examples-1.json"],
    [`${schema}      example:\n        api_token: "{base62:32}"\n`, "openapi.yaml"],
  ])("is no finding: %s", (template, path) => {
    for (const seed of [1, 2, 3]) expect(rulesOf(template, path, seed)).toEqual([])
  })

  test.each([
    // What has the shape of a provider's token, or is a private key, counts in an example too.
    [members('"example": "ghp_{crc:30}"'), "api.json", ["github-pat"]],
    [exchange("{pem:PRIVATE KEY}"), "v1/examples.json", ["pem-private-key"]],
    // What stands beside an example is none.
    [members('"example": "a", "apiToken": "{base62:32}"'), "api.json", ["generic-secret"]],
    [members('"apiToken": "{base62:32}", "example": {}'), "api.json", ["generic-secret"]],
    [
      exchange("a").replace('"title"', '"apiToken": "{base62:32}", "title"'),
      "examples.json",
      ["generic-secret"],
    ],
    [
      `${schema}      example:\n        a: 1\n      api_token: "{base62:32}"\n`,
      "a.yaml",
      ["generic-secret"],
    ],
    // Nothing says that these describe an API.
    ['{"example": {"apiToken": "{base62:32}"}}', "config.json", ["generic-secret"]],
    ['{"input": {"apiToken": "{base62:32}"}}', "config.json", ["generic-secret"]],
    ['example:\n  api_token: "{base62:32}"\n', "config.yaml", ["generic-secret"]],
    // No JSON, so that nothing tells where an example ends.
    [`${members('"example": "a"')}}\napiToken = "{base62:32}"`, "api.json", ["generic-secret"]],
  ])("hides no secret: %s", (template, path, rules) => {
    expect(rulesOf(template, path)).toEqual(rules)
  })

  test("is looked for in one pass", () => {
    for (const unit of ['{"example":', '"properties": "', "  example:\n"]) {
      const long = `{"properties": "apiToken=${"q7Xw2Zr9Lk".repeat(3)}", ${unit.repeat(90_000)}`
      for (const path of ["a.json", "a.yaml"]) {
        expect(() => withoutHang(() => findCredentials(long, { path })), unit).not.toThrow()
      }
    }
  })
})
