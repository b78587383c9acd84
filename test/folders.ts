import { execFileSync } from "node:child_process"
import {
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
} from "node:fs"
import { devNull, tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

/** How the folders begin that all files of tests share; see global-setup.ts. */
export const SHARED = "shared-"

/**
 * Copies all that is in a folder into another, or one file to another, links as links: cp takes a
 * fifth of cpSync's time.
 */
export function copyAll(from: string, to: string): void {
  const isFolder = lstatSync(from).isDirectory()
  if (isFolder) mkdirSync(to, { recursive: true })
  execFileSync("cp", ["-RP", isFolder ? `${from}/.` : from, to])
}

/**
 * Copies the built command. What hot doors keep beside it stays behind: another test's may just
 * write such a file, under a name that is gone a moment later.
 */
export function copyProgram(to: string): void {
  mkdirSync(to, { recursive: true })
  for (const name of readdirSync(BUILT)) {
    if (!name.includes(".v8")) copyFileSync(join(BUILT, name), join(to, name))
  }
}

/**
 * Copies the built command, in a whole run with the code that hot doors kept as V8 compiled it: as
 * whoever used it before has it. Times are copied too, since that code is of a text and its time.
 */
export function copyUsedProgram(to: string): void {
  const used = join(tmpdir(), USED_PROGRAM)
  if (!existsSync(used)) return copyProgram(to)
  mkdirSync(to, { recursive: true })
  execFileSync("cp", ["-Rp", `${used}/.`, to])
}

/** Makes the program that {@link copyUsedProgram} copies, in `folder`, by using it. */
export function makeUsedProgram(folder: string): void {
  const program = join(folder, USED_PROGRAM)
  const home = mkdtempSync(join(folder, "user-"))
  const repo = join(home, "repo")
  const env = { PATH: process.env["PATH"], HOME: home, ...COMMITTER }
  const run = (command: string, args: readonly string[], input = ""): void => {
    execFileSync(command, args, { cwd: repo, env, input, stdio: ["pipe", "ignore", "pipe"] })
  }
  copyProgram(program)
  mkdirSync(repo)
  run("git", ["init", "--quiet"])
  for (const [line, input] of USES) {
    run(process.execPath, [join(program, "bin.cjs"), ...line.split(" ")], input)
  }
  rmSync(home, { recursive: true })
}

const BUILT = fileURLToPath(new URL("../dist/cli", import.meta.url))
const USED_PROGRAM = `${SHARED}program`
const COMMITTER = {
  GIT_CONFIG_GLOBAL: devNull,
  ...Object.fromEntries(
    ["AUTHOR", "COMMITTER"].flatMap((role) => [
      [`GIT_${role}_NAME`, "Test Person"],
      [`GIT_${role}_EMAIL`, "test@example.com"],
    ]),
  ),
}
const USES: readonly (readonly [line: string, input?: string])[] = [
  ["init --name alice"],
  ["agent add ci"],
  ["set stripe/api-key", "v"],
  ["grant ci stripe"],
  ["get stripe/api-key --agent ci"],
  ["run --agent ci -s stripe/api-key -- true"],
  ["list"],
  ["status"],
  ["apply"],
  ["check"],
  ["owner list"],
  ["use stripe/api-key stripe --yes"],
  ["revoke ci stripe"],
  ["guard"],
]

/** A new folder for a worker, and for all files of tests that it runs. */
export function workersFolder(name: string): string {
  return mkdtempSync(join(tmpdir(), `${SHARED}${name}-`))
}

/**
 * A folder that the first file of tests to ask for it makes, and all others of the run find. It is
 * there to be copied.
 */
export async function sharedFolder(name: string, make: () => Promise<string>): Promise<string> {
  const shared = join(tmpdir(), `${SHARED}${name}`)
  if (existsSync(shared)) return shared
  const made = await make()
  try {
    renameSync(made, shared)
  } catch (error) {
    // Unless another file of tests was faster.
    if (!existsSync(shared)) throw error
    rmSync(made, { recursive: true })
  }
  return shared
}
