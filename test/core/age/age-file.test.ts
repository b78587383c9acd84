import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { armor } from "age-encryption"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { ageFileForm } from "../../../src/core/age/age-file.js"
import { generateIdentity, recipientOf, seal } from "../../../src/core/age/age.js"
import { inspect } from "../../../src/core/owner.js"
import { findVault } from "../../../src/core/index.js"
import { Repo } from "../../precommit/repo.js"
import { type World, vaultWorld } from "../world.js"

let sealed: Uint8Array
let world: World

beforeAll(async () => {
  sealed = await seal(Buffer.from("v"), [await recipientOf(await generateIdentity("x25519"))])
  world = await vaultWorld()
})
afterAll(() => world.remove())

test("an age file is told by its beginning", () => {
  expect(ageFileForm(sealed)).toBe("binary")
  expect(ageFileForm(Buffer.from(armor.encode(sealed)))).toBe("armored")
  expect(ageFileForm(Buffer.from(`\r\n${armor.encode(sealed).replaceAll("\n", "\r\n")}`))).toBe(
    "armored",
  )
  const others = [
    "",
    "age",
    "age-encryption.org/v2\n",
    "age-encryption.org/v1\na value below the first line",
    "-----BEGIN CERTIFICATE-----\n",
  ]
  for (const text of others) {
    expect(ageFileForm(Buffer.from(text))).toBeUndefined()
  }
})

describe("check and the guard say the same of a stray file", () => {
  test.each([
    ["that is an age file", () => sealed, "is named in no record", "vault-invalid"],
    [
      "that is armored",
      () => Buffer.from(armor.encode(sealed)),
      "is an armored age file, and the files of a vault are binary",
      "vault-invalid",
    ],
    [
      "of text",
      () => Buffer.from("a value"),
      "is plaintext, and no file of a vault",
      "vault-plaintext",
    ],
  ])("%s", async (_what, bytes, message, rule) => {
    const path = "secrets/notes.age.txt"
    writeFileSync(join(world.top, ".agent-vault", path), bytes())
    const place = findVault(world.top)
    const { findings } = await inspect({ place, env: world.env, now: new Date() })
    const hint = `move it out: git rm --cached -- .agent-vault/${path}`
    expect(findings).toContainEqual(
      expect.objectContaining({ code: "STRAY_FILE", subject: path, message, hint }),
    )
    const repo = new Repo(world.top)
    repo.git("add", `.agent-vault/${path}`)
    const { stdout, found } = await repo.guard()
    expect(stdout).toContain(`${path} ${message}`)
    expect(stdout).toContain(hint)
    expect(found).toEqual([`.agent-vault/${path}:1 ${rule}`])
    repo.git("rm", "--quiet", "--force", `.agent-vault/${path}`)
  })
})

describe("check and the guard say the same of what stands where an age file belongs", () => {
  const secret = "secrets/stripe/api-key.age"

  test.each([
    [
      "an armored age file",
      (signed: Uint8Array) => Buffer.from(armor.encode(signed)),
      "is an armored age file, and the files of a vault are binary",
    ],
    ["plaintext", () => Buffer.from("a value"), "is plaintext where an age file belongs"],
  ])("%s", async (_what, bytes, message) => {
    const other = world.copy()
    try {
      await other.set("stripe/api-key", "new")
      const file = join(other.top, ".agent-vault", secret)
      writeFileSync(file, bytes(readFileSync(file)))
      const place = findVault(other.top)
      const { findings } = await inspect({ place, env: other.env, now: new Date() })
      expect(findings).toContainEqual(
        expect.objectContaining({ code: "DIGEST_MISMATCH", message: `${secret} ${message}` }),
      )
      const repo = new Repo(other.top)
      repo.git("add", `.agent-vault/${secret}`)
      const { stdout } = await repo.guard()
      expect(stdout).toContain(`${secret} ${message}`)
      const [line = ""] = /git restore [^"\n]*/.exec(stdout) ?? []
      repo.git(...line.split(" ").slice(1))
      expect((await repo.guard()).found).toEqual([])
      expect((await inspect({ place, env: other.env, now: new Date() })).findings).toEqual([])
    } finally {
      other.remove()
    }
  })
})
