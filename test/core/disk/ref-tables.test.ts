import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { inProgress, mixing } from "../../../src/core/disk/in-progress.js"
import { findCheckout } from "../../../src/core/disk/place.js"
import { STUB, refInTables } from "../../../src/core/disk/ref-tables.js"

/** Tables as Git 2.55 wrote them, up to the byte with which their logs begin; 2.47 writes the same. */
const TABLES = JSON.parse(
  readFileSync(new URL("ref-tables.json", import.meta.url), "utf8"),
) as Readonly<Record<string, Readonly<Record<string, string>>>>

let top: string
let gitFolder: string
let folder: string

beforeEach(() => {
  top = mkdtempSync(join(tmpdir(), "agent-vault-tables-"))
  gitFolder = join(top, ".git")
  folder = join(gitFolder, "reftable")
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(gitFolder, "HEAD"), `${STUB}\n`)
})
afterEach(() => rmSync(top, { recursive: true }))

function lay(which: string): void {
  const tables = Object.entries(TABLES[which] ?? {})
  for (const [name, text] of tables) writeFileSync(join(folder, name), Buffer.from(text, "base64"))
  writeFileSync(join(folder, "tables.list"), tables.map(([name]) => `${name}\n`).join(""))
}

describe("the branch of a repository that keeps its refs in tables", () => {
  test.each([
    ["with its first commit", "plain", "refs/heads/main"],
    ["without a commit", "unborn", "refs/heads/unborn"],
    ["with SHA-256", "long", "refs/heads/topic/of-mine"],
    ["in a linked work tree", "linked", "refs/heads/side2"],
    ["with blocks of 128 bytes", "blocks", "refs/heads/main"],
    ["in a newer table than its commits", "picking", "refs/heads/main"],
    ["where HEAD is detached", "detached", undefined],
  ])("is found %s", (_what, which, branch) => {
    lay(which)
    expect(findCheckout(top)?.branch).toBe(branch)
  })

  test.each(["tables.list", "../../HEAD", "/etc/passwd", "a.ref/../b.ref"])(
    "is not looked for in %s, which is no table's name",
    (name) => {
      lay("plain")
      writeFileSync(join(folder, "tables.list"), `${name}\n`)
      expect(() => findCheckout(top)).toThrow(expect.objectContaining({ code: "REPOSITORY_STATE" }))
    },
  )

  test("is not told where a table is gone, or holds nothing that is understood", () => {
    const refused: unknown = expect.objectContaining({ code: "REPOSITORY_STATE" })
    expect(() => findCheckout(top)).toThrow(refused)
    lay("plain")
    const [[name, text] = ["", ""]] = Object.entries(TABLES["plain"] ?? {})
    const bytes = Buffer.from(text, "base64")
    rmSync(join(folder, name))
    expect(() => findCheckout(top)).toThrow(refused)
    // Every length and every damaged byte ends with a refusal, or with what the bytes do say.
    for (let at = 0; at < bytes.length - 1; at++) {
      writeFileSync(join(folder, name), bytes.subarray(0, at))
      expect(() => findCheckout(top)).toThrow(refused)
      for (const byte of [0, 1, 0x7f, 0xff]) {
        const damaged = Buffer.from(bytes)
        damaged[at] = byte
        writeFileSync(join(folder, name), damaged)
        try {
          findCheckout(top)
        } catch (error) {
          expect(error).toEqual(refused)
        }
      }
    }
  })
})

test("what is under way is told by tables, too, until a newer one says that it is over", () => {
  lay("picking")
  expect(mixing(gitFolder)).toBe("cherry-pick")
  lay("picked")
  expect(Object.keys(TABLES["picked"] ?? {})).toHaveLength(2)
  expect(inProgress(gitFolder)).toBeUndefined()
  lay("blocks")
  expect(refInTables(gitFolder, "REVERT_HEAD")).toEqual({ leadsTo: undefined, isDeleted: false })
})
