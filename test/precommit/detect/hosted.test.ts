import { expect, test } from "vitest"
import { findCredentials } from "../../../src/precommit/detect/detect.js"
import { hostedLookalikes, hostedSecrets } from "./hosted.js"
import { Generator } from "./template.js"

const SEEDS = Array.from({ length: 10 }, (_, index) => 5000 + index)

test.each(SEEDS)(
  "of seed %i, each weak password beside a host is found, and no stand-in",
  (seed) => {
    const generator = new Generator(seed)
    for (const { kind, text } of hostedSecrets(generator)) {
      expect(findCredentials(text), `${kind}: ${text}`).toHaveLength(1)
    }
    for (const { kind, text } of hostedLookalikes(generator)) {
      expect(findCredentials(text), `${kind}: ${text}`).toEqual([])
    }
  },
)

const rulesIn = (text: string, path = "settings.ini"): string[] =>
  findCredentials(text, { path }).map(({ rule }) => rule)

test("a weak password is none without its host, in another block, or in what shows how", () => {
  const value = ["Welcome", "123"].join("")
  const login = `db_user = app\ndb_password = ${value}\n`
  expect(rulesIn(`db_host = db.internal\n${login}`)).toEqual(["generic-password"])
  expect(rulesIn(login)).toEqual([])
  expect(rulesIn(`db_host = db.internal\n\n${login}`)).toEqual([])
  expect(rulesIn(`[a]\nhost = db.internal\n[b]\n${login}`)).toEqual([])
  expect(rulesIn(`db_host = db.internal\ndb_password = ${value}\n`)).toEqual([])
  expect(rulesIn(`db_host = process.env.DB_HOST\n${login}`)).toEqual([])
  for (const path of ["test/settings.ini", "docs/a.ini", "a.example.ini", "README.md"]) {
    expect(rulesIn(`db_host = db.internal\n${login}`, path), path).toEqual([])
  }
})
