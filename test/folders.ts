import { execFileSync } from "node:child_process"
import {
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
} from "node:fs"
import { tmpdir } from "node:os"
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
  const from = fileURLToPath(new URL("../dist/cli", import.meta.url))
  mkdirSync(to, { recursive: true })
  for (const name of readdirSync(from)) {
    if (!name.includes(".v8")) copyFileSync(join(from, name), join(to, name))
  }
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
