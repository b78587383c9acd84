import { execFileSync } from "node:child_process"
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { delimiter, join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, beforeAll, expect, test } from "vitest"

const SCRIPTS = fileURLToPath(new URL("../scripts", import.meta.url))
/** Says where the environment is, which is of no package, or why there is none. */
const INSTALL = `
  import { pathToFileURL } from "node:url"
  import { pinnedPython } from "./scripts/pinned.mjs"
  const pins = pathToFileURL(process.cwd() + "/pins/")
  const found = await pinnedPython({ name: "nothing", what: "for a test", pins })
  process.stdout.write(found.path ?? found.missing)`

let folder: string
beforeAll(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), "pinned-")))
  mkdirSync(join(folder, "pins"))
  writeFileSync(join(folder, "pins/requirements.txt"), "")
  mkdirSync(join(folder, "scripts"))
  for (const name of ["pinned.mjs", "announced.mjs"]) {
    copyFileSync(join(SCRIPTS, name), join(folder, "scripts", name))
  }
})
afterAll(() => rmSync(folder, { recursive: true }))

function installed(path = process.env["PATH"] ?? ""): string {
  const stdio = ["ignore", "pipe", "ignore"] as const
  const env = { ...process.env, PATH: path }
  const node = ["--input-type=module", "--eval", INSTALL]
  return execFileSync(process.execPath, node, { cwd: folder, env, stdio: [...stdio] }).toString()
}

test("what was installed by a Python that PATH had as a link outlives that link", () => {
  const bin = join(folder, "bin")
  mkdirSync(bin)
  const ask = ["-c", "import sys; print(sys.executable)"]
  const python = execFileSync("python3", ask, { encoding: "utf8" }).trim()
  symlinkSync(python, join(bin, "python3"))
  const path = installed(`${bin}${delimiter}${process.env["PATH"] ?? ""}`)
  rmSync(bin, { recursive: true })
  expect(execFileSync(path, ["-c", "print(1)"], { encoding: "utf8" })).toBe("1\n")
})

test("what lost its Python is installed anew", () => {
  const path = installed()
  rmSync(path)
  expect(installed()).toBe(path)
  expect(execFileSync(path, ["-c", "print(1)"], { encoding: "utf8" })).toBe("1\n")
})
