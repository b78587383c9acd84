import { spawnSync } from "node:child_process"
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterEach, beforeEach, expect, test } from "vitest"

// A work tree may have the dependencies of another by a link, and they stay that one's.

const scripts = fileURLToPath(new URL("../../scripts", import.meta.url))
let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "agent-vault-linked-"))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

test("an install that is due is refused through a link, and empties nothing", () => {
  const [theirs, tree] = [join(folder, "theirs"), join(folder, "tree")]
  mkdirSync(join(theirs, "a-package"), { recursive: true })
  mkdirSync(join(tree, "scripts"), { recursive: true })
  for (const name of ["ensure.mjs", "announced.mjs"]) {
    cpSync(join(scripts, name), join(tree, "scripts", name))
  }
  writeFileSync(join(tree, "package-lock.json"), "{}")
  writeFileSync(join(tree, "package.json"), "{}")
  symlinkSync(theirs, join(tree, "node_modules"))

  const { status, stderr } = spawnSync(process.execPath, ["scripts/ensure.mjs"], {
    cwd: tree,
    encoding: "utf8",
  })
  expect(stderr).toContain(`node_modules is a link to ${theirs}, which npm ci would empty`)
  expect(status).toBe(1)
  expect(readdirSync(theirs)).toEqual(["a-package"])
  expect(existsSync(join(tree, ".ensure-lock"))).toBe(false)
})
