import { spawnSync } from "node:child_process"
import {
  chmodSync,
  existsSync,
  lstatSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  rmSync,
  symlinkSync,
} from "node:fs"
import { delimiter, join } from "node:path"
import { fileURLToPath } from "node:url"
import { expect, onTestFinished } from "vitest"
import { pemKey } from "./keys.js"
import { Repo } from "./repo.js"
import { copyUsedProgram, workersFolder } from "../folders.js"

// Commits with real git, in repositories whose hooks run the built command.

export const root = fileURLToPath(new URL("../..", import.meta.url))
/** A folder for PATH with the command in it, as it was built: a copy, so that a new build changes nothing. */
export const bundle = workersFolder("bundle")
copyUsedProgram(join(bundle, "cli"))
symlinkSync("cli/bin.cjs", join(bundle, "agent-vault"))

/** A repository of somebody on whose PATH is agent-vault, unless it is said otherwise. */
export function newRepo(path = withBundle()): Repo {
  return watched(Repo.make(), path)
}

/** Gives a repository a PATH, and removes it after the test. */
export function watched(repo: Repo, path = withBundle()): Repo {
  onTestFinished(() => repo.remove())
  Object.assign(repo.env, { PATH: path })
  return repo
}

function withBundle(): string {
  return `${bundle}${delimiter}${process.env["PATH"] ?? ""}`
}

/** What somebody did, and what was printed. */
export interface Ran {
  readonly code: number | null
  readonly said: string
}

export function run(repo: Repo, command: string, ...args: readonly string[]): Ran {
  const options = { cwd: repo.top, env: repo.env as NodeJS.ProcessEnv, encoding: "utf8" as const }
  const { status, stdout, stderr } = spawnSync(command, args, options)
  return { code: status, said: `${stdout}${stderr}` }
}

/** By somebody who lets the hooks of this repository run. */
export function guard(repo: Repo, action: string): Ran {
  return guardWith(repo, action, "--run-hooks")
}

export function guardWith(repo: Repo, action: string, ...options: readonly string[]): Ran {
  return run(repo, process.execPath, join(bundle, "agent-vault"), "guard", action, ...options)
}

/** What somebody has who has the commit and husky, and has never run `guard install`. */
export function asColleague(repo: Repo): void {
  rmSync(join(repo.top, ".git/agent-vault-guard"), { recursive: true })
}

export function commit(repo: Repo, ...args: readonly string[]): Ran {
  return run(repo, "git", "commit", "-m", "a commit", ...args)
}

/** A commit with a key is stopped, and without it let through. */
export function expectGuarded(repo: Repo): void {
  repo.stage({ "key.pem": pemKey(), "fine.txt": `${Math.random()}\n` })
  expectStopped(repo, commit(repo))
  repo.git("rm", "--quiet", "--force", "key.pem")
  expectMade(commit(repo))
}

export function expectStopped(repo: Repo, { code, said }: Ran, place = "key.pem:1:1"): void {
  expect(said).toContain(place)
  expect(code).not.toBe(0)
  expect(run(repo, "git", "log", "--all", "--format=%H", "-S", "PRIVATE KEY").said).toBe("")
}

export function expectMade({ code, said }: Ran): void {
  expect({ code, said }).toMatchObject({ code: 0 })
}

export function script(repo: Repo, path: string, text: string): void {
  repo.write(path, text)
  chmodSync(join(repo.top, path), 0o755)
}

/** Every file below folders, by its content and mode. */
export function everything(repo: Repo, ...folders: readonly string[]): Record<string, string> {
  const files = folders.flatMap((folder) =>
    existsSync(join(repo.top, folder))
      ? readdirSync(join(repo.top, folder)).map((name) => join(folder, name))
      : [`${folder} is not there`],
  )
  return Object.fromEntries(files.map((file) => [file, stateOf(join(repo.top, file))]))
}

function stateOf(file: string): string {
  const stat = lstatSync(file, { throwIfNoEntry: false })
  if (stat === undefined) return "nothing"
  if (stat.isSymbolicLink()) return `link to ${readlinkSync(file)}`
  return stat.isFile() ? `${stat.mode.toString(8)} ${readFileSync(file, "latin1")}` : "folder"
}
